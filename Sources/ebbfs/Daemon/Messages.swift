import Control
import Engine
import FilesystemModel
import Glibc
import Threading

/// What a daemon tells people: diagnostics to its log, and its state to systemd.
///
/// A thread of its own writes, so that a log that hangs stops nothing else. Standard error of a daemon in the background is the
/// file `messages` in the state directory.
final class Messages: Sendable {
  static let fileName = "messages"
  private static let fileBytesMax = 1 << 20
  /// How many are kept in memory, for `ebbfs debug bundle`.
  static let recentMax = 500
  /// How many may wait for a log that hangs; further ones are lost.
  private static let waitingMax = 20_000
  private static let finishMilliseconds = 2000

  private struct State {
    var recent: [Diagnostic] = []
    var waiting: [Diagnostic] = []
    var limiter = DiagnosticLimiter()
    var entry = RegistryEntry(mountpoint: "", backing: "", stateDirectory: "")
    var isWriting = false
    var isFinished = false
  }

  private let log: LogTarget
  /// What is less grave is not written to the log.
  private let finest: Diagnostic.Level
  /// systemd's socket, sd_notify(3); `nil` outside of a unit of type `notify`.
  private let notifySocket: String?
  private let hasTimestamps: Bool
  private let state = Lock(State())

  init(
    log: LogTarget = .stderr, finest: Diagnostic.Level = .info,
    notifySocket: String? = Processes.environmentValue("NOTIFY_SOCKET"), hasTimestamps: Bool = false
  ) {
    self.log = log
    self.finest = finest
    self.notifySocket = notifySocket
    self.hasTimestamps = hasTimestamps
  }

  func say(_ text: String, _ level: Diagnostic.Level = .info) { tell(Diagnostic(level, text)) }

  /// Tells of an event unless too many of its kind come. Does not wait for the log.
  func tell(_ event: EngineEvent) {
    let kind = event.kind
    guard kind.level <= max(finest, .info) else { return }
    let now = Monotonic.milliseconds()
    tellLeftOut(now: now)
    guard state.withLock({ $0.limiter.admits(kind, now: now) }) else { return }
    tell(Diagnostic(event))
  }

  /// Keeps a diagnostic, and has it written. Does not wait for the log.
  func tell(_ diagnostic: Diagnostic) {
    var diagnostic = diagnostic
    diagnostic.seconds = time(nil)
    state.withLock { [diagnostic] state in
      if state.recent.count == Self.recentMax { state.recent.removeFirst() }
      state.recent.append(diagnostic)
      if diagnostic.level <= finest, state.waiting.count < Self.waitingMax { state.waiting.append(diagnostic) }
    }
    state.wake()
  }

  /// What was told of late, the oldest first.
  var recent: [Diagnostic] { state.withLock { $0.recent } }

  private func tellLeftOut(now: Int) {
    for diagnostic in state.withLock({ $0.limiter.takeLeftOut(now: now) }) { tell(diagnostic) }
  }

  // MARK: Writing

  /// Begins to write what is told, and what was told before, to the log of a mount's daemon.
  func start(_ entry: RegistryEntry) {
    state.withLock { $0.entry = entry }
    let target = log.resolved
    let writing: @Sendable () -> Void = { [self] in
      while writeWaiting(to: target, isLast: false) {
        tellLeftOut(now: Monotonic.milliseconds())
        _ = state.wait(milliseconds: 1000) { $0.waiting.isEmpty && !$0.isFinished ? nil : true }
      }
    }
    // Without the thread all of it is written at the end.
    try? Threads.start("ebbfs-log", writing)
  }

  /// Writes what is left, unless the log hangs. Nothing is written afterwards.
  func finish() {
    tellLeftOut(now: .max)
    state.withLock { $0.isFinished = true }
    state.wake()
    let isIdle = state.wait(milliseconds: Self.finishMilliseconds) { $0.isWriting ? nil : true }
    if isIdle != nil { _ = writeWaiting(to: log.resolved, isLast: true) }
  }

  /// - Returns: whether there may be more to come.
  private func writeWaiting(to target: LogTarget, isLast: Bool) -> Bool {
    let taken = state.withLock { state -> ([Diagnostic], RegistryEntry)? in
      if state.isFinished, !isLast { return nil }
      defer { state.waiting = [] }
      state.isWriting = true
      return (state.waiting, state.entry)
    }
    guard let (diagnostics, entry) = taken else { return false }
    for diagnostic in diagnostics { write(diagnostic, of: entry, to: target) }
    if hasTimestamps, !diagnostics.isEmpty { Self.emptyLongFile() }
    state.withLock { $0.isWriting = false }
    state.wake()
    return !isLast
  }

  private func write(_ diagnostic: Diagnostic, of entry: RegistryEntry, to target: LogTarget) {
    switch target {
    case .syslog: return LogTarget.writeToSyslog(diagnostic, mountpoint: entry.mountpoint)
    case .journal: if (try? LogTarget.sendToJournal(diagnostic, of: entry)) != nil { return }
    case .auto, .stderr: break
    }
    let time = hasTimestamps ? UniversalTime.text(diagnostic.seconds) + " " : ""
    Self.write("\(time)ebbfs: \(diagnostic.leveledLine)\n")
  }

  /// Standard error of a daemon in the background is its file, on the journal's disk: it must not grow for ever.
  private static func emptyLongFile() {
    guard let bytes = try? Files.facts("/proc/self/fd/\(STDERR_FILENO)").bytes, bytes > fileBytesMax else { return }
    ftruncate(STDERR_FILENO, 0)
  }

  /// Tells systemd, if it listens.
  func notify(_ state: String) {
    guard let notifySocket else { return }
    // systemd that cannot be told is not a reason to disturb the mount.
    try? LocalSockets.sendDatagram(state, to: notifySocket)
  }

  /// Standard error may be a closed pipe: nothing can be said of that.
  static func write(_ text: String) {
    let end = Descriptor(owning: STDERR_FILENO)
    try? end.write(Array(text.utf8))
    _ = end.release()
  }

  /// Opens the file in the state directory, which is emptied when it has grown long.
  static func openFile(stateDirectory: String) throws(Errno) -> Descriptor {
    let path = PathText.joined(stateDirectory, fileName)
    let file = try Descriptor(path: path, flags: O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, permissions: 0o600)
    if try Files.facts(path).bytes > fileBytesMax { ftruncate(file.number, 0) }
    return file
  }

  /// Lets standard output and standard error go to the file.
  static func redirect(to file: borrowing Descriptor) {
    for standard in [STDOUT_FILENO, STDERR_FILENO] { dup2(file.number, standard) }
  }
}
