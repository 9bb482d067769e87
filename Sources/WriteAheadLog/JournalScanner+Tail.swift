import FilesystemModel
import JournalFormat
import StorageInterface

/// What lies behind the last live record.
struct TailFindings {
  var torn: TornTail?
  var spares: [SpareSegment] = []
  var discarded: [UInt64] = []
}

extension JournalScanner {
  /// Looks at everything behind the last live record: a record, or a header, that knew the missing one to be durable makes the
  /// journal corrupt; anything else is the torn tail of a power cut, in which any subset of un-synced sectors is lost.
  func searchBehindTail() throws(JournalError) -> TailFindings {
    guard let last = extents.last, let index = candidates.firstIndex(where: { $0.number == last.segment }) else {
      return TailFindings()
    }
    var findings = TailFindings()
    var bytesCut = try traceBytes(in: candidates[index], from: last.endOffset, last)
    for candidate in candidates[(index + 1)...] {
      try checkHeader(candidate, last)
      let traces = try traceBytes(in: candidate, from: SegmentHeader.bytes, last)
      bytesCut += traces
      if let isRecycled = candidate.isUnused, traces == 0, findings.discarded.isEmpty {
        findings.spares.append(SpareSegment(number: candidate.number, isRecycled: isRecycled))
      } else {
        findings.discarded.append(candidate.number)
        if candidate.isUnused == nil { bytesCut += SegmentHeader.bytes }
      }
    }
    if bytesCut > 0 {
      findings.torn = TornTail(lsn: expected, segment: last.segment, offset: last.endOffset, bytesCut: bytesCut)
    }
    return findings
  }

  /// A header is written when all before it is written, and the first of a mount when all before it is durable.
  private func checkHeader(_ candidate: Candidate, _ last: SegmentExtent) throws(JournalError) {
    guard let header = candidate.header else { return }
    if header.durable >= expected || header.epoch > last.epoch {
      throw corrupt(last, "segment \(candidate.number) was begun when this record was durable")
    }
  }

  /// The bytes from `offset` to the end of the last trace of a record, or of anything in a segment that was never used before.
  private func traceBytes(in candidate: Candidate, from offset: Int, _ last: SegmentExtent) throws(JournalError) -> Int {
    var reader = try SegmentReader(storage, candidate.number, journalUUID: journalUUID)
    var end = offset
    var next = offset
    while let found = try reader.trace(from: next) {
      next = found + RecordLayout.alignment
      end = max(end, found + RecordLayout.headerBytes)
      guard let header = try reader.record(at: found) else { continue }
      try checkRecord(header, in: candidate.number, last)
      next = found + RecordLayout.padded(header.length)
      end = max(end, next)
    }
    if candidate.isNeverUsedBefore, let nonzero = try reader.endOfNonzero(from: offset) { end = max(end, nonzero) }
    return end - offset
  }

  private func checkRecord(_ header: RecordHeader, in segment: UInt64, _ last: SegmentExtent) throws(JournalError) {
    let record = header.placement
    guard record.lsn > expected, record.epoch >= last.epoch else { return }
    if record.durable >= expected || record.epoch > last.epoch || !rules.durableStampsTellTornFromCorrupt {
      throw corrupt(
        last, "the record is not readable, and record \(record.lsn.rawValue) in segment \(segment) shows that it was durable")
    }
  }

  private func corrupt(_ last: SegmentExtent, _ reason: String) -> JournalError {
    .corrupt(segment: last.segment, offset: last.endOffset, lsn: expected, reason: reason)
  }
}

extension JournalScanner.Candidate {
  /// For a file that may be the next one to be written: whether it was recycled; `nil` for any other.
  fileprivate var isUnused: Bool? {
    switch standing {
    case .blank: false
    case .stale: true
    case .live, .damaged: nil
    }
  }

  /// Whether all bytes that no record took are zeros.
  fileprivate var isNeverUsedBefore: Bool {
    switch standing {
    case .live(let header): !header.isRecycled
    case .blank: true
    case .stale, .damaged: false
    }
  }
}
