import FilesystemModel
import JournalFormat
import StorageInterface

extension JournalScanner {
  /// Follows the records from the first segment on until one is missing.
  mutating func walk() throws(JournalError) {
    var buffer: [UInt8] = []
    for (index, candidate) in candidates.enumerated() {
      guard let header = candidate.header else { continue }
      let limit = supersededFrom(index, epoch: header.epoch)
      if let limit, header.firstLSN >= limit { continue }
      if extents.isEmpty { expected = header.firstLSN }
      guard header.firstLSN == expected else {
        if header.firstLSN > expected { return }
        throw .corrupt(
          segment: candidate.number, offset: 0, lsn: header.firstLSN,
          reason: "records from this LSN are in the segment before too")
      }
      try walk(header, until: limit, using: &buffer)
      noteRead(candidate.number)
    }
  }

  /// The first LSN of the earliest later mount: what the segment holds from there on was cut by that mount.
  private func supersededFrom(_ index: Int, epoch: UInt64) -> LSN? {
    candidates[(index + 1)...].compactMap(\.header).filter { $0.epoch > epoch }.map(\.firstLSN).min()
  }

  private mutating func walk(_ segment: SegmentHeader, until limit: LSN?, using buffer: inout [UInt8]) throws(JournalError) {
    var reader = try SegmentReader(storage, segment.number, journalUUID: journalUUID, using: exchange(&buffer, with: []))
    proof.add(segment.durable)
    var extent = SegmentExtent(
      segment: segment.number, epoch: segment.epoch, firstLSN: expected, lastLSN: expected.previous,
      endOffset: SegmentHeader.bytes)
    let acceptsStale = !rules.staleRecordsAreRefused
    while expected != limit, let record = try reader.record(at: extent.endOffset, isOfAnySegment: acceptsStale),
      record.placement.epoch == segment.epoch && record.placement.lsn == expected || acceptsStale
    {
      if record.type.isCheckpoint {
        checkpoints.add(try reader.logged(record, at: extent.endOffset))
        if record.type == .checkpointEnd, let newest = checkpoints.newest { gathered.drop(below: newest.lowWater) }
      } else {
        gathered.add(record, at: extent.endOffset, from: reader)
      }
      recordsByType[record.type, default: 0] += 1
      proof.add(record.placement, ProvenPlace(segment: segment.number, offset: extent.endOffset))
      extent.lastLSN = expected
      extent.endOffset += RecordLayout.padded(record.length)
      expected = expected.next
    }
    extents.append(extent)
    buffer = reader.takeBuffer()
  }
}
