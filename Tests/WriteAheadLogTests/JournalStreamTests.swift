import FilesystemModel
import JournalFormat
import StorageInterface
import Support
import Testing
import WriteAheadLog

/// A consumer of the journal sees every record once, in order, and while it follows none that may yet be lost.
@Suite struct JournalStreamTests {
  typealias Fixture = JournalFixture

  /// Reads on and answers what was handed out.
  static func read(_ stream: inout JournalStream, _ extent: JournalStream.Extent) throws(JournalError) -> [JournalEvent] {
    var events: [JournalEvent] = []
    try stream.read(extent) { events.append($0) }
    return events
  }

  static func records(_ events: [JournalEvent]) -> [LoggedRecord] {
    events.compactMap { if case .record(let record) = $0 { record.logged } else { nil } }
  }

  static func gaps(_ events: [JournalEvent]) -> [JournalGap] {
    events.compactMap { if case .gap(let gap) = $0 { gap } else { nil } }
  }

  @Test func allRecordsOfAllSegmentsAreHandedOutInOrder() throws {
    let storage = try JournalDamageTests.sample()
    var stream = JournalStream(storage)
    let events = try Self.read(&stream, .written)
    #expect(Self.records(events) == (try Fixture.replay(storage)))
    let segments = events.compactMap { if case .segment(let header, false) = $0 { header.number } else { nil } }
    #expect(segments == [1, 2, 3])
    #expect(try Self.read(&stream, .written).isEmpty, "nothing is handed out twice")
    #expect(storage.operations.isEmpty, "reading changes nothing")
  }

  @Test func anEmptyStateDirectoryHasNothing() throws {
    var stream = JournalStream(SimulatedJournalStorage())
    #expect(try Self.read(&stream, .written).isEmpty && Self.read(&stream, .durable).isEmpty)
    #expect(try stream.oldest() == nil)
  }

  @Test func keptSegmentsComeBeforeTheJournals() throws {
    let storage = SimulatedJournalStorage()
    let journal = try Fixture.start(storage, RetentionTests.configuration(.bytes(1 << 20)))
    try RetentionTests.work(journal, 1...20)
    var stream = JournalStream(storage)
    #expect(try stream.oldest() == LSN(1))
    let records = try Self.records(Self.read(&stream, .written))
    #expect(records.map(\.lsn) == (1...journal.lastLSN.rawValue).map { LSN($0) })
    #expect(records.prefix(20).map(\.record) == (1...20).map { Fixture.record($0, bytes: 1000) })
  }

  @Test func aFollowerSeesARecordOnceItIsDurableAndNotBefore() throws {
    let storage = SimulatedJournalStorage()
    let journal = try Fixture.start(storage)
    var stream = JournalStream(storage)
    _ = journal.append(Fixture.record(1))
    journal.pump()
    #expect(try Self.records(Self.read(&stream, .durable)).isEmpty && stream.isWaitingForProof)
    try journal.commit()
    #expect(try Self.records(Self.read(&stream, .durable)).isEmpty, "nothing on the disk shows that it is durable")
    _ = journal.append(Fixture.record(2))
    journal.pump()
    #expect(try Self.records(Self.read(&stream, .durable)).map(\.lsn) == [LSN(1)], "the next record shows it")
    try journal.commit()
    stream.learn(durable: journal.durableLSN)
    #expect(try Self.records(Self.read(&stream, .durable)).map(\.lsn) == [LSN(2)], "the daemon says it")
    #expect(try Self.records(Self.read(&stream, .durable)).isEmpty && !stream.isWaitingForProof)
    storage.restart()
    _ = try Fixture.start(storage).append(Fixture.record(3))
    #expect(try Self.records(Self.read(&stream, .durable)).isEmpty)
  }

  @Test func theNextMountShowsThatAllBeforeItIsDurable() throws {
    let storage = try Fixture.storage([[.append(1, 0), .append(2, 0), .write]])
    var stream = JournalStream(storage)
    #expect(try Self.records(Self.read(&stream, .durable)).isEmpty)
    _ = try Fixture.start(storage)
    #expect(try Self.records(Self.read(&stream, .durable)).map(\.lsn) == [LSN(1), LSN(2)])
  }

  @Test func oneThatHasFallenBehindIsToldWhatIsLeft() throws {
    let storage = SimulatedJournalStorage()
    let journal = try Fixture.start(storage)
    _ = journal.append(Fixture.record(1))
    try journal.commit()
    var stream = JournalStream(JournalOnlooker(storage))
    #expect(try Self.records(Self.read(&stream, .written)).map(\.lsn) == [LSN(1)])
    try RetentionTests.work(journal, 2...30)
    // Its file is used again by now, under another number.
    try RetentionTests.work(journal, 31...60)
    let oldest = try #require(try Journal.scan(storage, Fixture.configuration()).extents.first?.firstLSN)
    #expect(throws: JournalError.retired(LSN(2), oldest: oldest)) { try Self.read(&stream, .written) }
  }

  @Test func damageIsToldWithItsPlaceAndReadingGoesOnBehindIt() throws {
    let storage = try SegmentFileDamageTests.sample()
    let all = try Fixture.replay(storage)
    let map = try RecordMap(storage)
    for entry in map.entries.dropLast(2) {
      let damaged = storage.copy()
      damaged.flip(1, in: entry.segment, at: entry.range.lowerBound + 45)
      var stream = JournalStream(damaged)
      let events = try Self.read(&stream, .written)
      #expect(Self.records(events) == all.filter { $0.lsn != entry.lsn })
      #expect(Self.gaps(events).map(\.first) == [entry.lsn] && Self.gaps(events).map(\.next) == [entry.lsn.next])
      #expect(Self.gaps(events).map(\.offset) == [entry.range.lowerBound])
      #expect(Self.gaps(events).map(\.segment) == [entry.segment])
    }
    storage.flip(1, in: 2, at: 20)
    var stream = JournalStream(storage)
    let events = try Self.read(&stream, .written)
    #expect(Self.gaps(events).map(\.first) == [LSN(4)] && Self.gaps(events).map(\.next) == [LSN(7)])
    #expect(Self.records(events).map(\.lsn.rawValue) == [1, 2, 3] + (7...12))
  }

  @Test func aTornTailIsNoDamage() throws {
    let storage = try Fixture.storage([[.append(1, 0), .commit, .append(2, 0), .append(3, 0), .append(4, 0), .write]])
    let map = try RecordMap(storage)
    storage.flip(1, in: 1, at: map.entries[2].range.lowerBound + 45)
    var stream = JournalStream(storage)
    let events = try Self.read(&stream, .written)
    #expect(Self.records(events).map(\.lsn) == [LSN(1), LSN(2)] && Self.gaps(events).isEmpty)
  }

  /// A daemon that writes, commits, retires, is killed, loses power and mounts again, beside a follower that looks now and then.
  @Test(arguments: 0..<60) func aFollowerSeesExactlyTheHistoryThatStays(_ number: UInt64) throws {
    let seed = Seed.fromEnvironment &+ number
    var generator = SeededGenerator(seed: seed)
    let storage = SimulatedJournalStorage()
    let retention = [Retention.none, .bytes(4 * Fixture.segmentBytes), .bytes(1 << 20)].randomElement(using: &generator)!
    let configuration = RetentionTests.configuration(retention)
    var journal = try Fixture.start(storage, configuration)
    let onlooker = JournalOnlooker(storage)
    var stream = JournalStream(onlooker)
    var seen: [LoggedRecord] = []
    var history: [LSN: Record] = [:]
    var next = 0
    for _ in 0..<200 {
      switch Int.random(in: 0..<100, using: &generator) {
      case 0..<45:
        next += 1
        let record = Fixture.record(next, bytes: [0, 0, 100, 1500].randomElement(using: &generator)!)
        history[journal.append(record).lsn] = record
      case 45..<55: journal.pump()
      case 55..<65: try journal.commit()
      case 65..<70: try RetentionTests.work(journal, 100_000...100_000)
      case 70..<73:
        journal.pump()
        if Bool.random(using: &generator) { storage.restart() } else { storage.powerCut(keepingShare: 0.5, using: &generator) }
        journal = try Fixture.start(storage, configuration)
        history = history.filter { $0.key <= journal.lastLSN }
      case 73..<76: stream.learn(durable: journal.durableLSN)
      default:
        do throws(JournalError) {
          seen += Self.records(try Self.read(&stream, .durable))
        } catch {
          guard case .retired(let lsn, let oldest) = error, retention != .bytes(1 << 20), lsn < oldest else { throw error }
          stream = JournalStream(onlooker)
          seen = []
        }
      }
    }
    try journal.commit()
    stream.learn(durable: journal.durableLSN)
    let last = seen.last?.lsn
    do throws(JournalError) {
      seen += Self.records(try Self.read(&stream, .durable))
      #expect(last == nil || seen.last?.lsn == journal.lastLSN, "EBBFS_SEED=\(seed)")
    } catch {
      guard case .retired = error, retention != .bytes(1 << 20) else { throw error }
    }
    let misplaced = zip(seen, seen.dropFirst()).first { $0.lsn.next != $1.lsn }
    #expect(misplaced == nil, "EBBFS_SEED=\(seed): \(misplaced.map { "\($0.lsn) then \($1.lsn)" } ?? "")")
    for record in seen {
      guard let written = history[record.lsn], record.record != written else { continue }
      Issue.record("EBBFS_SEED=\(seed): LSN \(record.lsn.rawValue)")
      break
    }
    #expect(retention != .bytes(1 << 20) || seen.count == Int(journal.lastLSN.rawValue), "EBBFS_SEED=\(seed): not all")
  }
}
