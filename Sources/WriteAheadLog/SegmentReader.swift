import FilesystemModel
import JournalFormat
import StorageInterface

/// Reads one segment, each byte once as long as the reading goes forward, in pieces that stay in the processor's cache until they
/// are looked at.
struct SegmentReader {
  static let windowBytes = 1 << 20

  let number: UInt64
  let bytes: Int
  let tag: UInt32
  private let file: any SegmentFile
  /// As long as the longest record and `windowBytesMin` need, at most.
  private var window: [UInt8]
  private var windowStart = 0
  private let windowBytesMin: Int

  /// Reads an open file as the segment with this number.
  ///
  /// - Parameter buffer: memory that is used for what is read, whatever is in it: that of the reader before.
  init(
    _ file: any SegmentFile, _ number: UInt64, journalUUID: [UInt8], windowBytes: Int = windowBytes,
    using buffer: consuming [UInt8] = []
  ) {
    self.number = number
    self.file = file
    bytes = file.bytes
    tag = SegmentHeader.tag(journalUUID: journalUUID, number: number)
    windowBytesMin = windowBytes
    window = buffer
    window.removeAll(keepingCapacity: true)
  }

  init(
    _ storage: any JournalStorage, _ number: UInt64, journalUUID: [UInt8], windowBytes: Int = windowBytes,
    using buffer: consuming [UInt8] = []
  ) throws(JournalError) {
    let file = try doing("opening segment \(number)") { () throws(Errno) in try storage.openSegment(number) }
    self.init(file, number, journalUUID: journalUUID, windowBytes: windowBytes, using: buffer)
  }

  /// Its memory, for the next reader. Nothing can be read afterwards.
  mutating func takeBuffer() -> [UInt8] {
    defer { forget() }
    return window
  }

  /// Forgets what was read: somebody may have written since.
  mutating func forget() { window = [] }

  /// The header of the intact record at `offset`; `nil` when there is none.
  ///
  /// - Parameter isOfAnySegment: whether one of an earlier use of the file counts too.
  mutating func record(at offset: Int, isOfAnySegment: Bool = false) throws(JournalError) -> RecordHeader? {
    guard offset <= bytes - RecordLayout.headerBytes else { return nil }
    try load(offset, count: RecordLayout.headerBytes)
    let tag = isOfAnySegment ? RecordHeader.tag(in: window, at: offset - windowStart) : tag
    guard let header = try? RecordHeader(in: window, at: offset - windowStart, tag: tag) else { return nil }
    try load(offset, count: header.length)
    return header.isIntact(in: window, at: offset - windowStart) ? header : nil
  }

  /// The contents of the intact record whose header `record` just gave; without the bytes of a write, if they are not wanted.
  func logged(_ header: RecordHeader, at offset: Int, withData: Bool = true) throws(JournalError) -> LoggedRecord {
    do {
      let decoded = try DecodedRecord(intact: header, in: window, at: offset - windowStart, withData: withData)
      return LoggedRecord(
        lsn: header.placement.lsn, epoch: header.placement.epoch, record: decoded.record,
        dataPosition: decoded.dataOffset.map { JournalPosition(segment: number, offset: offset + $0) })
    } catch {
      throw corrupt(at: offset, lsn: header.placement.lsn, "a record with a good checksum has contents that no ebbfs writes")
    }
  }

  /// The first offset from `offset`, in steps of `RecordLayout.alignment`, at which this segment's tag stands where a record
  /// has it.
  mutating func trace(from offset: Int) throws(JournalError) -> Int? {
    var offset = offset
    while offset <= bytes - RecordLayout.headerBytes {
      try load(offset, count: min(Self.windowBytes / 2, bytes - offset))
      if let index = RecordHeader.trace(in: window, from: offset - windowStart, tag: tag) { return windowStart + index }
      let unsearched = (window.count - RecordLayout.headerBytes + RecordLayout.alignment) & ~(RecordLayout.alignment - 1)
      guard windowStart + unsearched > offset else { return nil }
      offset = windowStart + unsearched
    }
    return nil
  }

  /// The offset after the last byte that is not zero, at or above `offset`; `nil` when all are zeros.
  mutating func endOfNonzero(from offset: Int) throws(JournalError) -> Int? {
    var end: Int?
    var offset = offset
    while offset < bytes {
      try load(offset, count: min(Self.windowBytes / 2, bytes - offset))
      guard windowStart + window.count > offset else { break }
      if let last = lastNonzero(in: window, from: offset - windowStart) { end = windowStart + last + 1 }
      offset = windowStart + window.count
    }
    return end
  }

  /// The first bytes, as many as a segment's header has.
  mutating func headerBytes() throws(JournalError) -> [UInt8] {
    try load(0, count: SegmentHeader.bytes)
    return Array(window.prefix(SegmentHeader.bytes))
  }

  func corrupt(at offset: Int, lsn: LSN, _ reason: String) -> JournalError {
    .corrupt(segment: number, offset: offset, lsn: lsn, reason: reason)
  }

  /// Makes the window hold `count` bytes from `offset`, or what the file has of them.
  private mutating func load(_ offset: Int, count: Int) throws(JournalError) {
    let needed = min(count, bytes - offset)
    let end = windowStart + window.count
    if offset >= windowStart, offset + needed <= end { return }
    let kept = offset >= windowStart && offset <= end ? end - offset : 0
    if kept > 0 { moveToFront(&window, from: window.count - kept) }
    windowStart = offset
    let wanted = min(max(needed, kept + windowBytesMin), bytes - offset)
    do {
      try file.read(at: offset + kept, count: wanted - kept, into: &window, behind: kept)
    } catch {
      forget()
      throw .storage(error, doing: "reading segment \(number) at offset \(offset)")
    }
  }
}
