import Control
import Engine
import FilesystemModel
import Glibc
import Statistics
import Threading

@testable import ebbfs

/// A filesystem without a mount, whose life a test directs.
final class DoubleFilesystem: MountedFilesystem {
  struct State {
    var report = StatusReport()
    var isServing = true
    var isBusy = false
    var flushedInodes: [UInt64] = []
    var hastenings: [Bool] = []
    var file = FileReport()
    var activity = ActivityReport()
    /// What a lazy unmount leaves: files that are open.
    var isUsed = false
    var unmounts: [Bool] = []
    var flushes: [@Sendable (FlushOutcome) -> Void] = []
    var drain: (@Sendable (String?) -> Void)?
    var ticks = 0
    var settings: [String] = []
    var letters: [DeadLetterReport] = []
    var isStopped = false
  }

  let state = Lock(State())

  init(dirtyBytes: Int = 0) { state.withLock { $0.report.dirtyBytes = dirtyBytes } }

  func serve() throws(CommandFailure) { _ = state.wait { $0.isServing ? nil : true } }

  func unmount(lazily: Bool) throws(Errno) {
    if !lazily, state.withLock({ $0.isBusy }) { throw .busy }
    let isUsed = state.withLock { state in
      state.unmounts.append(lazily)
      return state.isUsed
    }
    if !isUsed { endServing() }
  }

  func endServing() {
    state.withLock { $0.isServing = false }
    state.wake()
  }

  func status() -> StatusReport { state.withLock { $0.report } }

  func set(_ settings: [String]) throws(CommandFailure) {
    if settings.contains("mode=refused") { throw CommandFailure(.usage, "mode=refused is refused") }
    state.withLock { $0.settings += settings }
  }

  func reloadRules() throws(CommandFailure) { throw CommandFailure(.failed, "the rules file is gone") }
  func statistics() -> [MetricFamily] { [.gauge("ebbfs_dirty_bytes", "Bytes.", .bytes, value: status().dirtyBytes)] }

  func file(_ inode: UInt64) -> FileReport { state.withLock { $0.file } }
  func activity() -> ActivityReport { state.withLock { $0.activity } }

  func flush(
    _ inodes: [UInt64], isHastened: Bool, completion: @escaping @Sendable (FlushOutcome) -> Void
  ) -> @Sendable () -> ControlProgress {
    state.withLock { state in
      state.hastenings.append(isHastened)
      state.flushes.append(completion)
      state.flushedInodes += inodes
    }
    state.wake()
    return { [self] in status().progress }
  }

  func drain(completion: @escaping @Sendable (String?) -> Void) {
    state.withLock { $0.drain = completion }
    state.wake()
  }

  func deadLetters() -> [DeadLetterReport] { state.withLock { $0.letters } }

  func retryDeadLetters(_ subjects: [WritebackSubject]?) throws(ControlFailure) -> Int {
    state.withLock { state in
      let taken = state.letters.filter { subjects?.contains($0.subject) ?? true }
      state.letters.removeAll { taken.contains($0) }
      return taken.count
    }
  }

  func discardDeadLetters(_ subjects: [WritebackSubject]?, withDependents: Bool) throws(ControlFailure) -> Int {
    let count = deadLetters().filter { subjects?.contains($0.subject) ?? true }.reduce(0) { $0 + $1.dependents.count }
    guard withDependents || count == 0 else { throw ControlFailure(reason: .failed, message: "\(count) behind") }
    return try count + retryDeadLetters(subjects)
  }

  func stop() {
    state.withLock { $0.isStopped = true }
    state.wake()
  }

  let tickMilliseconds = 50
  let salvage = SalvageReport()

  func tick() {
    state.withLock { $0.ticks += 1 }
    state.wake()
  }

  /// Waits until the state is as asked; false after 10 s.
  func awaits(_ condition: (State) -> Bool) -> Bool {
    state.wait(milliseconds: 10_000) { condition($0) ? true : nil } ?? false
  }

  /// Everything is written back; answers whoever waits for it.
  func writeBackEverything() {
    let (flushes, drain, letters) = state.withLock { state in
      state.report.dirtyBytes = 0
      defer { (state.flushes, state.drain) = ([], nil) }
      return (state.flushes, state.drain, state.report.deadLetters)
    }
    for completion in flushes { completion(letters == 0 ? .done : .deadLetters(letters)) }
    drain?(nil)
  }
}

/// A daemon around a double, with its control socket in a temporary directory.
final class DoubleDaemon {
  let directory: TemporaryDirectory
  let filesystem: DoubleFilesystem
  let daemon: Daemon
  let client: ControlClient
  private let server: ControlServer
  private let ending = Lock<ExitStatus?>(nil)

  /// - Parameter nested: how many long directories lie above the socket.
  init(dirtyBytes: Int = 0, nested: Int = 0, unmountTimeout: Int? = nil, notifySocket: String? = nil) throws {
    directory = try TemporaryDirectory()
    let long = String(repeating: "/" + String(repeating: "d", count: 100), count: nested)
    let stateDirectory = directory.path + "/state" + long
    try Files.makeDirectories(stateDirectory)
    filesystem = DoubleFilesystem(dirtyBytes: dirtyBytes)
    let entry = RegistryEntry(mountpoint: "/nowhere/m", backing: "/nowhere/b", stateDirectory: stateDirectory)
    var options = MountOptions()
    options.unmountTimeout = unmountTimeout
    daemon = Daemon(
      filesystem: filesystem, entry: entry, messages: Messages(notifySocket: notifySocket), options: options)
    client = ControlClient(stateDirectory: stateDirectory, user: getuid())
    server = try ControlServer(stateDirectory: stateDirectory, service: ControlService(daemon: daemon))
    try server.start()
  }

  deinit { server.stop() }

  func start() throws {
    try Threads.start("daemon") { [daemon, ending] in
      let status = daemon.run()
      ending.withLock { $0 = status }
      ending.wake()
    }
  }

  /// How `run` ended; `nil` after 10 s without an end.
  func awaitEnd() -> ExitStatus? { ending.wait(milliseconds: 10_000) { $0 } }
}
