import FilesystemModel
import JournalFormat
import Support
import Testing
import WriteAheadLog

#if canImport(Glibc)
  import Glibc
#endif

// SAFETY: the file is read into a buffer of the size that `read` gets.

/// What each recovery mode makes of each damage: the table of Recovery.md, executed.
@Suite struct RecoveryModeTests {
  typealias Fixture = JournalFixture

  enum Outcome: Hashable, CustomStringConvertible {
    /// Opened, with records up to this one.
    case opened(through: UInt64)
    /// Opened, without these.
    case lost(ClosedRange<UInt64>)
    case torn
    case corrupt
    case refused

    var description: String {
      switch self {
      case .opened(through: 12): "mounts"
      case .opened(let last): "mounts with records 1 to \(last)"
      case .lost(let range) where range.count == 1: "mounts, record \(range.lowerBound) lost"
      case .lost(let range): "mounts, records \(range.lowerBound) to \(range.upperBound) lost"
      case .torn: "refuses: torn"
      case .corrupt: "refuses: corrupt"
      case .refused: "refuses"
      }
    }
  }

  /// A damage with what the three modes make of it, in the order of `RecoveryMode.allCases`.
  struct Row: CustomTestStringConvertible, Sendable {
    var name: String
    var outcomes: [Outcome]
    var damage: @Sendable (SimulatedJournalStorage) throws -> Void

    var testDescription: String { name }

    init(_ name: String, _ outcomes: Outcome..., damage: @escaping @Sendable (SimulatedJournalStorage) throws -> Void) {
      self.name = name
      self.outcomes = outcomes
      self.damage = damage
    }
  }

  /// Of twelve records, three in each of four segments, all durable and only the last not known to be.
  static let rows: [Row] = [
    Row("none", .opened(through: 12), .opened(through: 12), .opened(through: 12)) { _ in },
    Row("a record that nobody was promised", .opened(through: 11), .torn, .opened(through: 11)) { try flip([12], $0) },
    Row("a record in the middle", .corrupt, .corrupt, .lost(5...5)) { try flip([5], $0) },
    Row("the first record", .corrupt, .corrupt, .lost(1...1)) { try flip([1], $0) },
    Row("two records in a row", .corrupt, .corrupt, .lost(6...7)) { try flip([6, 7], $0) },
    Row("the header of a segment", .corrupt, .corrupt, .opened(through: 12)) { $0.flip(1, in: 2, at: 20) },
    Row("a segment overwritten with zeros", .corrupt, .corrupt, .lost(7...9)) {
      $0.fill(3, in: 0..<Fixture.segmentBytes, with: 0)
    },
    Row("a segment's file missing", .corrupt, .corrupt, .lost(7...9)) { $0.lose(3) },
    Row("the first segment's file missing", .corrupt, .corrupt, .lost(1...3)) { $0.lose(1) },
    Row("a segment copied over another one", .corrupt, .corrupt, .lost(7...9)) { $0.replace(3, with: $0.contents(of: 1)) },
    Row("two segments exchanged", .corrupt, .corrupt, .lost(4...9)) { storage in
      let bytes = storage.contents(of: 2)
      storage.replace(2, with: storage.contents(of: 3))
      storage.replace(3, with: bytes)
    },
    Row("a segment of another journal", .corrupt, .corrupt, .lost(4...6)) { storage in
      var configuration = Fixture.configuration()
      configuration.newJournalUUID = Array(1...16)
      let other = SimulatedJournalStorage()
      let journal = try Fixture.start(other, configuration)
      for number in 1...6 { _ = journal.append(Fixture.record(number, bytes: 1000)) }
      try journal.commit()
      storage.replace(2, with: other.contents(of: 2))
    },
    Row("a record below the low-water mark", .corrupt, .corrupt, .opened(through: 12)) { storage in
      let journal = try Fixture.start(storage)
      _ = journal.appendCheckpoint(lowWater: LSN(5), nextInode: InodeNumber(20), table: [])
      try journal.commit()
      storage.restart()
      try flip([2], storage)
    },
    Row("every header", .corrupt, .corrupt, .corrupt) { storage in
      for number in try storage.segments() { storage.fill(number, in: 0..<SegmentHeader.bytes, with: 0) }
    },
    Row("another backing directory", .refused, .refused, .refused) { storage in
      for number in try storage.segments() { try rename(number, storage) }
    },
  ]

  static func flip(_ numbers: [UInt64], _ storage: SimulatedJournalStorage) throws {
    for entry in try RecordMap(storage).entries where numbers.contains(entry.lsn.rawValue) {
      storage.flip(1, in: entry.segment, at: entry.range.lowerBound + 45)
    }
  }

  private static func rename(_ number: UInt64, _ storage: SimulatedJournalStorage) throws {
    let bytes = storage.contents(of: number)
    guard var header = try? SegmentHeader(decoding: bytes) else { return }
    header.backingDescription = "nfs server:/x /srv"
    storage.replace(number, with: header.encoded() + bytes[SegmentHeader.bytes...])
  }

  static func outcome(_ storage: SimulatedJournalStorage, _ mode: RecoveryMode) throws -> Outcome {
    var configuration = Fixture.configuration()
    configuration.recovery = mode
    do throws(JournalError) {
      let scan = try Journal.scan(storage, configuration)
      if let first = scan.losses.first, let last = scan.losses.last {
        return .lost(first.first.rawValue...last.next.previous.rawValue)
      }
      return .opened(through: min(scan.nextLSN.previous.rawValue, 12))
    } catch {
      switch error {
      case .torn: return .torn
      case .corrupt: return .corrupt
      default: return .refused
      }
    }
  }

  @Test(arguments: rows) func eachModeMakesOfDamageWhatTheTableSays(_ row: Row) throws {
    for (mode, wanted) in zip(RecoveryMode.allCases, row.outcomes) {
      let storage = try SegmentFileDamageTests.sample()
      try row.damage(storage)
      storage.restart()
      #expect(try Self.outcome(storage, mode) == wanted, "\(mode)")
      #expect(storage.operations.isEmpty, "looking changes nothing")
    }
  }

  /// What can be read is handed out whole and in order, whatever is lost between.
  @Test(arguments: rows) func skippingHandsOutAllThatIsReadable(_ row: Row) throws {
    guard case .lost(let range) = row.outcomes[2] else { return }
    let storage = try SegmentFileDamageTests.sample()
    let all = try Fixture.replay(storage)
    try row.damage(storage)
    var configuration = Fixture.configuration()
    configuration.recovery = .skipCorrupt
    let scan = try Journal.scan(storage, configuration)
    #expect(try Fixture.replay(scan) == all.filter { !range.contains($0.lsn.rawValue) })
    #expect(!scan.damaged.isEmpty || row.name == "the first segment's file missing")
  }

  @Test func theDocumentHasTheTable() throws {
    let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let file = unsafe open(root + "/Sources/Engine/Engine.docc/Recovery.md", O_RDONLY)
    try #require(file >= 0)
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = unsafe read(file, &bytes, bytes.count)
    let document = String(decoding: bytes.prefix(count), as: UTF8.self)
    for row in Self.rows {
      let line = "| \(row.name) | \(row.outcomes.map(\.description).joined(separator: " | ")) |"
      #expect(document.contains(line + "\n"), "Recovery.md lacks: \(line)")
    }
  }
}
