import Control
import FilesystemModel
import PosixStorage
import WriteAheadLog

/// Reads a journal without changing it or waiting for its lock.
///
/// The journal of a running daemon can be read too: records that are being written look like a torn tail, and a segment that is
/// retired meanwhile makes the check start again.
struct JournalInspection {
  private static let triesMax = 5

  let storage: PosixJournalStorage
  let directory: String

  init(stateDirectory: String) throws(CommandFailure) {
    directory = stateDirectory
    do throws(StateDirectoryError) {
      storage = try PosixJournalStorage(readingOnly: stateDirectory)
    } catch {
      throw CommandFailure(.stateDirectory, error.description)
    }
  }

  /// One line about a journal that a mount would accept. Throws `journal` with segment, offset and LSN of the damage else.
  func check() throws(CommandFailure) -> String {
    var report = try attemptCheck()
    var triesLeft = Self.triesMax
    while !report.isAcceptable, triesLeft > 0, isInUse {
      Monotonic.sleep(milliseconds: 100)
      report = try attemptCheck()
      triesLeft -= 1
    }
    if case .refused(let error) = report.verdict { throw CommandFailure(.journal, "\(directory): \(error.description)") }
    return "\(directory): \(report.description)"
  }

  /// What a failure to read means for the one who asked.
  func failure(_ error: JournalError) -> CommandFailure {
    let status: ExitStatus =
      switch error {
      case .retired: .notRetained
      case .corrupt, .torn, .newerVersion, .otherBacking: .journal
      case .storage, .tooSmall: .stateDirectory
      }
    return CommandFailure(status, "\(directory): \(error.description)")
  }

  /// The last record that the daemon says is durable; `nil` when there is none that can be asked.
  func askDurable() -> LSN? {
    guard let entry = Registry.host.entries().first(where: { $0.stateDirectory == directory }),
      case .some(.status(let report)) = try? ControlClient(stateDirectory: directory, user: entry.user).ask(.status)
    else { return nil }
    return LSN(report.durableLSN)
  }

  private func attemptCheck() throws(CommandFailure) -> JournalReport {
    var triesLeft = Self.triesMax
    while true {
      do throws(JournalError) {
        let progress = ReadingProgress("checking the journal")
        defer { progress.end() }
        return try JournalInspector.check(storage) { progress.note($0) }
      } catch {
        triesLeft -= 1
        guard isInUse, triesLeft > 0 else { throw CommandFailure(.stateDirectory, "\(directory): \(error.description)") }
        Monotonic.sleep(milliseconds: 100)
      }
    }
  }

  /// Whether a daemon is changing the journal meanwhile.
  private var isInUse: Bool { Registry.host.entries().contains { $0.stateDirectory == directory } }
}
