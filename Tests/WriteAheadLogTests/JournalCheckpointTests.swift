import FilesystemModel
import JournalFormat
import Support
import Testing
import Threading
import WriteAheadLog

@Suite struct JournalCheckpointTests {
  typealias Fixture = JournalFixture

  static func binding(_ number: Int, names: Int = 1) -> Binding {
    let name = { (index: Int) in EntryName(unchecked: Array("name-\(number)-\(index)".utf8)) }
    return Binding(inode: InodeNumber(UInt64(number)), kind: .regular, locations: (0..<names).map { Location(.root, name($0)) })
  }

  @Test func theNewestCompleteCheckpointIsHandedOutAndReplayBeginsAtItsLowWater() throws {
    let storage = SimulatedJournalStorage()
    let journal = try Fixture.start(storage)
    for number in 1...5 { _ = journal.append(Fixture.record(number)) }
    _ = journal.appendCheckpoint(lowWater: LSN(2), nextInode: InodeNumber(10), table: [Self.binding(2)])
    _ = journal.append(Fixture.record(6))
    _ = journal.appendCheckpoint(lowWater: LSN(4), nextInode: InodeNumber(20), table: [Self.binding(3), Self.binding(4)])
    _ = journal.append(Fixture.record(7))
    journal.pump()
    let scan = try Journal.scan(storage, Fixture.configuration())
    let checkpoint = try #require(scan.checkpoint)
    #expect(checkpoint.lowWater == LSN(4) && checkpoint.nextInode == InodeNumber(20))
    #expect(checkpoint.table == [Self.binding(3), Self.binding(4)])
    #expect(try Fixture.replay(scan).map(\.record) == [4, 5, 6, 7].map { Fixture.record($0) })
  }

  @Test func whatAScanHasReadIsNotReadAgain() throws {
    let storage = SimulatedJournalStorage()
    let journal = try Fixture.start(storage)
    for number in 1...20 { _ = journal.append(Fixture.record(number, bytes: 1000)) }
    _ = journal.appendCheckpoint(lowWater: LSN(8), nextInode: InodeNumber(10), table: [])
    journal.pump()
    var scan = try Journal.scan(storage, Fixture.configuration())
    let reads = Lock(0)
    storage.beforeReads { reads.withLock { $0 += 1 } }
    var gathered: [LSN] = []
    try scan.takeRecords { gathered.append($0.lsn) }
    #expect(gathered == (8...20).map { LSN($0) } && reads.withLock { $0 } == 0)
    var again: [LSN] = []
    try scan.takeRecords { again.append($0.lsn) }
    #expect(again == gathered && reads.withLock { $0 } > 0, "what was handed out is not kept")
  }

  @Test func aRecordWhoseContentsMeanNothingIsRefusedOnlyWhereItIsNeeded() throws {
    // A retry of a dead letter, made one of a kind of subject that there is not, with a checksum that fits.
    for (lowWater, isNeeded) in [(LSN(1), true), (LSN(3), true), (LSN(4), false)] {
      let storage = SimulatedJournalStorage()
      let journal = try Fixture.start(storage)
      for number in 1...2 { _ = journal.append(Fixture.record(number)) }
      _ = journal.append(.deadLetterRetry(.contents(InodeNumber(5))))
      _ = journal.append(Fixture.record(4))
      _ = journal.appendCheckpoint(lowWater: lowWater, nextInode: InodeNumber(10), table: [])
      journal.pump()
      let entry = try #require(try RecordMap(storage).entries.first { $0.lsn == LSN(3) })
      let file = try storage.openSegment(entry.segment)
      var bytes = try file.read(at: entry.range.lowerBound, count: entry.range.count)
      bytes[RecordLayout.headerBytes] = 0xee
      _ = Record.seal(in: &bytes, at: 0)
      try file.write(bytes, at: entry.range.lowerBound)
      var scan = try Journal.scan(storage, Fixture.configuration())
      var gathered: [LSN] = []
      var failure: JournalError?
      do { try scan.takeRecords { gathered.append($0.lsn) } } catch { failure = error }
      let verdict = try JournalInspector.check(storage).isAcceptable
      #expect((failure != nil) == isNeeded && verdict != isNeeded, "low-water \(lowWater.rawValue)")
      #expect(gathered == (isNeeded ? [] : [LSN(4)]), "nothing of a journal that is refused is handed out")
    }
  }

  @Test func aCheckpointThatIsTornAwayLeavesTheOneBefore() throws {
    let storage = SimulatedJournalStorage()
    let journal = try Fixture.start(storage)
    _ = journal.append(Fixture.record(1))
    _ = journal.appendCheckpoint(lowWater: LSN(1), nextInode: InodeNumber(10), table: [Self.binding(1)])
    try journal.commit()
    let kept = storage.copy()
    _ = journal.appendCheckpoint(lowWater: LSN(3), nextInode: InodeNumber(20), table: (1...30).map { Self.binding($0) })
    journal.pump()
    #expect(try Journal.scan(storage, Fixture.configuration()).checkpoint?.lowWater == LSN(3))
    storage.powerCut { _ in false }
    #expect(try Journal.scan(storage, Fixture.configuration()).checkpoint?.lowWater == LSN(1))
    #expect(try Journal.scan(kept, Fixture.configuration()).checkpoint?.lowWater == LSN(1))
  }

  @Test func aTableLargerThanASegmentAndRowsWithManyNamesComeBackWhole() throws {
    let storage = SimulatedJournalStorage()
    let journal = try Fixture.start(storage)
    let table = (1...300).map { Self.binding($0) } + [Self.binding(301, names: 700), Self.binding(302, names: 0)]
    _ = journal.appendCheckpoint(lowWater: LSN(1), nextInode: InodeNumber(400), table: table)
    try journal.commit()
    #expect(try Journal.scan(storage, Fixture.configuration()).checkpoint?.table == table)
    #expect(try storage.segments().count > 3)
  }

  @Test func segmentsBelowADurableCheckpointAreRetiredAndOthersAreNot() throws {
    let storage = SimulatedJournalStorage()
    let journal = try Fixture.start(storage)
    for number in 1...20 { _ = journal.append(Fixture.record(number, bytes: 1000)) }
    try journal.commit()
    let used = journal.usedBytes
    try journal.retireSegments(below: LSN(20))
    #expect(try storage.segments().first == 1, "nothing is retired without a checkpoint")
    _ = journal.appendCheckpoint(lowWater: LSN(10), nextInode: InodeNumber(2), table: [])
    journal.pump()
    try journal.retireSegments(below: LSN(10))
    #expect(try storage.segments().first == 1, "nothing is retired before the checkpoint is durable")
    try journal.commit()
    try journal.retireSegments(below: LSN(20))
    #expect(try storage.segments().first == 4, "LSN 10 is in segment 4")
    #expect(journal.usedBytes == used - 3 * Fixture.segmentBytes + 2 * (RecordLayout.headerBytes + 16) - 8)
    #expect(journal.metrics.segmentsRetired.value == 3 && journal.metrics.segmentsRecycled.value == 2)
    #expect(try Fixture.replay(storage).map(\.lsn).first == LSN(10))
  }

  @Test func aSegmentThatIsReadStaysUntilTheReadEnds() throws {
    let storage = SimulatedJournalStorage()
    let journal = try Fixture.start(storage)
    let position = try #require(journal.append(Fixture.record(1, bytes: 1000)).dataPosition)
    for number in 2...8 { _ = journal.append(Fixture.record(number, bytes: 1000)) }
    _ = journal.appendCheckpoint(lowWater: LSN(7), nextInode: InodeNumber(2), table: [])
    try journal.commit()
    storage.beforeReads { try? journal.retireSegments(below: LSN(7)) }
    #expect(try journal.read(position, count: 1000) == Fixture.data(1, 1000))
    #expect(try storage.segments().first == 1)
    storage.beforeReads(nil)
    try journal.retireSegments(below: LSN(7))
    #expect(try storage.segments().first == 3)
    #expect(throws: Errno.stale) { try journal.read(position, count: 1000) }
  }

  /// The journal goes round several times in a capacity of eight segments, while every few records it is replayed.
  @Test func theJournalWrapsForEverInItsCapacity() throws {
    let storage = SimulatedJournalStorage()
    let jobs = SimulatedJournalJobs()
    let configuration = Fixture.configuration(segments: 8)
    var journal = try Fixture.start(storage, configuration, jobs: jobs)
    var numbers: [LSN: Int] = [:]
    for number in 1...400 {
      if !journal.hasRoom(for: 1200) {
        let lowWater = LSN(journal.lastLSN.rawValue - 3)
        _ = journal.appendCheckpoint(lowWater: lowWater, nextInode: InodeNumber(UInt64(number)), table: [Self.binding(number)])
        try journal.commit()
        try journal.retireSegments(below: lowWater)
        #expect(journal.hasRoom(for: 1200))
      }
      numbers[journal.append(Fixture.record(number, bytes: number % 1100)).lsn] = number
      journal.pump()
      if number % 3 == 0 { jobs.runAll() }
      #expect(try storage.segments().count <= 8)
      guard number % 20 == 0 else { continue }
      let scan = try Journal.scan(storage, configuration)
      #expect(scan.tornTail == nil)
      for logged in try Fixture.replay(scan) {
        let written = try #require(numbers[logged.lsn])
        #expect(logged.record == Fixture.record(written, bytes: written % 1100))
      }
      guard number % 100 == 0 else { continue }
      storage.restart()
      journal = try Fixture.start(storage, configuration, jobs: jobs)
    }
    #expect(journal.epoch == 5)
    #expect(try #require(storage.segments().first) > 20)
  }

  @Test func staleRecordsOfARecycledSegmentAreNeverLive() throws {
    let storage = SimulatedJournalStorage()
    let journal = try Fixture.start(storage)
    for number in 1...12 { _ = journal.append(Fixture.record(number, bytes: 1000)) }
    _ = journal.appendCheckpoint(lowWater: LSN(12), nextInode: InodeNumber(2), table: [])
    try journal.commit()
    try journal.retireSegments(below: LSN(12))
    #expect(try storage.segments() == [4, 5, 6])
    let end = journal.lastLSN
    // The recycled ones are full of intact records of segments 1 and 2.
    #expect(try Journal.scan(storage, Fixture.configuration()).nextLSN == end.next)
    for number in 13...15 { _ = journal.append(Fixture.record(number, bytes: 1000)) }
    try journal.commit()
    _ = journal.append(Fixture.record(16, bytes: 1000))
    journal.pump()
    try JournalPowerCutTests.forAllCuts(storage) { cut, _ in
      let last = try Fixture.replay(cut).last
      #expect(last?.record == Fixture.record(15, bytes: 1000) || last?.record == Fixture.record(16, bytes: 1000))
    }
  }

  @Test func replayingTwiceGivesTheSame() throws {
    let storage = try JournalDamageTests.sample()
    let scan = try Journal.scan(storage, Fixture.configuration())
    let first = try Fixture.replay(scan)
    #expect(try Fixture.replay(scan) == first)
    let journal = try Journal(
      starting: scan, storage: storage, configuration: Fixture.configuration(), runner: SimulatedJournalJobs(),
      clock: SimulatedClock())
    #expect(try Fixture.replay(scan) == first)
    _ = journal.append(Fixture.record(99))
    journal.pump()
    #expect(try Fixture.replay(scan) == first)
    #expect(try Fixture.replay(storage).dropLast() == first[...])
  }
}
