import Control
import FilesystemModel
import Testing

@testable import ebbfs

private func report(_ change: (inout StatusReport) -> Void) -> StatusReport {
  var report = StatusReport()
  report.journalCapacityBytes = 1000 << 10
  change(&report)
  return report
}

@Test func crossingAThresholdIsToldOnceAndEndsATenthBelowIt() {
  var monitor = HealthMonitor(HealthThresholds())
  func tell(_ age: Int?) -> (Health.Level, [String]) {
    let (health, diagnostics) = monitor.assess(report { $0.oldestAgeMilliseconds = age })
    return (health.level, diagnostics.map(\.leveledLine))
  }
  #expect(tell(nil) == (.ok, []))
  #expect(tell(299_999) == (.ok, []))
  #expect(tell(300_000) == (.warning, ["warning: the oldest change waits for write-back since 5 min 0 s"]))
  #expect(tell(280_000) == (.warning, []))
  #expect(tell(301_000) == (.warning, []))
  #expect(tell(3_600_000) == (.critical, ["error: the oldest change waits for write-back since 1 h 0 min"]))
  #expect(tell(3_300_000) == (.critical, []))
  #expect(tell(600_000).0 == .warning)
  #expect(tell(1000) == (.ok, ["no more: the oldest change waits for write-back since 1.0 s"]))
}

@Test func everyTroubleIsAReason() {
  var monitor = HealthMonitor(HealthThresholds())
  let (health, diagnostics) = monitor.assess(
    report {
      $0.journalFailure = "Input/output error"
      $0.journalUsedBytes = 800 << 10
      $0.oldestAgeMilliseconds = 300_000
      $0.backingFailure = "Transport endpoint is not connected"
      $0.longestCallMilliseconds = 31_000
      $0.failingOperations = 2
      $0.deadLetters = 1
    })
  #expect(health.level == .critical && health.reasons.count == 7 && diagnostics.count == 5)
  #expect(
    health.reasons.dropFirst().first == "800.0 KiB of 1000.0 KiB of the journal are used", "\(health.reasons)")
  #expect(health.reasons.contains("the backing directory hangs, a call takes 31.0 s so far"))
  #expect(monitor.assess(report { _ in }).0 == Health())
}

@Test func statusOfADaemonHasItsHealth() throws {
  let double = try DoubleDaemon()
  double.filesystem.state.withLock { $0.report.backingFailure = "gone" }
  guard case .status(let report) = try double.client.ask(.status) else {
    Issue.record("no status")
    return
  }
  #expect(report.health == Health(level: .warning, reasons: ["the backing directory is away: gone"]))
  #expect(ExitStatus.usage.ofStatusCommand == 3 && ExitStatus.failed.ofStatusCommand == 3)
  #expect(ExitStatus.notMounted.ofStatusCommand == 9)
}

/// Paths may be as long as a tree is deep.
@Test func aReportOfManyLongConflictsFitsIntoAMessage() throws {
  let name = EntryName(unchecked: [UInt8](repeating: 0xff, count: 255))
  let path = [EntryName](repeating: name, count: 500).relativePathBytes
  let conflict = Conflict(kind: .overwrite, path: path, time: Timestamp(seconds: 0), resolution: .kept(as: name))
  var report = StatusReport()
  report.conflicts = [StatusReport.Conflict](repeating: .init(conflict), count: StatusReport.conflictsMax)
  #expect(ControlCodec.encode(.status(report)).count < ControlCodec.frameBytesMax)
}
