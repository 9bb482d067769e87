import FilesystemModel
import JournalFormat
import StorageInterface

/// Reading past damage, for `RecoveryMode.skipCorrupt`.
///
/// A torn tail is cut as ever. But where a record is not readable that stamps prove to have been durable, reading goes on at the
/// next one that is, and what lies between is a loss. Without damage this finds exactly what `scan` finds.
extension JournalScanner {
  /// Reads everything once, every multiple of 8 where something is damaged.
  ///
  /// - Throws: `newerVersion`, `otherBacking`, `storage`; `corrupt` when no header is left that tells what the journal is.
  mutating func salvage(backingDescription: String) throws(JournalError) -> JournalScan {
    do {
      return try scan(backingDescription: backingDescription)
    } catch {
      guard case .corrupt = error else { throw error }
    }
    self = JournalScanner(storage, rules: rules, newest: newest)
    try readHeaders()
    let headers = candidates.compactMap(\.header)
    guard let newest = headers.last else { return try emptyScan() }
    // What most segments say, if one is of another journal.
    journalUUID = newest.journalUUID
    guard backingDescription == newest.backingDescription else {
      throw .otherBacking(recorded: newest.backingDescription, actual: backingDescription)
    }
    var runs: [SegmentExtent] = []
    var stamps = headers.filter { $0.journalUUID == journalUUID }.map(\.durable).max() ?? .zero
    for candidate in candidates { runs += try self.runs(in: candidate, &stamps) }
    return try salvaged(Self.ordered(runs, headers), stamps, newest)
  }

  /// The readable records of a segment file, whatever its header is like, in pieces without a gap.
  private func runs(in candidate: Candidate, _ stamps: inout LSN) throws(JournalError) -> [SegmentExtent] {
    var reader = try SegmentReader(storage, candidate.number, journalUUID: journalUUID)
    var runs: [SegmentExtent] = []
    var offset = SegmentHeader.bytes
    while let found = try reader.trace(from: offset) {
      offset = found + RecordLayout.alignment
      guard let header = try reader.record(at: found) else { continue }
      let placement = header.placement
      // Bytes of a user may look like older records.
      guard runs.last.map({ placement.lsn > $0.lastLSN && placement.epoch >= $0.epoch }) ?? true else { continue }
      stamps = max(stamps, placement.durable)
      offset = found + RecordLayout.padded(header.length)
      if let last = runs.last, last.endOffset == found, last.lastLSN.next == placement.lsn, last.epoch == placement.epoch {
        runs[runs.count - 1].lastLSN = placement.lsn
        runs[runs.count - 1].endOffset = offset
      } else {
        runs.append(
          SegmentExtent(
            segment: candidate.number, epoch: placement.epoch, firstLSN: placement.lsn, lastLSN: placement.lsn,
            startOffset: found, endOffset: offset))
      }
    }
    return runs
  }

  /// The runs in the order of their LSNs. Of what two of them have, the later mount's counts: it has cut the other.
  private static func ordered(_ runs: [SegmentExtent], _ headers: [SegmentHeader]) -> [SegmentExtent] {
    var ordered: [SegmentExtent] = []
    for run in runs {
      let newer = headers.filter { $0.epoch > run.epoch }.map(\.firstLSN) + runs.filter { $0.epoch > run.epoch }.map(\.firstLSN)
      var run = run
      if let limit = newer.min(), limit <= run.lastLSN { run.lastLSN = limit.previous }
      guard run.lastLSN >= run.firstLSN, run.firstLSN > ordered.last?.lastLSN ?? .zero else { continue }
      ordered.append(run)
    }
    return ordered
  }

  private mutating func salvaged(
    _ runs: [SegmentExtent], _ stamps: LSN, _ newest: SegmentHeader
  ) throws(JournalError) -> JournalScan {
    var losses: [JournalGap] = []
    var torn: TornTail?
    expected = [runs.first?.firstLSN, candidates[0].header?.firstLSN].compactMap(\.self).min() ?? .zero.next
    for run in runs {
      if run.firstLSN > expected {
        let place = extents.last.map { ($0.segment, $0.endOffset) } ?? (candidates[0].number, SegmentHeader.bytes)
        // A hole that nobody knew to be durable is the torn tail.
        if expected > stamps {
          torn = TornTail(lsn: expected, segment: place.0, offset: place.1, bytesCut: 0)
          break
        }
        losses.append(JournalGap(first: expected, next: run.firstLSN, segment: place.0, offset: place.1))
        checkpoints.interrupt()
      }
      try collectCheckpoints(run)
      extents.append(run)
      expected = run.lastLSN.next
    }
    if stamps >= expected {
      let place = extents.last.map { ($0.segment, $0.endOffset) } ?? (candidates[0].number, SegmentHeader.bytes)
      losses.append(JournalGap(first: expected, next: stamps.next, segment: place.0, offset: place.1))
      expected = stamps.next
    }
    return salvagedScan(losses, torn, newest)
  }

  private mutating func salvagedScan(_ losses: [JournalGap], _ torn: TornTail?, _ newest: SegmentHeader) -> JournalScan {
    var losses = losses
    let needed = checkpoints.newest?.lowWater ?? LSN.zero.next
    if let first = extents.first, let known = [first.firstLSN, losses.first?.first].compactMap(\.self).min(), known > needed {
      losses.insert(JournalGap(first: needed, next: known, segment: first.segment, offset: 0), at: 0)
    }
    let numbers = candidates.map(\.number)
    let all = numbers.isEmpty ? [] : Array(numbers[0]...numbers[numbers.count - 1])
    var scan = JournalScan(
      isEmpty: false, journalUUID: journalUUID, backingDescription: newest.backingDescription,
      epoch: max(newest.epoch, extents.map(\.epoch).max() ?? 0), nextLSN: expected, checkpoint: checkpoints.newest,
      tornTail: torn, extents: extents, unproven: nil, segments: all, spares: [], discarded: [], storage: storage)
    scan.missing = all.filter { !numbers.contains($0) }
    scan.damaged = damaged(losses)
    // What is below low-water is not needed, readable or not.
    scan.losses = losses.compactMap { loss in
      guard loss.next > needed else { return nil }
      return JournalGap(first: max(loss.first, needed), next: loss.next, segment: loss.segment, offset: loss.offset)
    }
    return scan
  }

  /// The segments from where each loss begins to where reading goes on, and all whose own header is not readable.
  private func damaged(_ losses: [JournalGap]) -> [UInt64] {
    var damaged: Set<UInt64> = []
    for loss in losses {
      let end = extents.first { $0.firstLSN >= loss.next }?.segment ?? candidates.last?.number ?? loss.segment
      damaged.formUnion(loss.segment...max(loss.segment, end))
    }
    for candidate in candidates {
      switch candidate.standing {
      case .damaged: damaged.insert(candidate.number)
      case .live(let header): if header.journalUUID != journalUUID { damaged.insert(candidate.number) }
      case .blank, .stale: break
      }
    }
    return damaged.sorted()
  }

  private mutating func collectCheckpoints(_ run: SegmentExtent) throws(JournalError) {
    var reader = try SegmentReader(storage, run.segment, journalUUID: journalUUID)
    var offset = run.startOffset
    while offset < run.endOffset, let header = try reader.record(at: offset), header.placement.lsn <= run.lastLSN {
      if header.type.isCheckpoint { checkpoints.add(try reader.logged(header, at: offset)) }
      recordsByType[header.type, default: 0] += 1
      offset += RecordLayout.padded(header.length)
    }
  }
}
