import FilesystemModel
import JournalFormat
import StorageInterface

/// A segment that later ones follow: all its records are in its file.
package struct ClosedSegment: Hashable, Sendable {
  package let number: UInt64
  /// The first record of the segment after it.
  package let endLSN: LSN
}

extension LoggedRecord {
  /// The record that it counts as: that of which it is a copy, or itself.
  package var original: (lsn: LSN, record: Record) {
    if case .copy(let lsn, let record) = record { (lsn, record) } else { (lsn, record) }
  }
}

extension Journal {
  /// About how many bytes of records `readSegment` hands out at a time.
  private var batchBytes: Int { 1 << 20 }

  /// The oldest segment; `nil` while it is the one that is written.
  package var oldestClosedSegment: ClosedSegment? {
    state.withLock { state in
      guard state.live.count > 1, state.live[1].exists, state.live[1].firstLSN <= state.written.next else { return nil }
      return ClosedSegment(number: state.live[0].number, endLSN: state.live[1].firstLSN)
    }
  }

  /// The first record of the segment that is written.
  package var currentSegmentFirstLSN: LSN { state.withLock { $0.current.firstLSN } }

  /// Hands out all records of a closed segment in LSN order, a few at a time. It is not retired meanwhile. Slow: reads the file.
  ///
  /// - Throws: what is wrong with the disk; `storage` with `stale` when the segment is retired.
  package func readSegment(_ segment: ClosedSegment, _ visit: ([LoggedRecord]) -> Void) throws(JournalError) {
    try doing("reading segment \(segment.number)") { () throws(Errno) in try beginReading(segment.number) }
    defer { endReading(segment.number) }
    var reader = try SegmentReader(storage, segment.number, journalUUID: journalUUID)
    var offset = SegmentHeader.bytes
    var batch: [LoggedRecord] = []
    var batchStart = offset
    while let header = try reader.record(at: offset), header.placement.lsn < segment.endLSN {
      if !header.type.isCheckpoint { batch.append(try reader.logged(header, at: offset)) }
      offset += RecordLayout.padded(header.length)
      guard offset - batchStart >= batchBytes else { continue }
      visit(batch)
      batch = []
      batchStart = offset
    }
    visit(batch)
  }

  private func beginReading(_ number: UInt64) throws(Errno) {
    let isThere = state.withLock { state in
      guard let index = state.index(of: number) else { return false }
      state.live[index].readers += 1
      return true
    }
    if !isThere { throw .stale }
  }
}
