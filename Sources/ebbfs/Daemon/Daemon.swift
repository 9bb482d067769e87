import Control
import FilesystemModel
import Glibc
import Threading

/// The life of a mount: serving, then draining what is pending, then stopping.
///
/// `run` is called once, by the main thread; everything else by any thread.
final class Daemon: Sendable {
  /// How much was left when the daemon stopped.
  enum Ending: Hashable, Sendable {
    case complete
    /// With why, and what becomes of the rest, in one line.
    case incomplete(ControlProgress, why: String)
  }

  private struct Life {
    var phase = StatusReport.Phase.serving
    var isDrained = false
    var drainFailure: String?
    var mustStop = false
    /// Uptime in milliseconds after which draining is given up.
    var drainUntil: Int?
    var ending: Ending?
    /// Requests that are being answered.
    var answers = 0
  }

  let filesystem: any MountedFilesystem
  private let entry: RegistryEntry
  private let startedAt = Monotonic.milliseconds()
  private let life = Lock(Life())
  private let messages: Messages

  /// What SIGTERM gives write-back before the rest is left to the next mount.
  static let terminationDrainMilliseconds = 30_000

  init(filesystem: any MountedFilesystem, entry: RegistryEntry, messages: Messages) {
    self.filesystem = filesystem
    self.entry = entry
    self.messages = messages
  }

  /// Serves until the mount is gone, then writes back what is left unless told to stop.
  func run() -> ExitStatus {
    startTicking()
    do throws(CommandFailure) {
      try filesystem.serve()
    } catch {
      messages.say(error.message)
    }
    drain()
    return end()
  }

  private func startTicking() {
    let ticking: @Sendable () -> Void = { [self] in
      while life.wait(milliseconds: filesystem.tickMilliseconds, until: { $0.phase == .stopping ? true : nil }) == nil {
        filesystem.tick()
      }
    }
    do throws(Errno) {
      try Threads.start("ebbfs-timer", ticking)
    } catch {
      messages.say("no timer thread: \(error.message); what is pending is written back after the unmount")
    }
  }

  private func drain() {
    life.withLock { $0.phase = .draining }
    messages.notify("STOPPING=1\nSTATUS=writing back")
    filesystem.drain { [self] failure in
      life.withLock { life in
        life.isDrained = true
        life.drainFailure = failure
      }
      life.wake()
    }
    while true {
      let isOver = life.wait(milliseconds: 1000) { life in
        life.isDrained || life.mustStop || life.drainUntil.map { Monotonic.milliseconds() >= $0 } == true ? true : nil
      }
      if isOver != nil { return }
      let report = filesystem.status()
      // Nothing more can be written back safely without the records of it.
      if let failure = report.journalFailure { return messages.say("the journal failed: \(failure)") }
      messages.notify("STATUS=writing back, \(ProgressText.left(report.progress)) left")
    }
  }

  private func end() -> ExitStatus {
    life.withLock { $0.phase = .stopping }
    life.wake()
    filesystem.stop()
    let report = filesystem.status()
    let ending = report.isClean ? Ending.complete : Ending.incomplete(report.progress, why: whyIncomplete(report))
    if case .incomplete(let left, let why) = ending {
      messages.say("stopped with \(ProgressText.left(left)) not yet written back: \(why)")
    }
    life.withLock { $0.ending = ending }
    life.wake()
    // Those who wait for the end are told before the process is gone, but none may hold it up.
    _ = life.wait(milliseconds: 2000) { $0.answers == 0 ? true : nil }
    return ending == .complete ? .success : .incomplete
  }

  private func whyIncomplete(_ report: StatusReport) -> String {
    let kept = "the journal in \(entry.stateDirectory) keeps it for the next mount"
    if let failure = report.journalFailure {
      return "the journal failed (\(failure)); mend its disk, then mount again: \(kept), as far as that disk still has it"
    }
    return "\(life.withLock { $0.drainFailure } ?? "the daemon was told to end"); \(kept)"
  }

  /// What `ebbfs status` shows.
  func report() -> StatusReport {
    var report = filesystem.status()
    report.version = Help.version
    report.mountpoint = entry.mountpoint
    report.backing = entry.backing
    report.stateDirectory = entry.stateDirectory
    report.processID = entry.process
    report.phase = life.withLock { $0.phase }
    report.uptimeMilliseconds = Monotonic.milliseconds() - startedAt
    return report
  }

  /// What `ebbfs stats` shows.
  func statistics() -> StatisticsReport {
    StatisticsReport(
      mountpoint: entry.mountpoint, version: Help.version, uptimeMilliseconds: Monotonic.milliseconds() - startedAt,
      families: filesystem.statistics())
  }

  /// Whether the mount is gone.
  var isUnmounted: Bool { life.withLock { $0.phase != .serving } }

  /// Makes draining stop at the next action; `stillMounted` while there is nothing to drain.
  func requestStop() throws(ControlFailure) {
    let isAccepted = life.withLock { life in
      guard life.phase != .serving else { return false }
      life.mustStop = true
      return true
    }
    guard isAccepted else {
      throw ControlFailure(
        reason: .stillMounted, message: "\(entry.backing) is mounted on \(entry.mountpoint) by process \(entry.process)")
    }
    life.wake()
  }

  /// SIGTERM: the mount goes at once, even if it is in use; what is pending gets 30 s. A second one ends even those.
  func terminate() {
    let isFirst = life.withLock { life in
      guard life.drainUntil == nil else {
        life.mustStop = true
        return false
      }
      life.drainUntil = Monotonic.milliseconds() + Self.terminationDrainMilliseconds
      return true
    }
    life.wake()
    guard isFirst, !isUnmounted else { return }
    messages.say(
      "told to end; unmounting and writing back for at most \(Quantity.time(milliseconds: Self.terminationDrainMilliseconds))")
    filesystem.endServing()
  }

  /// Tells that a request is being answered: the end of the process waits for that, for a moment.
  func beginAnswer() { life.withLock { $0.answers += 1 } }

  /// Ends what `beginAnswer` began.
  func endAnswer() {
    life.withLock { $0.answers -= 1 }
    life.wake()
  }

  /// Waits for the end of the daemon's work, calling `isAwaited` about five times a second; `nil` when that says no.
  func awaitEnding(isAwaited: () -> Bool) -> Ending? {
    while true {
      if let ending = life.wait(milliseconds: 200, until: { $0.ending }) { return ending }
      if !isAwaited() { return nil }
    }
  }
}
