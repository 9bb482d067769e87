import Control
import FilesystemModel
import PosixStorage
import WriteAheadLog

/// Reads a journal without changing it or waiting for its lock.
///
/// The journal of a running daemon can be read too: records that are being written look like a torn tail, and a segment that is
/// retired
/// meanwhile makes the reading start again.
struct JournalInspection {
  private let scan: JournalScan
  private let directory: String

  init(stateDirectory: String) throws(CommandFailure) {
    directory = stateDirectory
    let storage: PosixJournalStorage
    do throws(StateDirectoryError) {
      storage = try PosixJournalStorage(readingOnly: stateDirectory)
    } catch {
      throw CommandFailure(.stateDirectory, error.description)
    }
    scan = try Self.retrying(stateDirectory) { () throws(JournalError) in try Self.scan(storage) }
  }

  /// One line about a journal without damage: all of it is read and every record decoded.
  func check() throws(CommandFailure) -> String {
    var records = 0
    try replay { _ in records += 1 }
    if scan.isEmpty { return "\(directory): clean, empty" }
    let range = records == 0 ? "" : ", LSN \(scan.lowWater.rawValue) to \(scan.nextLSN.previous.rawValue)"
    let torn = scan.tornTail.map { "; \($0), as a kill or power cut leaves it" } ?? ""
    return "\(directory): clean, epoch \(scan.epoch), \(Quantity.count(scan.segments.count, "segment")), "
      + "\(Quantity.count(records, "record")) to replay\(range)\(torn)"
  }

  /// Gives `line` the journal's facts and then each record that a mount would replay, in LSN order.
  func dump(line: (String) -> Void) throws(CommandFailure) {
    if scan.isEmpty { return line("empty") }
    line("backing \(scan.backingDescription)")
    line("epoch \(scan.epoch), next LSN \(scan.nextLSN.rawValue)")
    for extent in scan.extents {
      line(
        "segment \(extent.segment) epoch \(extent.epoch), LSN \(extent.firstLSN.rawValue) to \(extent.lastLSN.rawValue), "
          + "ends at \(extent.endOffset)")
    }
    if let checkpoint = scan.checkpoint {
      line(
        "checkpoint at LSN \(checkpoint.begin.rawValue), low-water \(checkpoint.lowWater.rawValue), "
          + "next inode \(checkpoint.nextInode.rawValue), \(Quantity.count(checkpoint.table.count, "binding"))")
    }
    if let tornTail = scan.tornTail { line(tornTail.description) }
    try replay { line(RecordText.line($0)) }
  }

  private func replay(_ visit: (LoggedRecord) -> Void) throws(CommandFailure) {
    do throws(JournalError) {
      try scan.replay { record throws(JournalError) in visit(record) }
    } catch {
      throw Self.failure(error, directory)
    }
  }

  /// Whatever backing directory the journal is of.
  private static func scan(_ storage: PosixJournalStorage) throws(JournalError) -> JournalScan {
    let configuration = { (description: String) in
      JournalConfiguration(
        capacityBytes: JournalSize.bytesMin, backingDescription: description, newJournalUUID: [UInt8](repeating: 0, count: 16))
    }
    do throws(JournalError) {
      return try Journal.scan(storage, configuration(""))
    } catch .otherBacking(let recorded, _) {
      return try Journal.scan(storage, configuration(recorded))
    }
  }

  private static func retrying(
    _ directory: String, _ body: () throws(JournalError) -> JournalScan
  ) throws(CommandFailure) -> JournalScan {
    var triesLeft = 5
    while true {
      do throws(JournalError) {
        return try body()
      } catch {
        let isLive = Registry.host.entries().contains { $0.stateDirectory == directory }
        triesLeft -= 1
        guard isLive, triesLeft > 0 else { throw failure(error, directory) }
        Monotonic.sleep(milliseconds: 100)
      }
    }
  }

  private static func failure(_ error: JournalError, _ directory: String) -> CommandFailure {
    let status: ExitStatus =
      switch error {
      case .corrupt, .newerVersion, .otherBacking: .journal
      case .tooSmall, .storage: .stateDirectory
      }
    return CommandFailure(status, "\(directory): \(error.description)")
  }
}
