import FilesystemModel
import JournalFormat
import StorageInterface
import Support
import Testing
import WriteAheadLog

/// Small journals on a simulated disk, with records that tell their number.
enum JournalFixture {
  static let segmentBytes = 8192
  static let uuid: [UInt8] = Array(100..<116)

  static func configuration(segments: Int = 64, backing: String = "ext4 /dev/sda1 /srv") -> JournalConfiguration {
    JournalConfiguration(
      capacityBytes: segments * segmentBytes, segmentBytes: segmentBytes, backingDescription: backing, newJournalUUID: uuid)
  }

  /// A record that carries its number and, with `bytes`, data made of it.
  static func record(_ number: Int, bytes: Int = 0) -> Record {
    guard bytes > 0 else {
      return .namespace(
        .remove(InodeNumber(UInt64(number)), from: Location(.root, "name")), time: Timestamp(seconds: 1), request: UInt64(number))
    }
    return .content(
      ContentChange(
        inode: InodeNumber(UInt64(number)), data: .write(offset: number, count: bytes), sizeAfter: number + bytes),
      bytes: data(number, bytes), time: Timestamp(seconds: 2), request: UInt64(number))
  }

  static func data(_ number: Int, _ bytes: Int) -> [UInt8] {
    var generator = SeededGenerator(seed: UInt64(number))
    return (0..<bytes).map { _ in UInt8.random(in: 0...255, using: &generator) }
  }

  /// Scans and starts, as a mount does.
  static func start(
    _ storage: SimulatedJournalStorage, _ configuration: JournalConfiguration = configuration(),
    jobs: any JobRunner = SimulatedJournalJobs(), clock: any Clock = SimulatedClock()
  ) throws(JournalError) -> Journal {
    let scan = try Journal.scan(storage, configuration)
    return try Journal(starting: scan, storage: storage, configuration: configuration, runner: jobs, clock: clock)
  }

  /// All that is handed out, which is the same whether it is read again or was gathered by the scan.
  static func replay(_ scan: JournalScan) throws(JournalError) -> [LoggedRecord] {
    var records: [LoggedRecord] = []
    try scan.replay { records.append($0) }
    var gathered: [LoggedRecord] = []
    var scan = scan
    try scan.takeRecords { gathered.append($0) }
    #expect(gathered.map(\.lsn) == records.map(\.lsn) && gathered.map(\.epoch) == records.map(\.epoch))
    #expect(gathered.map(\.dataPosition) == records.map(\.dataPosition))
    #expect(gathered.map { withoutData($0.record) } == records.map { withoutData($0.record) })
    return records
  }

  private static func withoutData(_ record: Record) -> Record {
    switch record {
    case .content(let change, _, let time, let request): .content(change, bytes: [], time: time, request: request)
    case .copy(let lsn, let original): .copy(of: lsn, withoutData(original))
    default: record
    }
  }

  static func replay(_ storage: SimulatedJournalStorage) throws(JournalError) -> [LoggedRecord] {
    try replay(Journal.scan(storage, configuration()))
  }

  /// The disk of a journal with the given records in each epoch; `.commit` entries sync.
  static func storage(_ epochs: [[Step]]) throws -> SimulatedJournalStorage {
    let storage = SimulatedJournalStorage()
    for steps in epochs {
      let journal = try start(storage)
      for step in steps {
        switch step {
        case .append(let number, let bytes): _ = journal.append(record(number, bytes: bytes))
        case .write: journal.pump()
        case .commit: try journal.commit()
        }
      }
      journal.pump()
      storage.restart()
    }
    return storage
  }

  enum Step {
    case append(Int, Int)
    case write
    case commit
  }
}

/// Where each live record of a disk is, found by reading it.
struct RecordMap {
  struct Entry {
    var lsn: LSN
    var durable: LSN
    var segment: UInt64
    var range: Range<Int>
  }

  var entries: [Entry] = []
  /// First LSN and durable LSN of each segment's header.
  var headers: [(lsn: LSN, durable: LSN, segment: UInt64)] = []

  init(_ storage: SimulatedJournalStorage) throws {
    for extent in try Journal.scan(storage, JournalFixture.configuration()).extents {
      let bytes = storage.contents(of: extent.segment)
      let header = try SegmentHeader(decoding: bytes)
      let tag = header.tag
      headers.append((header.firstLSN, header.durable, extent.segment))
      var offset = SegmentHeader.bytes
      while offset < extent.endOffset {
        let header = try RecordHeader(in: bytes, at: offset, tag: tag)
        entries.append(
          Entry(
            lsn: header.placement.lsn, durable: header.placement.durable, segment: extent.segment,
            range: offset..<offset + header.length))
        offset += RecordLayout.padded(header.length)
      }
    }
  }

  /// Whether a record or header above `lsn` shows that `lsn` was durable.
  func showsDurable(_ lsn: LSN) -> Bool {
    entries.contains { $0.lsn > lsn && $0.durable >= lsn } || headers.contains { $0.lsn > lsn && $0.durable >= lsn }
  }

  func without(_ damaged: [Entry]) -> RecordMap {
    var left = self
    left.entries.removeAll { entry in damaged.contains { $0.lsn == entry.lsn } }
    return left
  }

  /// What is left of the map when the segment ends after `count` bytes.
  func cutting(_ segment: UInt64, to count: Int) -> RecordMap {
    var left = self
    left.entries.removeAll { $0.segment == segment && $0.range.upperBound > count }
    return left
  }
}

/// A value that closures of several threads change.
final class Shared<Value: Sendable>: Sendable {
  private let lock: SharedLock<Value>

  init(_ value: Value) { lock = SharedLock(value) }

  var value: Value { lock.withLock { $0 } }
  func change(_ body: (inout Value) -> Void) { lock.withLock(body) }
}
