import FilesystemModel
import JournalFormat

/// A record's place.
package struct AppendedRecord: Hashable, Sendable {
  package let lsn: LSN
  /// The first data byte of a write, for `read`; the others follow.
  package let dataPosition: JournalPosition?
}

extension Journal {
  /// Gives the record the next LSN and copies it to the group's bytes, in memory only: call `pump` or `commit` after it.
  ///
  /// The order of calls is the order of effect, so it is called under the lock that orders effects. Traps when the record is
  /// too long for a segment or for `RecordLayout.recordBytesMax`. After a failure it gives an LSN that is never reached.
  ///
  /// - Complexity: O(length); a write's bytes are copied once, the checksum is left to the leader.
  package func append(_ record: Record) -> AppendedRecord {
    state.withLock { state in append(record, &state) }
  }

  /// Appends a checkpoint: begin, table, end. Called under the lock that orders effects, with the table taken under it (R5, R6).
  ///
  /// Once it is durable, `retireSegments` may be called with the same low-water.
  /// - Returns: the LSN of its last record.
  /// - Complexity: O(table), in memory.
  package func appendCheckpoint(lowWater: LSN, nextInode: InodeNumber, table: [Binding]) -> LSN {
    let rows = CheckpointRows(table, recordBytes: min(checkpointRecordBytes, recordBytesMax))
    return state.withLock { state in
      let begin = append(.checkpointBegin(lowWater: lowWater, nextInode: nextInode), &state).lsn
      for record in rows.records { _ = append(.checkpointTable(record), &state) }
      let end = append(.checkpointEnd(begin: begin), &state).lsn
      state.openCheckpoints.append((end, lowWater))
      return end
    }
  }

  /// The longest record that a segment of this journal takes.
  package var recordBytesMax: Int { min(RecordLayout.recordBytesMax, configuration.segmentBytes - SegmentHeader.bytes) }

  private var checkpointRecordBytes: Int { 256 << 10 }

  private func append(_ record: Record, _ state: inout JournalState) -> AppendedRecord {
    let lsn = state.nextLSN
    state.nextLSN = lsn.next
    lastLSNValue.store(lsn.rawValue, ordering: .releasing)
    guard state.failure == nil else { return AppendedRecord(lsn: lsn, dataPosition: nil) }
    if state.pending.last?.segment != state.current.number {
      state.pending.append(PendingChunk(segment: state.current.number, start: state.offset, bytes: state.emptied.popLast() ?? []))
    }
    let chunk = state.pending.count - 1
    let start = state.pending[chunk].bytes.count
    let placement = RecordPlacement(
      lsn: lsn, epoch: epoch, durable: state.durable, tag: tag(ofSegment: state.current.number, &state))
    let encoded = record.encode(into: &state.pending[chunk].bytes, placement: placement)
    if state.offset + RecordLayout.padded(encoded.length) > state.current.bytes { beginSegment(&state, from: start, lsn) }
    let offset = state.offset
    state.offset += RecordLayout.padded(encoded.length)
    metrics.recordsAppended.add()
    metrics.bytesAppended.add(RecordLayout.padded(encoded.length))
    return AppendedRecord(
      lsn: lsn, dataPosition: encoded.dataOffset.map { JournalPosition(segment: state.current.number, offset: offset + $0) })
  }

  /// Computed once for each segment.
  private func tag(ofSegment number: UInt64, _ state: inout JournalState) -> UInt32 {
    if state.tag.segment != number {
      state.tag = (number, SegmentHeader.tag(journalUUID: journalUUID, number: number))
    }
    return state.tag.value
  }

  /// A record never spans segments: moves the record that begins at `start` of the last chunk to a new one.
  private func beginSegment(_ state: inout JournalState, from start: Int, _ lsn: LSN) {
    let number = state.current.number + 1
    let last = state.pending.count - 1
    var bytes = state.emptied.popLast() ?? []
    bytes.append(contentsOf: repeatElement(0, count: SegmentHeader.bytes))
    bytes.append(contentsOf: state.pending[last].bytes[start...])
    state.pending[last].bytes.removeSubrange(start...)
    precondition(bytes.count <= configuration.segmentBytes, "a record is longer than a segment")
    Record.retag(
      in: &bytes, at: SegmentHeader.bytes, tag: tag(ofSegment: number, &state))
    if state.pending[last].bytes.isEmpty { state.pending.removeLast() }
    state.pending.append(PendingChunk(segment: number, start: 0, bytes: bytes))
    state.live.append(LiveSegment(number: number, firstLSN: lsn, bytes: configuration.segmentBytes, exists: false))
    state.offset = SegmentHeader.bytes
  }
}

/// The rows of a checkpoint's table, in as many records as they need. A row with more names than fit is given in several.
struct CheckpointRows {
  private(set) var records: [[Binding]] = []

  init(_ table: [Binding], recordBytes: Int) {
    let bytesMax = recordBytes - RecordLayout.headerBytes - 8
    var rows: [Binding] = []
    var bytes = 0
    for piece in table.lazy.flatMap({ Self.pieces(of: $0, bytesMax: bytesMax) }) {
      let pieceBytes = Self.bytes(of: piece)
      if bytes + pieceBytes > bytesMax {
        records.append(rows)
        rows = []
        bytes = 0
      }
      rows.append(piece)
      bytes += pieceBytes
    }
    if !rows.isEmpty { records.append(rows) }
  }

  private static func pieces(of binding: Binding, bytesMax: Int) -> [Binding] {
    guard bytes(of: binding) > bytesMax else { return [binding] }
    var piece = binding
    piece.locations = []
    let emptyBytes = bytes(of: piece)
    var pieces: [Binding] = []
    var pieceBytes = emptyBytes
    for location in binding.locations {
      let locationBytes = location.name.count + locationFixedBytes
      if pieceBytes + locationBytes > bytesMax {
        pieces.append(piece)
        piece.locations = []
        pieceBytes = emptyBytes
      }
      piece.locations.append(location)
      pieceBytes += locationBytes
    }
    return pieces + [piece]
  }

  /// A location's parent and the length of its name.
  private static let locationFixedBytes = 9

  /// An upper bound: padding is counted for every row.
  private static func bytes(of binding: Binding) -> Int { Record.binding(binding).encodedBytes - RecordLayout.headerBytes }
}
