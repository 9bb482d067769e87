import Engine
import FUSEBridge
import FilesystemModel
import Policies
import PosixStorage
import Threading
import WriteAheadLog

/// Builds the mounted filesystem out of journal, engine, backing directory and FUSE session.
enum Assembly {
  /// Opens or makes the journal, recovers, and mounts; requests wait until `serve`. Everything here happens confined.
  ///
  /// Throws `journal`, `backingDirectory` or `mount` with one line; nothing is mounted then.
  static func assemble(
    _ mount: ValidMount, journalStorage: PosixJournalStorage, mounter: any Mounter, rings: RequestRings?,
    observe: @escaping EngineObserver
  ) throws(CommandFailure) -> any MountedFilesystem {
    let backing: PosixBackingStorage
    do throws(BackingRootError) {
      backing = try PosixBackingStorage(probing: mount.backing)
    } catch {
      throw CommandFailure(.backingDirectory, error.description)
    }
    // However this ends, nothing is left in the directory of what was tried there.
    defer { _ = backing.abilities }
    let engine = try openEngine(mount, journalStorage, backing, try makeRunner(threads: mount.options.flushThreads), observe)
    do throws(CommandFailure) {
      let session = try makeSession(mount, engine, mounter, rings)
      let invalidation = try PageInvalidation(session)
      engine.observeWritesAround { invalidation.add($0, $1) }
      return EngineMount(engine: engine, session: session, rulesFile: mount.options.rulesFile, rules: mount.rules)
    } catch {
      EngineMount.close(engine)
      throw error
    }
  }

  private static func makeSession(
    _ mount: ValidMount, _ engine: Engine, _ mounter: any Mounter, _ rings: RequestRings?
  ) throws(CommandFailure) -> MountSession {
    do throws(MountError) {
      let session = try MountSession(
        mountpoint: mount.mountpoint, options: sessionOptions(mount), handler: engine, mounter: mounter, rings: rings)
      try session.mount()
      return session
    } catch {
      throw CommandFailure(.mount, "cannot mount on \(mount.mountpoint): \(error.description)")
    }
  }

  static func makeRunner(threads: Int) throws(CommandFailure) -> ThreadedJobRunner {
    do throws(ThreadError) {
      return try ThreadedJobRunner(writeBackThreads: threads)
    } catch {
      throw CommandFailure(.failed, "threads cannot be started: \(Errno(rawValue: error.errorNumber).message)")
    }
  }

  private static func openEngine(
    _ mount: ValidMount, _ journalStorage: PosixJournalStorage, _ backing: PosixBackingStorage, _ runner: ThreadedJobRunner,
    _ observe: @escaping EngineObserver
  ) throws(CommandFailure) -> Engine {
    var configuration = EngineConfiguration()
    configuration.policy = Policy(mount.options)
    configuration.policyRules = mount.rules
    configuration.batchBytes = mount.options.batchBytes ?? configuration.batchBytes
    configuration.batchOperations = mount.options.batchOperations ?? configuration.batchOperations
    configuration.fullBatchBytes = mount.options.batchBytes
    configuration.fullBatchOperations = mount.options.batchOperations
    configuration.writebackDelayMilliseconds = mount.options.writebackDelay
    configuration.writebackDeadlineMilliseconds = mount.options.writebackDeadline
    configuration.sequentialBypassBytes = mount.options.sequentialBypass > 0 ? mount.options.sequentialBypass : nil
    configuration.flushThreads = mount.options.flushThreads
    configuration.retry.firstMilliseconds = mount.options.retryDelay
    configuration.retry.mostMilliseconds = mount.options.retryDelayMax
    configuration.retry.retriesMax = mount.options.maxRetries
    configuration.memoryBytes = mount.options.memory
    configuration.journalBytes = mount.journalSize.capacity
    configuration.dirtyBackground = mount.options.dirtyBackground
    configuration.dirtyLimit = mount.options.dirtyLimit
    configuration.whenFull = mount.options.whenFull
    configuration.segmentBytes = mount.journalSize.segmentBytes
    configuration.recovery = mount.options.recovery
    configuration.retention = mount.options.retention
    configuration.conflicts = mount.options.conflicts
    configuration.revalidateMilliseconds = mount.options.isShared ? mount.options.revalidate : nil
    configuration.journalSeed = (0..<16).map { _ in UInt8.random(in: 0...255) }
    let progress = ReadingProgress("recovering from the journal")
    defer { progress.end() }
    configuration.readingObserver = { progress.note($0) }
    do throws(EngineError) {
      return try Engine.open(
        configuration: configuration, journalStorage: journalStorage, backing: backing, runner: runner, clock: SystemClock(),
        observe: observe)
    } catch {
      throw CommandFailure(status(of: error), "\(mount.stateDirectory): \(error.description)")
    }
  }

  static func status(of error: EngineError) -> ExitStatus {
    switch error {
    case .journal(.corrupt), .journal(.torn), .journal(.newerVersion), .journal(.otherBacking): .journal
    case .journal(.tooSmall), .journal(.storage), .journal(.retired): .stateDirectory
    }
  }

  /// Root's mounts are for everybody, as those of other filesystems.
  static func sessionOptions(_ mount: ValidMount) -> MountSessionOptions {
    let words = mount.options.kernelWords
    var options = MountSessionOptions(
      fsname: mount.backing, allowOther: mount.effectiveOptions.allowOther,
      readOnly: words.last { $0 == "ro" || $0 == "rw" } == "ro", kernelOptions: words.filter { $0 != "ro" && $0 != "rw" })
    options.kernelAcknowledgesWrites = mount.options.kernelWriteback
    if mount.options.isShared { options.believes(forSeconds: Double(mount.options.revalidate) / 1000) }
    return options
  }
}

extension Policy {
  /// What the options of a mount say.
  fileprivate init(_ options: MountOptions) {
    self.init()
    mode = options.mode
    priority = options.priority
    durability = options.durability
  }
}
