import FilesystemModel
import JournalFormat
import Support
import Testing
import WriteAheadLog

@Suite struct JournalAppendTests {
  typealias Fixture = JournalFixture

  @Test func anEmptyDirectoryIsAnEmptyJournal() throws {
    let scan = try Journal.scan(SimulatedJournalStorage(), Fixture.configuration())
    #expect(scan.isEmpty && scan.nextLSN == LSN(1) && scan.checkpoint == nil && scan.tornTail == nil)
  }

  @Test func recordsReadBackInOrderAfterTheProcessIsKilled() throws {
    let storage = SimulatedJournalStorage()
    let journal = try Fixture.start(storage)
    for number in 1...200 { _ = journal.append(Fixture.record(number, bytes: number % 3 * 150)) }
    journal.pump()
    storage.restart()
    let records = try Fixture.replay(storage)
    #expect(records.map(\.record) == (1...200).map { Fixture.record($0, bytes: $0 % 3 * 150) })
    #expect(records.map(\.lsn) == (1...200).map { LSN($0) })
    #expect(try Journal.scan(storage, Fixture.configuration()).segments.count > 3)
  }

  @Test func everyMountTakesANewEpochAndGoesOnWithTheNextLSN() throws {
    let storage = SimulatedJournalStorage()
    for mount in 1...5 {
      let journal = try Fixture.start(storage)
      #expect(journal.epoch == UInt64(mount) && journal.lastLSN == LSN(UInt64(mount - 1)))
      #expect(journal.journalUUID == Fixture.uuid)
      #expect(journal.append(Fixture.record(mount)).lsn == LSN(UInt64(mount)))
      journal.pump()
      storage.restart()
    }
    #expect(try Fixture.replay(storage).map(\.epoch) == [1, 2, 3, 4, 5])
  }

  @Test func nothingAppendedIsSeenBeforeItIsWritten() throws {
    let storage = SimulatedJournalStorage()
    let journal = try Fixture.start(storage)
    let appended = journal.append(Fixture.record(1))
    #expect(journal.lastLSN == appended.lsn && journal.writtenLSN == .zero && journal.durableLSN == .zero)
    #expect(try Fixture.replay(storage).isEmpty)
    journal.pump()
    #expect(journal.writtenLSN == appended.lsn && journal.durableLSN == .zero)
    try journal.commit()
    #expect(journal.durableLSN == appended.lsn)
  }

  @Test func dataIsReadByPositionBeforeAndAfterItIsWritten() throws {
    let storage = SimulatedJournalStorage()
    var journal = try Fixture.start(storage)
    var positions: [(Int, JournalPosition)] = []
    for number in 1...40 {
      positions.append((number, try #require(journal.append(Fixture.record(number, bytes: 600)).dataPosition)))
      if number % 7 == 0 { journal.pump() }
      for (number, position) in positions {
        #expect(try journal.read(position, count: 600) == Fixture.data(number, 600))
        #expect(try journal.read(position.advanced(by: 599), count: 1) == [Fixture.data(number, 600)[599]])
      }
    }
    try journal.commit()
    storage.restart()
    journal = try Fixture.start(storage)
    for (number, position) in positions { #expect(try journal.read(position, count: 600) == Fixture.data(number, 600)) }
    let logged = try Fixture.replay(storage).compactMap(\.dataPosition)
    #expect(logged == positions.map(\.1))
  }

  @Test func aPositionOutsideTheJournalIsAnError() throws {
    let journal = try Fixture.start(SimulatedJournalStorage())
    #expect(throws: Errno.stale) { try journal.read(JournalPosition(segment: 9, offset: 4096), count: 1) }
    #expect(throws: Errno.inputOutput) { try journal.read(JournalPosition(segment: 1, offset: 8190), count: 10) }
  }

  @Test func aRecordOfExactlyTheRestFillsASegmentAndOneByteMoreBeginsAnother() throws {
    let room = Fixture.segmentBytes - SegmentHeader.bytes
    let overhead = Fixture.record(1, bytes: 8).encodedBytes - 8
    let storage = SimulatedJournalStorage()
    let journal = try Fixture.start(storage)
    let small = Fixture.record(1).encodedBytes
    _ = journal.append(Fixture.record(1))
    let fitting = room - small - overhead
    #expect(journal.append(Fixture.record(2, bytes: fitting)).dataPosition?.segment == 1)
    #expect(journal.append(Fixture.record(3, bytes: 1)).dataPosition?.segment == 2)
    journal.pump()
    #expect(
      try Fixture.replay(storage).map(\.record) == [
        Fixture.record(1), Fixture.record(2, bytes: fitting), Fixture.record(3, bytes: 1),
      ])
  }

  @Test func segmentsArePreparedOneAheadByAJob() throws {
    let storage = SimulatedJournalStorage()
    let jobs = SimulatedJournalJobs()
    let journal = try Fixture.start(storage, jobs: jobs)
    #expect(try storage.segments() == [1])
    jobs.runAll()
    #expect(try storage.segments() == [1, 2])
    for number in 1...5 { _ = journal.append(Fixture.record(number, bytes: 1000)) }
    journal.pump()
    #expect(try storage.segments() == [1, 2])
    jobs.runAll()
    #expect(try storage.segments() == [1, 2, 3])
  }

  @Test func aPreparedSegmentIsUsedByTheNextMount() throws {
    let storage = SimulatedJournalStorage()
    let jobs = SimulatedJournalJobs()
    _ = try Fixture.start(storage, jobs: jobs)
    jobs.runAll()
    storage.restart()
    let journal = try Fixture.start(storage)
    #expect(journal.epoch == 2)
    #expect(try storage.segments() == [1, 2])
    #expect(!storage.operations.contains(.prepare(3)))
  }

  @Test func aPreparationThatFailsIsTriedAgainByTheLeader() throws {
    let storage = SimulatedJournalStorage()
    let jobs = SimulatedJournalJobs()
    let journal = try Fixture.start(storage, jobs: jobs)
    storage.fail(operation: storage.operations.count, with: .noSpace)
    jobs.runAll()
    #expect(journal.failure == nil)
    for number in 1...5 { _ = journal.append(Fixture.record(number, bytes: 1000)) }
    try journal.commit()
    #expect(try Fixture.replay(storage).count == 5)
  }

  @Test func changesFindNoRoomWhenNoSegmentCanBePrepared() throws {
    let storage = SimulatedJournalStorage()
    let jobs = SimulatedJournalJobs()
    let journal = try Fixture.start(storage, jobs: jobs)
    storage.setBytesAvailable(0)
    jobs.runAll()
    #expect(journal.hasRoom(for: 100))
    _ = journal.append(Fixture.record(1, bytes: 2500))
    #expect(!journal.hasRoom(for: 100))
    storage.setBytesAvailable(.max)
    jobs.runAll()
    #expect(journal.hasRoom(for: 100))
  }

  @Test func roomEndsBeforeTheReserve() throws {
    let journal = try Fixture.start(SimulatedJournalStorage(), Fixture.configuration(segments: 8))
    var appended = 0
    while journal.hasRoom(for: 1000) {
      _ = journal.append(Fixture.record(appended, bytes: 900))
      appended += 1
    }
    #expect(journal.usedBytes <= 7 * Fixture.segmentBytes && journal.usedBytes > 6 * Fixture.segmentBytes - 4096)
    _ = journal.append(.checkpointEnd(begin: .zero))
    try journal.commit()
    #expect(journal.capacityBytes == 8 * Fixture.segmentBytes)
  }

  @Test func aCapacityOfFewerThanFourSegmentsIsTooSmall() {
    #expect(throws: JournalError.tooSmall(needed: 4 * 8192, available: 3 * 8192)) {
      try Fixture.start(SimulatedJournalStorage(), Fixture.configuration(segments: 3))
    }
    let storage = SimulatedJournalStorage()
    storage.setBytesAvailable(100)
    #expect(throws: JournalError.tooSmall(needed: 8192, available: 100)) { try Fixture.start(storage) }
  }
}
