import Engine
import FilesystemModel
import JournalFormat
import PosixStorage

/// `ebbfs upgrade-journal`.
enum JournalUpgrade {
  static func run(place argument: String) throws(CommandFailure) {
    let directory = try StateDirectory.named(argument).stateDirectory
    let storage = try open(directory)
    let newest = "format version \(FormatVersion.newest), the newest of ebbfs \(Help.version)"
    if let oldest = try upgrade(storage, in: directory) {
      print("\(directory): brought from format version \(oldest) to \(newest)")
    } else {
      print("\(directory): nothing to do: it has \(newest)")
    }
  }

  private static func open(_ directory: String) throws(CommandFailure) -> PosixJournalStorage {
    do throws(StateDirectoryError) {
      return try PosixJournalStorage(directory: directory, create: false)
    } catch {
      if case .locked = error { throw CommandFailure(.inUse, "\(error.description): unmount first") }
      throw CommandFailure(.stateDirectory, error.description)
    }
  }

  private static func upgrade(_ storage: PosixJournalStorage, in directory: String) throws(CommandFailure) -> UInt32? {
    let size = try MountValidation.checkSpace(directory, requested: nil)
    var configuration = EngineConfiguration()
    configuration.journalBytes = size.capacity
    configuration.segmentBytes = size.segmentBytes
    // What is rewritten is kept as it was; how long is for the next mount to say.
    configuration.retention = .time(milliseconds: 8760 * 3_600_000)
    // Used where there is no journal yet: then nothing is made.
    configuration.journalSeed = [UInt8](repeating: 0, count: SegmentHeader.uuidBytes)
    let runner = try Assembly.makeRunner(threads: 1)
    do throws(EngineError) {
      return try Engine.upgradeJournal(storage, configuration: configuration, runner: runner, clock: SystemClock())
    } catch {
      throw CommandFailure(Assembly.status(of: error), "\(directory): \(error.description)")
    }
  }
}
