import FilesystemModel
import JournalFormat
import StorageInterface

/// A segment that holds records, in the journal or kept for audit.
struct ListedSegment: Hashable {
  var header: SegmentHeader
  var isRetained: Bool
  var number: UInt64 { header.number }

  /// Whether the other one is behind in the stream. One whose records were all cut may give its number to a later mount.
  func isFollowed(by other: ListedSegment) -> Bool {
    (header.epoch, number) < (other.header.epoch, other.number)
  }
}

/// The segments of one journal with records, in order, as they are while a daemon may change them.
struct SegmentListing {
  private let storage: any JournalStorage
  private(set) var segments: [ListedSegment] = []

  init(_ storage: any JournalStorage) { self.storage = storage }

  /// What the headers say is durable.
  var durable: LSN { segments.map(\.header.durable).max() ?? .zero }

  mutating func refresh() throws(JournalError) {
    let storage = storage
    // In this order, so that one that is retired meanwhile is seen at least once.
    let live = try doing("listing the segments") { () throws(Errno) in try storage.segments() }
    let shelved = try doing("listing the kept segments") { () throws(Errno) in try storage.shelved(.retained) }.map(\.number)
    let retained = Set(shelved)
    var found: [ListedSegment] = []
    for number in retained.union(live).sorted() {
      let isRetained = retained.contains(number)
      guard let header = Self.header(of: number, isRetained: isRetained, storage) else { continue }
      found.append(ListedSegment(header: header, isRetained: isRetained))
    }
    let journalUUID = found.last?.header.journalUUID
    segments = found.filter { $0.header.journalUUID == journalUUID }
  }

  private static func header(of number: UInt64, isRetained: Bool, _ storage: any JournalStorage) -> SegmentHeader? {
    guard let file = try? open(number, isRetained: isRetained, storage),
      let bytes = try? file.read(at: 0, count: SegmentHeader.bytes), let header = try? SegmentHeader(decoding: bytes),
      header.number == number
    else { return nil }
    return header
  }

  static func open(
    _ number: UInt64, isRetained: Bool, _ storage: any JournalStorage
  ) throws(Errno) -> any SegmentFile {
    isRetained ? try storage.openShelved(number, on: .retained) : try storage.openSegment(number)
  }

  func contains(_ segment: ListedSegment) -> Bool { segments.contains { $0.header == segment.header } }

  func segment(after segment: ListedSegment) -> ListedSegment? { segments.first { segment.isFollowed(by: $0) } }

  /// The segment that goes on where the cursor stands: the next one, or the first of a later mount, which may have cut what the
  /// cursor has not handed out.
  func segment(continuing cursor: StreamCursor) -> ListedSegment? {
    let later = segments.filter { cursor.segment.isFollowed(by: $0) }
    return later.first { $0.header.firstLSN == cursor.expected && $0.header.epoch >= cursor.segment.header.epoch }
      ?? later.first { $0.header.firstLSN < cursor.expected && $0.header.epoch > cursor.segment.header.epoch }
  }

  /// What the segment holds from there on was cut by a later mount.
  func firstLSNOfNewerEpoch(than segment: ListedSegment) -> LSN? {
    segments.filter { $0.header.epoch > segment.header.epoch }.map(\.header.firstLSN).min()
  }
}

/// A place in the stream of records.
struct StreamCursor {
  let segment: ListedSegment
  var reader: SegmentReader
  var offset = SegmentHeader.bytes
  /// The LSN of the record that must be at `offset`.
  var expected: LSN
  /// Records from here on were cut by a later mount.
  var limit: LSN?
  /// Whether nobody was told yet that the segment begins.
  var isNew = true

  /// The beginning of a segment; `nil` when it is not there any more.
  init?(_ segment: ListedSegment, expected: LSN, _ storage: any JournalStorage) throws(JournalError) {
    let file: any SegmentFile
    do {
      file = try SegmentListing.open(segment.number, isRetained: segment.isRetained, storage)
    } catch {
      guard error == .noEntry || error == .stale else { throw .storage(error, doing: "opening segment \(segment.number)") }
      return nil
    }
    self.segment = segment
    self.expected = expected
    reader = SegmentReader(file, segment.number, journalUUID: segment.header.journalUUID, windowBytes: 256 << 10)
  }

  /// The header of the record that must come next; `nil` when it is not there.
  mutating func record() throws(JournalError) -> RecordHeader? {
    guard limit.map({ expected < $0 }) ?? true, let header = try reader.record(at: offset),
      header.placement.lsn == expected, header.placement.epoch == segment.header.epoch
    else { return nil }
    return header
  }

  func streamed(_ header: RecordHeader) throws(JournalError) -> StreamedRecord {
    StreamedRecord(
      logged: try reader.logged(header, at: offset), durable: header.placement.durable, segment: segment.number, offset: offset,
      length: header.length)
  }

  mutating func pass(_ header: RecordHeader) {
    offset += RecordLayout.padded(header.length)
    expected = header.placement.lsn.next
  }

  /// The next intact record of this segment behind whatever is not readable; the offset stands behind it then, at the segment's
  /// end when there is none. Slow: looks at every multiple of 8.
  mutating func nextIntact() throws(JournalError) -> RecordHeader? {
    while let found = try reader.trace(from: offset) {
      offset = found + RecordLayout.alignment
      guard let header = try reader.record(at: found), header.placement.epoch == segment.header.epoch,
        header.placement.lsn >= expected, limit.map({ header.placement.lsn < $0 }) ?? true
      else { continue }
      offset = found + RecordLayout.padded(header.length)
      return header
    }
    offset = reader.bytes
    return nil
  }

  func gap(before next: LSN) -> JournalGap {
    JournalGap(first: expected, next: next, segment: segment.number, offset: offset)
  }
}
