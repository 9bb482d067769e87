import FilesystemModel
import JournalFormat

/// What a scan keeps of the records that it reads, so that nobody has to read them again: all but those of checkpoints and the
/// bytes of writes, in LSN order.
///
/// In pieces, which go as soon as a checkpoint says that they are not needed, or when they were handed out.
struct GatheredRecords: Sendable {
  private static let pieceRecords = 4096

  /// How many creations of inodes are among the records, or were before they were dropped.
  private(set) var creations = 0
  /// How many records there are.
  var count: Int { pieces.reduce(0) { $0 + $1.count } }
  private var pieces: [[LoggedRecord]] = []
  /// Why records cannot be made out although their checksums are good: no reason to refuse what needs none of them.
  private var failures: [(lsn: LSN, error: JournalError)] = []

  mutating func add(_ header: RecordHeader, at offset: Int, from reader: SegmentReader) {
    do {
      let logged = try reader.logged(header, at: offset, withData: false)
      if pieces.last.map({ $0.count == Self.pieceRecords }) ?? true {
        pieces.append([])
        pieces[pieces.count - 1].reserveCapacity(Self.pieceRecords)
      }
      pieces[pieces.count - 1].append(logged)
      if case .namespace(.create, _, _) = logged.record { creations += 1 }
    } catch {
      failures.append((header.placement.lsn, error))
    }
  }

  /// Gives up what a new checkpoint has made unnecessary.
  mutating func drop(below lowWater: LSN) {
    pieces.removeAll { $0.last.map { $0.lsn < lowWater } ?? true }
    failures.removeAll { $0.lsn < lowWater }
  }

  /// Hands out all records from `lowWater` on, and keeps none.
  ///
  /// - Throws: `corrupt` when one of them has contents that no ebbfs writes, before the first is handed out; what `visit` throws.
  mutating func take(from lowWater: LSN, _ visit: (LoggedRecord) throws(JournalError) -> Void) throws(JournalError) {
    try check(from: lowWater)
    for index in pieces.indices {
      for logged in pieces[index] where logged.lsn >= lowWater { try visit(logged) }
      pieces[index] = []
    }
    pieces = []
  }

  /// - Throws: `corrupt` when a record from `lowWater` on has contents that no ebbfs writes.
  func check(from lowWater: LSN) throws(JournalError) {
    if let failure = failures.first(where: { $0.lsn >= lowWater }) { throw failure.error }
  }
}
