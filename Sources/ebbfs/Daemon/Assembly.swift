import Control
import Engine
import FUSEBridge
import FilesystemModel
import Glibc
import PosixStorage
import Threading

/// Builds the mounted filesystem out of journal, engine, backing directory and FUSE session.
enum Assembly {
  /// Opens or makes the journal, recovers, and mounts; requests wait until `serve`.
  ///
  /// Throws `journal`, `backingDirectory` or `mount` with one line; nothing is mounted then.
  static func assemble(_ mount: ValidMount) throws(CommandFailure) -> any MountedFilesystem {
    let runner: ThreadedJobRunner
    do {
      runner = try ThreadedJobRunner(writeBackThreads: mount.options.flushThreads)
    } catch {
      throw CommandFailure(.failed, "threads cannot be started: \(error)")
    }
    let backing: PosixBackingStorage
    do {
      backing = try PosixBackingStorage(rootPath: mount.backing)
    } catch {
      throw CommandFailure(.backingDirectory, "\(error)")
    }
    let journal: PosixJournalStorage
    do {
      journal = try PosixJournalStorage(directory: mount.stateDirectory, create: true)
    } catch {
      throw CommandFailure(.stateDirectory, "\(error)")
    }
    let engine: Engine
    do {
      engine = try Engine.open(
        configuration: configuration(mount), journalStorage: journal, backing: backing, runner: runner, clock: SystemClock())
    } catch {
      throw CommandFailure(.journal, "\(error)")
    }
    do throws(MountError) {
      let session = try MountSession(mountpoint: mount.mountpoint, options: sessionOptions(mount), handler: engine)
      try session.mount()
      return AssembledFilesystem(engine: engine, session: session, runner: runner, mount: mount)
    } catch {
      throw CommandFailure(.mount, error.description)
    }
  }

  private static func configuration(_ mount: ValidMount) -> EngineConfiguration {
    var configuration = EngineConfiguration()
    switch mount.options.durability {
    case .always: configuration.durability = .always
    case .batch(let milliseconds): configuration.durability = .batch(milliseconds: milliseconds)
    case .os: configuration.durability = .system
    }
    configuration.writebackDelayMilliseconds = mount.options.writebackDelay
    configuration.writebackDeadlineMilliseconds = mount.options.writebackDeadline
    configuration.flushThreads = mount.options.flushThreads
    configuration.memoryBytes = mount.options.memory
    configuration.journalBytes = mount.journalSize.capacity
    configuration.segmentBytes = mount.journalSize.segmentBytes
    var random = SystemRandomNumberGenerator()
    configuration.journalSeed = (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
    return configuration
  }

  private static func sessionOptions(_ mount: ValidMount) -> MountSessionOptions {
    let words = mount.options.kernelWords.filter { $0 != "rw" && $0 != "ro" }
    return MountSessionOptions(
      fsname: mount.backing, allowOther: mount.options.allowOther || geteuid() == 0,
      readOnly: mount.options.kernelWords.contains("ro"), kernelOptions: words)
  }
}

/// The real thing: an engine behind a FUSE session.
final class AssembledFilesystem: MountedFilesystem {
  private let engine: Engine
  private let session: MountSession
  private let runner: ThreadedJobRunner
  private let mount: ValidMount

  init(engine: Engine, session: MountSession, runner: ThreadedJobRunner, mount: ValidMount) {
    self.engine = engine
    self.session = session
    self.runner = runner
    self.mount = mount
  }

  func serve() throws(CommandFailure) {
    do throws(MountError) {
      try session.run()
    } catch {
      throw CommandFailure(.mount, error.description)
    }
  }

  func unmount(lazily: Bool) throws(Errno) { try session.unmount(lazily: lazily) }
  func endServing() { session.exit() }
  func tick() { engine.tick() }
  func flush(completion: @escaping @Sendable (String?) -> Void) { engine.drain { completion(nil) } }
  func drain(completion: @escaping @Sendable (String?) -> Void) { engine.drain { completion(nil) } }

  func stop() { engine.close() }

  func status() -> StatusReport {
    let status = engine.status()
    var report = StatusReport()
    report.mode = "write-back"
    report.durability = mount.options.durability.text
    report.dirtyBytes = status.dirtyBytes
    report.dirtyInodes = status.dirtyInodes
    report.pendingOperations = status.pendingOperations
    report.oldestAgeMilliseconds = status.oldestAgeMilliseconds
    report.openPlans = status.openPlans
    report.journalUsedBytes = status.journalUsedBytes
    report.journalCapacityBytes = status.journalCapacityBytes
    report.lastLSN = status.lastLSN.rawValue
    report.durableLSN = status.durableLSN.rawValue
    report.journalFailure = status.journalFailure.map { "error \($0.rawValue)" }
    return report
  }
}
