import Control
import Policies
import WriteAheadLog

/// How big the journal is and how it is cut into segments. All in bytes.
struct JournalSize: Hashable, Sendable {
  static let bytesMin = 32 << 20
  private static let bytesDefaultMax = 8 << 30

  var capacity: Int
  var segmentBytes: Int

  private init(capacity: Int) {
    segmentBytes = JournalConfiguration.segmentBytes(forCapacity: capacity)
    self.capacity = capacity
  }

  /// Decides the size of the journal.
  ///
  /// - Parameters:
  ///   - requested: the option, if it was given.
  ///   - available: free on the state directory's disk.
  ///   - existing: taken by the journal that is there already, which is used again.
  ///
  /// Throws `stateDirectory` when the disk is too small.
  static func decide(requested: Int?, available: Int, existing: Int, directory: String) throws(CommandFailure) -> JournalSize {
    let room = available.addingReportingOverflow(existing).overflow ? Int.max : available + existing
    if let requested {
      guard requested <= room else {
        throw CommandFailure(
          .stateDirectory,
          "state disk too small: journal_size=\(OptionValues.sizeText(requested)) asks for \(Quantity.size(requested)), "
            + "\(Quantity.size(room)) are free for \(directory)")
      }
      return JournalSize(capacity: requested)
    }
    let capacity = min(bytesDefaultMax, max(room / 4, min(bytesMin, room)))
    guard capacity >= bytesMin else {
      throw CommandFailure(
        .stateDirectory,
        "state disk too small: the journal needs \(Quantity.size(bytesMin)), \(Quantity.size(room)) are free for \(directory)")
    }
    return JournalSize(capacity: capacity)
  }
}
