import FilesystemModel
import JournalFormat
import Support
import Testing
import WriteAheadLog

/// C26: a power cut loses any subset of un-synced sectors. The result is a prefix, never a refusal, and stays so after the next
/// mount.
@Suite struct JournalPowerCutTests {
  typealias Fixture = JournalFixture

  /// Calls `body` with the disk after every possible power cut.
  static func forAllCuts(_ storage: SimulatedJournalStorage, _ body: (SimulatedJournalStorage, UInt64) throws -> Void) throws {
    let sectors = storage.unsyncedSectors
    try #require(sectors.count <= 12)
    for subset in 0..<(UInt64(1) << UInt64(sectors.count)) {
      let cut = storage.copy()
      cut.powerCut { sector in subset >> UInt64(sectors.firstIndex(of: sector)!) & 1 == 1 }
      try body(cut, subset)
    }
  }

  /// The numbers of the records, which must be `1...` in order.
  static func prefix(_ storage: SimulatedJournalStorage, _ numbers: [Int], _ bytes: Int) throws -> Int {
    let records = try Fixture.replay(storage)
    #expect(records.map(\.record) == numbers.prefix(records.count).map { Fixture.record($0, bytes: bytes) })
    return records.count
  }

  @Test func everySubsetOfLostSectorsLeavesAPrefixAndSoDoesTheNextMount() throws {
    let bytes = 330
    let storage = SimulatedJournalStorage()
    let journal = try Fixture.start(storage)
    for number in 1...8 {
      _ = journal.append(Fixture.record(number, bytes: bytes))
      journal.pump()
    }
    var lengths = Set<Int>()
    try Self.forAllCuts(storage) { cut, subset in
      let kept = try Self.prefix(cut, Array(1...8), bytes)
      lengths.insert(kept)
      let next = try Fixture.start(cut)
      #expect(next.lastLSN == LSN(UInt64(kept)))
      _ = next.append(Fixture.record(101, bytes: bytes))
      try next.commit()
      for number in 102...104 {
        _ = next.append(Fixture.record(number, bytes: bytes))
        next.pump()
      }
      let numbers = Array((1...8).prefix(kept)) + Array(101...104)
      try Self.forAllCuts(cut) { second, _ in
        let length = try Self.prefix(second, numbers, bytes)
        #expect(length >= kept + 1, "subset \(subset)")
      }
    }
    #expect(lengths.isSuperset(of: [0, 1, 2, 3, 4, 8]), "the cuts do not reach every part of the journal")
  }

  /// After a failed fsync(2) the kernel calls the pages clean: that a later mount's fsync succeeds proves nothing.
  @Test func whatAMountCouldNotSyncIsWrittenAnewByTheNext() throws {
    let bytes = 700
    var isStarted = false
    var failing = 0
    while !isStarted {
      let storage = SimulatedJournalStorage()
      let journal = try Fixture.start(storage)
      for number in 1...30 {
        _ = journal.append(Fixture.record(number, bytes: bytes))
        if number == 20 { try journal.commit() } else { journal.pump() }
      }
      storage.restart()
      storage.fail(operation: failing, with: .inputOutput)
      isStarted = (try? Fixture.start(storage)) != nil
      storage.restart()
      _ = try Fixture.start(storage)
      storage.powerCut { _ in false }
      #expect(try Self.prefix(storage, Array(1...30), bytes) == 30, "operation \(failing) failed")
      failing += 1
    }
    #expect(failing > 4)
  }

  @Test func durableRecordsStayInEveryCutAlsoAcrossSegments() throws {
    let bytes = 700
    let storage = SimulatedJournalStorage()
    let journal = try Fixture.start(storage)
    for number in 1...3 { _ = journal.append(Fixture.record(number, bytes: bytes)) }
    try journal.commit()
    for number in 4...6 {
      _ = journal.append(Fixture.record(number, bytes: bytes))
      journal.pump()
    }
    #expect(try storage.segments().count == 2)
    // The header's eight sectors are lost or kept together with one of its own to keep the number of subsets small.
    let sectors = storage.unsyncedSectors
    let isTied = { (sector: JournalPosition) in sector.segment == 2 && sector.offset > 0 && sector.offset < SegmentHeader.bytes }
    let free = sectors.filter { !isTied($0) }
    for subset in 0..<(1 << free.count) {
      let cut = storage.copy()
      cut.powerCut { sector in free.firstIndex(of: sector).map { subset >> $0 & 1 == 1 } ?? (subset & 1 == 1) }
      #expect(try Self.prefix(cut, Array(1...6), bytes) >= 3)
    }
  }

  @Test func recordsThatASecondMountSawAreNotLostByALaterCut() throws {
    let storage = SimulatedJournalStorage()
    let journal = try Fixture.start(storage)
    for number in 1...4 { _ = journal.append(Fixture.record(number, bytes: 600)) }
    journal.pump()
    storage.restart()
    let next = try Fixture.start(storage)
    _ = next.append(Fixture.record(5, bytes: 600))
    next.pump()
    try Self.forAllCuts(storage) { cut, _ in
      let kept = try Self.prefix(cut, Array(1...5), 600)
      #expect(kept >= 4)
    }
  }

  @Test func theCutIsReported() throws {
    let storage = SimulatedJournalStorage()
    let journal = try Fixture.start(storage)
    _ = journal.append(Fixture.record(1, bytes: 100))
    try journal.commit()
    let end = SegmentHeader.bytes + Fixture.record(1, bytes: 100).encodedBytes
    for number in 2...3 { _ = journal.append(Fixture.record(number, bytes: 1000)) }
    journal.pump()
    storage.powerCut { $0.offset != 4608 }
    let torn = try #require(try Journal.scan(storage, Fixture.configuration()).tornTail)
    #expect(torn.lsn == LSN(2) && torn.segment == 1 && torn.offset == end)
    #expect(torn.bytesCut == 2 * Fixture.record(2, bytes: 1000).encodedBytes)
    #expect(torn.description == "torn tail cut at LSN 2, segment 1, offset \(end), \(torn.bytesCut) bytes")
  }

  @Test func aCleanEndIsNotReportedAsTorn() throws {
    let storage = try Fixture.storage([[.append(1, 0), .commit], [.append(2, 0)], []])
    #expect(try Journal.scan(storage, Fixture.configuration()).tornTail == nil)
  }

  @Test func randomCutsOfLongerHistoriesLeaveAPrefixThatHoldsWhatIsDurable() throws {
    let seed = Seed.fromEnvironment
    var generator = SeededGenerator(seed: seed)
    for round in 0..<60 {
      let storage = SimulatedJournalStorage()
      var history: [Int] = []
      for _ in 0..<4 {
        let journal = try Fixture.start(storage)
        #expect(journal.lastLSN == LSN(UInt64(history.count)))
        for _ in 0..<Int.random(in: 0...25, using: &generator) {
          history.append(Int.random(in: 1...1_000_000, using: &generator))
          _ = journal.append(Fixture.record(history.last!, bytes: history.last! % 900))
          switch Int.random(in: 0..<6, using: &generator) {
          case 0: try journal.commit()
          case 1, 2: journal.pump()
          default: break
          }
        }
        let durable = Int(journal.durableLSN.rawValue)
        storage.powerCut(keepingShare: [0, 0.5, 0.95, 1].randomElement(using: &generator)!, using: &generator)
        let records = try Fixture.replay(storage)
        #expect(records.count >= durable, "EBBFS_SEED=\(seed), round \(round)")
        history = Array(history.prefix(records.count))
        #expect(
          records.map(\.record) == history.map { Fixture.record($0, bytes: $0 % 900) }, "EBBFS_SEED=\(seed), round \(round)")
      }
    }
  }
}
