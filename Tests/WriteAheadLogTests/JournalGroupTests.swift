import FilesystemModel
import Support
import Testing
import WriteAheadLog

@Suite struct JournalGroupTests {
  typealias Fixture = JournalFixture

  @Test func completionsRunOnceTheirLevelIsReached() throws {
    let journal = try Fixture.start(SimulatedJournalStorage())
    let calls = Shared<[String]>([])
    let first = journal.append(Fixture.record(1)).lsn
    let second = journal.append(Fixture.record(2)).lsn
    journal.whenReached(.durable, first) { error in calls.change { $0.append("durable \(error == nil)") } }
    journal.whenReached(.written, second) { error in calls.change { $0.append("written \(error == nil)") } }
    #expect(calls.value.isEmpty)
    journal.pump()
    #expect(calls.value == ["written true"])
    try journal.commit()
    #expect(calls.value == ["written true", "durable true"])
    journal.whenReached(.durable, second) { _ in calls.change { $0.append("at once") } }
    #expect(calls.value.last == "at once")
  }

  @Test func oneWriteServesAllThatWereAppendedBefore() throws {
    let storage = SimulatedJournalStorage()
    let journal = try Fixture.start(storage)
    let before = storage.operations.count
    for number in 1...10 { _ = journal.append(Fixture.record(number)) }
    try journal.commit()
    try journal.commit()
    #expect(storage.operations.count == before + 2)
    for sizes in [journal.metrics.groupRecords.snapshot, journal.metrics.syncRecords.snapshot] {
      #expect(sizes.count == 1 && sizes.sum == 10 && sizes.max == 10)
    }
    #expect(journal.metrics.appendSeconds.snapshot.count == 1 && journal.metrics.syncSeconds.snapshot.count == 1)
    #expect(journal.metrics.recordsAppended.value == 10)
  }

  @Test func olderSegmentsAreSyncedBeforeNewerOnes() throws {
    let storage = SimulatedJournalStorage()
    let journal = try Fixture.start(storage)
    for number in 1...12 { _ = journal.append(Fixture.record(number, bytes: 1000)) }
    try journal.commit()
    let synced = storage.operations.compactMap { operation -> UInt64? in
      if case .synchronize(let number) = operation { number } else { nil }
    }
    #expect(synced == [1, 1, 2, 3, 4])
  }

  @Test func concurrentCommittersShareSyncsAndLoseNothing() throws {
    let storage = SimulatedJournalStorage()
    let jobs = SimulatedJournalJobs()
    let journal = try Fixture.start(storage, Fixture.configuration(segments: 400), jobs: jobs)
    let order = SharedLock(0)
    let acknowledged = Shared<Set<UInt64>>([])
    let failures = Shared(0)
    inParallel(8) { _ in
      for _ in 0..<100 {
        let lsn = order.withLock { count in
          count += 1
          return journal.append(Fixture.record(count, bytes: count % 5 * 60)).lsn
        }
        journal.whenReached(.written, lsn) { error in
          if error == nil && journal.writtenLSN >= lsn { acknowledged.change { $0.insert(lsn.rawValue) } }
        }
        if lsn.rawValue % 3 == 0 { journal.pump() } else if (try? journal.commit()) == nil { failures.change { $0 += 1 } }
        if lsn.rawValue % 3 != 0 && journal.durableLSN < lsn { failures.change { $0 += 1 } }
      }
    }
    journal.close()
    #expect(failures.value == 0)
    #expect(acknowledged.value.count == 800)
    #expect(journal.durableLSN == LSN(800))
    storage.powerCut { _ in false }
    #expect(try Fixture.replay(storage).map(\.record) == (1...800).map { Fixture.record($0, bytes: $0 % 5 * 60) })
  }

  @Test func readersSeeTheirBytesWhileOthersWrite() throws {
    let journal = try Fixture.start(SimulatedJournalStorage(), Fixture.configuration(segments: 400))
    let wrong = Shared(0)
    inParallel(4) { thread in
      for round in 0..<60 {
        let number = thread * 1000 + round
        let appended = journal.append(Fixture.record(number, bytes: 300))
        if round % 2 == 0 { journal.pump() }
        let bytes = try? journal.read(appended.dataPosition!, count: 300)
        if bytes != Fixture.data(number, 300) { wrong.change { $0 += 1 } }
      }
    }
    #expect(wrong.value == 0)
  }

  @Test func aFailedWriteIsFinal() throws {
    let storage = SimulatedJournalStorage()
    let journal = try Fixture.start(storage)
    let results = Shared<[Errno?]>([])
    let kept = journal.append(Fixture.record(1)).lsn
    try journal.commit()
    storage.fail(operation: storage.operations.count, with: .noSpace)
    let lost = journal.append(Fixture.record(2, bytes: 100))
    journal.whenReached(.written, lost.lsn) { error in results.change { $0.append(error) } }
    journal.whenReached(.durable, lost.lsn) { error in results.change { $0.append(error) } }
    journal.pump()
    #expect(results.value == [.noSpace, .noSpace])
    #expect(journal.failure == .noSpace)
    let operations = storage.operations.count
    #expect(throws: Errno.noSpace) { try journal.commit() }
    let later = journal.append(Fixture.record(3))
    journal.whenReached(.written, later.lsn) { error in results.change { $0.append(error) } }
    journal.whenReached(.durable, kept) { error in results.change { $0.append(error) } }
    journal.pump()
    #expect(results.value == [.noSpace, .noSpace, .noSpace, nil])
    #expect(storage.operations.count == operations, "the disk was touched after the failure")
    #expect(try journal.read(lost.dataPosition!, count: 100) == Fixture.data(2, 100), "what is in memory stays readable")
  }

  @Test func aFailedSyncIsFinalAndNeverRepeated() throws {
    let storage = SimulatedJournalStorage()
    let journal = try Fixture.start(storage)
    _ = journal.append(Fixture.record(1))
    try journal.commit()
    let results = Shared<[Errno?]>([])
    let lost = journal.append(Fixture.record(2)).lsn
    journal.pump()
    journal.whenReached(.durable, lost) { error in results.change { $0.append(error) } }
    storage.fail(operation: storage.operations.count, with: .inputOutput)
    #expect(throws: Errno.inputOutput) { try journal.commit() }
    #expect(throws: Errno.inputOutput) { try journal.commit() }
    #expect(results.value == [.inputOutput])
    #expect(journal.durableLSN == LSN(1))
    let syncs = storage.operations.filter { $0 == .synchronize(1) }
    #expect(syncs.count == 3, "the header's, the first commit's and the failed one")
    storage.powerCut { _ in false }
    #expect(try Fixture.replay(storage).map(\.lsn) == [LSN(1)])
  }

  @Test func allWaitersOfAFailedGroupGetTheError() throws {
    let storage = SimulatedJournalStorage()
    let journal = try Fixture.start(storage)
    storage.die(atOperation: storage.operations.count + 3)
    let succeeded = Shared(0)
    inParallel(6) { thread in
      for round in 0..<20 {
        _ = journal.append(Fixture.record(thread * 100 + round))
        if (try? journal.commit()) != nil { succeeded.change { $0 += 1 } }
      }
    }
    #expect(journal.failure == .inputOutput)
    #expect(succeeded.value < 120)
    journal.close()
  }
}
