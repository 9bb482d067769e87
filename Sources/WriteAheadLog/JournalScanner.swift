import FilesystemModel
import JournalFormat
import StorageInterface

/// Reads all segments and decides what is live, what is torn and what is corrupt (PROTOCOL.md R19, C26).
struct JournalScanner {
  /// What the header of a segment file says.
  enum Standing {
    case live(SegmentHeader)
    /// Prepared, never written.
    case blank
    /// Recycled: the header is that of an earlier, retired segment.
    case stale(SegmentHeader)
    case damaged
  }

  struct Candidate {
    let number: UInt64
    let standing: Standing

    var header: SegmentHeader? {
      if case .live(let header) = standing { header } else { nil }
    }
  }

  let storage: any JournalStorage
  var candidates: [Candidate] = []
  var journalUUID: [UInt8] = []
  var extents: [SegmentExtent] = []
  var expected = LSN.zero.next
  var checkpoints = CheckpointCollector()
  var proof = DurabilityProof()
  var gathered = GatheredRecords()
  var recordsByType: [RecordType: Int] = [:]

  /// Is told how far the reading is.
  var observer: (@Sendable (JournalReading) -> Void)?
  private var bytesBySegment: [UInt64: Int] = [:]
  private var bytesRead = 0

  let rules: ProtocolRules
  /// The newest version of the format that is understood.
  let newest: UInt32

  init(
    _ storage: any JournalStorage, rules: ProtocolRules = ProtocolRules(), newest: UInt32 = FormatVersion.newest,
    observer: (@Sendable (JournalReading) -> Void)? = nil
  ) {
    self.observer = observer
    self.storage = storage
    self.rules = rules
    self.newest = newest
  }

  /// Reads everything once.
  ///
  /// - Parameter backingDescription: what the newest segment must record; `nil` accepts any.
  mutating func scan(backingDescription: String?) throws(JournalError) -> JournalScan {
    try readHeaders()
    guard let newest = candidates.last(where: { $0.header != nil })?.header else { return try emptyScan() }
    try checkSequence()
    if let backingDescription, backingDescription != newest.backingDescription {
      throw .otherBacking(recorded: newest.backingDescription, actual: backingDescription)
    }
    try walk()
    let tail = try searchBehindTail()
    try checkBeginning()
    let lastLive = extents.last?.segment ?? 0
    var scan = JournalScan(
      isEmpty: false, journalUUID: journalUUID, backingDescription: newest.backingDescription, epoch: newest.epoch,
      nextLSN: expected, checkpoint: checkpoints.newest, tornTail: tail.torn, extents: extents, unproven: proof.unproven,
      segments: candidates.map(\.number).filter { $0 <= lastLive }, spares: tail.spares, discarded: tail.discarded,
      storage: storage)
    scan.gathered = exchange(&gathered, with: GatheredRecords())
    return scan
  }

  private var bytesTotal: Int { bytesBySegment.values.reduce(0, +) }

  /// A segment was read.
  mutating func noteRead(_ segment: UInt64) {
    bytesRead += bytesBySegment[segment] ?? 0
    observer?(JournalReading(bytesRead: bytesRead, bytesTotal: bytesTotal))
  }

  mutating func readHeaders() throws(JournalError) {
    let storage = storage
    let numbers = try doing("listing the segments") { () throws(Errno) in try storage.segments() }
    for number in numbers {
      var reader = try SegmentReader(storage, number, journalUUID: [], windowBytes: SegmentHeader.bytes)
      let bytes = try reader.headerBytes()
      bytesBySegment[number] = reader.bytes
      candidates.append(Candidate(number: number, standing: try standing(of: bytes, number)))
    }
    journalUUID = candidates.lazy.compactMap(\.header).first?.journalUUID ?? []
  }

  private func standing(of bytes: [UInt8], _ number: UInt64) throws(JournalError) -> Standing {
    do {
      let header = try SegmentHeader(decoding: bytes, newest: newest)
      return header.number == number ? .live(header) : .stale(header)
    } catch {
      switch error {
      case .blank: return .blank
      case .damaged: return .damaged
      case .newerVersion(let version, let release):
        throw .newerVersion(found: version, supported: newest, neededRelease: release)
      }
    }
  }

  /// A journal whose first mount did not get as far as its first record, or none.
  func emptyScan() throws(JournalError) -> JournalScan {
    for candidate in candidates {
      var reader = try SegmentReader(storage, candidate.number, journalUUID: [])
      let isUnused = try reader.endOfNonzero(from: SegmentHeader.bytes) == nil
      if case .stale = candidate.standing {
        throw reader.corrupt(at: 0, lsn: .zero, "no segment has its own header; this one has that of another")
      }
      guard isUnused else { throw reader.corrupt(at: 0, lsn: .zero, "no segment has a readable header") }
    }
    return JournalScan(
      isEmpty: true, journalUUID: [], backingDescription: "", epoch: 0, nextLSN: LSN.zero.next, checkpoint: nil, tornTail: nil,
      extents: [], unproven: nil, segments: [], spares: [], discarded: candidates.map(\.number), storage: storage)
  }

  /// Segment files are made, recycled and removed in the order of their numbers, so that no crash leaves anything else.
  private func checkSequence() throws(JournalError) {
    let lowest = candidates[0].number
    var previous: Candidate?
    var epoch: UInt64 = 0
    for candidate in candidates {
      let lsn = candidate.header?.firstLSN ?? .zero
      if let previous, previous.number + 1 != candidate.number {
        throw .corrupt(
          segment: previous.number + 1, offset: 0, lsn: lsn,
          reason: "the files of segments \(previous.number + 1) to \(candidate.number - 1) are missing")
      }
      previous = candidate
      switch candidate.standing {
      case .live(let header):
        guard header.journalUUID == journalUUID else {
          throw .corrupt(segment: candidate.number, offset: 0, lsn: lsn, reason: "the segment belongs to another journal")
        }
        guard header.epoch >= epoch, header.epoch > 0 else {
          throw .corrupt(
            segment: candidate.number, offset: 0, lsn: lsn, reason: "the epoch is older than that of the segment before")
        }
        epoch = header.epoch
      case .stale(let header):
        guard header.number < lowest, header.journalUUID == journalUUID else {
          throw .corrupt(
            segment: candidate.number, offset: 0, lsn: header.firstLSN, reason: "the file holds segment \(header.number)")
        }
      case .blank, .damaged: break
      }
    }
  }

  /// Without a checkpoint the journal begins with the first LSN of all; with one, not above its low-water.
  private func checkBeginning() throws(JournalError) {
    guard let first = extents.first else { return }
    let needed = checkpoints.newest?.lowWater ?? LSN.zero.next
    guard first.firstLSN > needed else { return }
    throw .corrupt(
      segment: first.segment, offset: 0, lsn: needed,
      reason: "records \(needed.rawValue) to \(first.firstLSN.previous.rawValue) are missing")
  }
}
