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
    /// All is written back but so many dead letters and what is behind them.
    case deadLetters(Int)
  }

  private struct Life {
    var phase = StatusReport.Phase.serving
    var isDrained = false
    var drainFailure: String?
    var mustStop = false
    /// Uptime in milliseconds after which draining is given up.
    var drainUntil: Int?
    var isOutOfTime = false
    /// Whether SIGTERM came.
    var isTerminating = false
    var ending: Ending?
    var lastLookAtHealth = 0
    var lastSample = 0
    /// Requests that are being answered.
    var answers = 0
  }

  let filesystem: any MountedFilesystem
  private let entry: RegistryEntry
  private let startedAt = Monotonic.milliseconds()
  private let life = Lock(Life())
  private let monitor: Lock<HealthMonitor>
  private let recorder = Lock(HistoryRecorder())
  private let messages: Messages
  private let service = Lock(ServiceStatus())
  /// What holds now.
  private let options: Lock<MountOptions>

  private static let lossesSaidMax = 10_000
  private static let settlingMilliseconds = 60_000

  /// How long write-back may go on after the unmount; `nil` for no bound but that of SIGTERM.
  private let unmountTimeout: Int?

  /// What SIGTERM gives write-back before the rest is left to the next mount, unless `unmount_timeout` says otherwise. With the
  /// time that `EngineMount` gives a call under way it fits in the 90 s that systemd gives a unit to stop.
  static let terminationDrainMilliseconds = 30_000

  /// What `Confinement` tells.
  private let confinement: String

  init(
    filesystem: any MountedFilesystem, entry: RegistryEntry, messages: Messages, options: MountOptions = MountOptions(),
    confinement: String = ""
  ) {
    self.confinement = confinement
    unmountTimeout = options.unmountTimeout
    monitor = Lock(HealthMonitor(options.health))
    self.options = Lock(options)
    self.filesystem = filesystem
    self.entry = entry
    self.messages = messages
  }

  /// Serves until the mount is gone, then writes back what is left unless told to stop.
  func run() -> ExitStatus {
    startTicking()
    settleLosses()
    messages.notify("READY=1\nSTATUS=serving")
    do throws(CommandFailure) {
      try filesystem.serve()
    } catch {
      messages.say(error.message, .error)
    }
    drain()
    return end()
  }

  /// Tells what the journal has lost, and writes back what may have been half written back unknown to it, before anybody looks:
  /// for a while, if the backing directory does not take it.
  private func settleLosses() {
    let salvage = filesystem.salvage
    if !salvage.damagedSegments.isEmpty {
      let names = salvage.damagedSegments.map { "damaged-\($0)" }.joined(separator: ", ")
      messages.say("damaged segments of the journal are kept as \(names) in \(entry.stateDirectory)", .warning)
    }
    for loss in salvage.losses.prefix(Self.lossesSaidMax) { messages.say("lost: \(loss.description)", .error) }
    if !salvage.losses.isEmpty { messages.say("\(Quantity.count(salvage.losses.count, "thing")) lost", .error) }
    guard salvage.isDoubtful else { return }
    messages.notify("STATUS=settling what a damaged journal left")
    let isSettled = Lock(false)
    _ = filesystem.flush([], isHastened: true) { _ in
      isSettled.withLock { $0 = true }
      isSettled.wake()
    }
    if isSettled.wait(milliseconds: Self.settlingMilliseconds, until: { $0 ? true : nil }) == nil {
      messages.say("not everything could be written back yet; serving all the same", .warning)
    }
  }

  private func startTicking() {
    let ticking: @Sendable () -> Void = { [self] in
      while life.wait(milliseconds: filesystem.tickMilliseconds, until: { $0.phase == .stopping ? true : nil }) == nil {
        filesystem.tick()
        watchHealth()
        recordHistory()
        endServingIfOutOfTime()
      }
    }
    do throws(Errno) {
      try Threads.start("ebbfs-timer", ticking)
    } catch {
      messages.say("no timer thread: \(error.message); what is pending is written back after the unmount", .error)
    }
  }

  /// Says what becomes a matter of concern, and what ends to be one; tells systemd how the mount is.
  private func watchHealth() {
    let now = Monotonic.milliseconds()
    let isDue = life.withLock { life in
      guard now - life.lastLookAtHealth >= 1000 else { return false }
      life.lastLookAtHealth = now
      return true
    }
    guard isDue else { return }
    let report = report()
    // What is told while it drains is the drain's.
    if report.phase == .serving { tellService(ServiceStatus.text(report)) }
  }

  private func tellService(_ status: String, left: ControlProgress? = nil) {
    let lines = service.withLock { $0.lines(status, left: left, now: Monotonic.milliseconds()) }
    if let lines { messages.notify(lines) }
  }

  private func recordHistory() {
    let now = Monotonic.milliseconds()
    let isDue = life.withLock { life in
      guard now - life.lastSample >= History.intervalSeconds * 1000 else { return false }
      life.lastSample = now
      return true
    }
    guard isDue else { return }
    let statistics = statistics()
    recorder.withLock { $0.add(statistics) }
  }

  /// A lazy unmount has a bound, and programs still have files open.
  private func endServingIfOutOfTime() {
    let isOutOfTime = life.withLock { life in
      life.phase == .serving && !life.isTerminating && life.drainUntil.map { Monotonic.milliseconds() >= $0 } ?? false
    }
    if isOutOfTime { filesystem.endServing() }
  }

  private func drain() {
    let mustWriteBack = life.withLock { life in
      life.phase = .draining
      if let unmountTimeout, life.drainUntil == nil { life.drainUntil = Monotonic.milliseconds() + unmountTimeout }
      return !life.mustStop
    }
    guard mustWriteBack else { return }
    messages.notify("STOPPING=1")
    var meter = ProgressMeter()
    filesystem.drain { [self] failure in
      life.withLock { life in
        life.isDrained = true
        life.drainFailure = failure
      }
      life.wake()
    }
    while true {
      let report = filesystem.status()
      // Nothing more can be written back safely without the records of it.
      if let failure = report.journalFailure { return messages.say("the journal failed: \(failure)", .error) }
      meter.note(report.progress, now: Monotonic.milliseconds())
      tellService("writing back, \(meter.text)", left: report.progress)
      let untilBound = life.withLock { $0.drainUntil }.map { max(0, $0 - Monotonic.milliseconds()) } ?? 1000
      let isOver = life.wait(milliseconds: min(1000, untilBound)) { $0.isDrained || $0.mustStop ? true : nil }
      if isOver != nil { return }
      let isOutOfTime = life.withLock { life in
        life.isOutOfTime = life.drainUntil.map { Monotonic.milliseconds() >= $0 } ?? false
        return life.isOutOfTime
      }
      if isOutOfTime { return }
    }
  }

  private func end() -> ExitStatus {
    life.withLock { $0.phase = .stopping }
    life.wake()
    filesystem.stop()
    let report = filesystem.status()
    let ending = ending(report)
    switch ending {
    case .complete: break
    case .incomplete(let left, let why):
      messages.say("stopped with \(ProgressText.left(left)) not yet written back: \(why)", .warning)
    case .deadLetters(let count): messages.say(ProgressText.deadLetters(count), .warning)
    }
    life.withLock { $0.ending = ending }
    life.wake()
    // Those who wait for the end are told before the process is gone, but none may hold it up.
    _ = life.wait(milliseconds: 2000) { $0.answers == 0 ? true : nil }
    switch ending {
    case .complete: return .success
    case .incomplete: return .incomplete
    case .deadLetters: return .deadLetters
    }
  }

  private func ending(_ report: StatusReport) -> Ending {
    if report.isClean { return .complete }
    let isDrained = life.withLock { $0.isDrained && $0.drainFailure == nil }
    if isDrained, report.deadLetters > 0, report.journalFailure == nil { return .deadLetters(report.deadLetters) }
    return .incomplete(report.progress, why: whyIncomplete(report))
  }

  private func whyIncomplete(_ report: StatusReport) -> String {
    let kept = "the journal in \(entry.stateDirectory) keeps it for the next mount"
    if let failure = report.journalFailure {
      return "the journal failed (\(failure)); mend its disk, then mount again: \(kept), as far as that disk still has it"
    }
    let (failure, isOutOfTime) = life.withLock { ($0.drainFailure, $0.isOutOfTime) }
    return "\(failure ?? (isOutOfTime ? "the time for that is over" : "the daemon was told to end")); \(kept)"
  }

  /// What `ebbfs status` shows.
  func report() -> StatusReport {
    var report = filesystem.status()
    report.version = Help.version
    report.mountpoint = entry.mountpoint
    report.backing = entry.backing
    report.stateDirectory = entry.stateDirectory
    report.processID = entry.process
    report.confinement = confinement
    report.phase = life.withLock { $0.phase }
    report.uptimeMilliseconds = Monotonic.milliseconds() - startedAt
    let (health, diagnostics) = monitor.withLock { [report] in $0.assess(report) }
    for diagnostic in diagnostics { messages.tell(diagnostic) }
    report.health = health
    report.configuration = options.withLock { OptionTable.settings(of: $0) }
    return report
  }

  /// Changes options, each `KEY=VALUE`: all of them, or none and throws one line.
  func set(_ settings: [String]) throws(CommandFailure) {
    try filesystem.set(settings)
    options.withLock { options in
      // The filesystem has taken them.
      for setting in settings { try? OptionParser.apply(setting, to: &options) }
    }
  }

  /// What `ebbfs stats` shows.
  func statistics() -> StatisticsReport {
    StatisticsReport(
      mountpoint: entry.mountpoint, version: Help.version, uptimeMilliseconds: Monotonic.milliseconds() - startedAt,
      families: filesystem.statistics())
  }

  /// What `ebbfs report` draws.
  func historyReport() -> HistoryReport {
    var report = HistoryReport()
    report.mountpoint = entry.mountpoint
    report.nowSeconds = time(nil)
    report.uptimeSeconds = (Monotonic.milliseconds() - startedAt) / 1000
    report.samples = recorder.withLock { $0.history.samples }
    return report
  }

  /// Takes the mount away; `busy` when it is in use, unless lazily. What it bounds holds also for one that is gone already.
  func unmount(_ options: UnmountOptions) throws(Errno) {
    let until = options.timeoutMilliseconds.map { Monotonic.milliseconds() + $0 }
    // Before the mount is gone, as write-back of the rest begins then.
    let mustStop = life.withLock { life in
      defer { life.mustStop = life.mustStop || options.keepsJournal }
      return life.mustStop
    }
    do throws(Errno) {
      if !isUnmounted { try takeAway(options) }
    } catch {
      life.withLock { $0.mustStop = mustStop }
      throw error
    }
    // Not before: a mount that is in use and stays must not be ended by it.
    life.withLock { $0.drainUntil = until ?? $0.drainUntil }
    life.wake()
  }

  private func takeAway(_ options: UnmountOptions) throws(Errno) {
    // What is open is of no more use to anybody when nothing is waited for.
    if options.keepsJournal, options.isLazy { return filesystem.endServing() }
    try filesystem.unmount(lazily: options.isLazy)
  }

  /// What was told of late, the oldest first.
  var diagnostics: [Diagnostic] { messages.recent }

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

  /// SIGTERM: the mount goes at once, even if it is in use; what is pending gets `unmount_timeout` or 30 s. A second one ends
  /// even those.
  func terminate() {
    let timeout = unmountTimeout ?? Self.terminationDrainMilliseconds
    let isFirst = life.withLock { life in
      guard !life.isTerminating else {
        life.mustStop = true
        return false
      }
      life.isTerminating = true
      life.drainUntil = min(life.drainUntil ?? .max, Monotonic.milliseconds() + timeout)
      return true
    }
    life.wake()
    guard isFirst, !isUnmounted else { return }
    messages.say("told to end; unmounting and writing back for at most \(Quantity.time(milliseconds: timeout))")
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
