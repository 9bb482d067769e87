import FilesystemModel
import JournalFormat
import Support
import Testing
import WriteAheadLog

/// The process dies, or the power fails, between each two calls of the storage, also while the journal starts again.
@Suite struct JournalCrashTests {
  typealias Fixture = JournalFixture
  static let configuration = JournalFixture.configuration(segments: 6)

  /// What a run knows of its journal: the oracle.
  struct Ledger {
    var records: [LSN: Record] = [:]
    var written = LSN.zero
    var durable = LSN.zero
    var next = 0

    /// Takes over what a scan found, and checks it: all that was promised, and no more than was appended.
    mutating func check(_ scan: JournalScan, promised: LSN, _ what: String) throws {
      let last = scan.nextLSN.previous
      #expect(last >= promised, "\(what): LSN \(promised.rawValue) was promised, \(last.rawValue) is the last")
      var expected = scan.lowWater
      for logged in try JournalFixture.replay(scan) {
        #expect(logged.record == records[logged.lsn], "\(what): LSN \(logged.lsn.rawValue)")
        while records[expected] == nil && expected < logged.lsn { expected = expected.next }
        #expect(logged.lsn == expected, "\(what): a record is missing")
        expected = expected.next
      }
      records = records.filter { $0.key <= last }
      written = last
      durable = min(durable, last)
    }
  }

  /// Appends, commits, checkpoints and retires until the work is done or the storage dies.
  static func work(_ journal: Journal, _ jobs: SimulatedJournalJobs, _ ledger: inout Ledger, rounds: Int) throws(Errno) {
    for _ in 0..<rounds {
      ledger.next += 1
      let record = Fixture.record(ledger.next, bytes: ledger.next * 377 % 1500)
      ledger.records[journal.append(record).lsn] = record
      journal.pump()
      ledger.written = journal.writtenLSN
      if ledger.next % 3 == 0 { try journal.commit() }
      ledger.durable = journal.durableLSN
      if ledger.next % 4 == 0 { jobs.runAll() }
      if ledger.next % 7 == 0 {
        let lowWater = LSN(journal.lastLSN.rawValue - 2)
        _ = journal.appendCheckpoint(lowWater: lowWater, nextInode: InodeNumber(7), table: [])
        try journal.commit()
        ledger.durable = journal.durableLSN
        ledger.written = journal.writtenLSN
        try journal.retireSegments(below: lowWater)
      }
      if let failure = journal.failure { throw failure }
    }
  }

  /// One life: start, work, and what it knows when it ended. Gives whether it got through.
  static func live(_ storage: SimulatedJournalStorage, _ ledger: inout Ledger, rounds: Int) throws -> Bool {
    let jobs = SimulatedJournalJobs()
    do {
      let journal = try Fixture.start(storage, configuration, jobs: jobs)
      try work(journal, jobs, &ledger, rounds: rounds)
      journal.close()
      ledger.durable = journal.durableLSN
      return true
    } catch JournalError.storage(.inputOutput, _) {
      return false
    } catch let error as Errno where error == .inputOutput {
      return false
    }
  }

  enum Crash: CaseIterable {
    case processDeath
    case processDeathInsideAWrite
    case powerLosesAll
    case powerLosesSome
  }

  @Test(arguments: Crash.allCases) func deathAtAnyCallLeavesWhatWasPromised(_ crash: Crash) throws {
    let seed = Seed.fromEnvironment
    var generator = SeededGenerator(seed: seed)
    var operation = 0
    var isThrough = false
    while !isThrough {
      let storage = SimulatedJournalStorage()
      var ledger = Ledger()
      // A first life without trouble, so that recycled segments and a second epoch are part of it.
      #expect(try Self.live(storage, &ledger, rounds: 9))
      storage.restart()
      storage.die(
        atOperation: operation,
        lastWriteBytes: crash == .processDeathInsideAWrite ? Int.random(in: 0..<900, using: &generator) : 0)
      isThrough = try Self.live(storage, &ledger, rounds: 17)
      let what = "\(crash) at operation \(operation), EBBFS_SEED=\(seed)"
      Self.end(storage, crash, &generator)
      let isPowerCut = crash == .powerLosesAll || crash == .powerLosesSome
      let scan = try Journal.scan(storage, Self.configuration)
      try ledger.check(scan, promised: isPowerCut ? ledger.durable : max(ledger.written, ledger.durable), what)
      // All starts after one kind of crash, samples of the others, keep the suite short.
      if crash == .powerLosesSome || operation % 4 == 0 {
        try Self.crashWhileStarting(storage, ledger, crash, what, &generator)
      }
      operation += 1
    }
    #expect(operation > 30, "the work makes too few calls to be a test")
  }

  /// Dies at each call of the next start, starts once more, and works on.
  private static func crashWhileStarting(
    _ storage: SimulatedJournalStorage, _ before: Ledger, _ crash: Crash, _ what: String, _ generator: inout SeededGenerator
  ) throws {
    var operation = 0
    var hasStarted = false
    while !hasStarted {
      let again = storage.copy()
      var ledger = before
      again.die(atOperation: operation)
      hasStarted = (try? Fixture.start(again, configuration)) != nil
      end(again, crash, &generator)
      let scan = try Journal.scan(again, configuration)
      #expect(scan.nextLSN == ledger.written.next, "\(what), then in start at operation \(operation)")
      try ledger.check(scan, promised: ledger.written, "\(what), then in start at operation \(operation)")
      operation += 1
      guard hasStarted else { continue }
      #expect(try live(again, &ledger, rounds: 8))
      again.restart()
      let last = try Journal.scan(again, configuration)
      try ledger.check(last, promised: ledger.durable, "\(what), then worked on")
      #expect(last.tornTail == nil)
    }
  }

  private static func end(_ storage: SimulatedJournalStorage, _ crash: Crash, _ generator: inout SeededGenerator) {
    switch crash {
    case .processDeath, .processDeathInsideAWrite: storage.restart()
    case .powerLosesAll: storage.powerCut { _ in false }
    case .powerLosesSome: storage.powerCut(keepingShare: 0.6, using: &generator)
    }
  }

  @Test func aFailureOfAnySingleCallStopsTheJournalOrIsHarmlessAndNothingIsLost() throws {
    let untroubled = SimulatedJournalStorage()
    var unused = Ledger()
    #expect(try Self.live(untroubled, &unused, rounds: 20))
    try #require(untroubled.operations.count > 30)
    for operation in untroubled.operations.indices {
      let storage = SimulatedJournalStorage()
      var ledger = Ledger()
      storage.fail(operation: operation, with: .inputOutput)
      _ = try Self.live(storage, &ledger, rounds: 20)
      storage.powerCut { _ in false }
      try ledger.check(Journal.scan(storage, Self.configuration), promised: ledger.durable, "failure of operation \(operation)")
    }
  }

  /// What fails is an operation on a segment that is not needed at once: the journal goes on through all its segments.
  @Test(arguments: [false, true]) func aSegmentThatIsNotPreparedRecycledOrRemovedAtOnceIsLater(_ hasEffect: Bool) throws {
    let untroubled = SimulatedJournalStorage()
    var unused = Ledger()
    #expect(try Self.live(untroubled, &unused, rounds: 20))
    var kinds: Set<String> = []
    for (index, operation) in untroubled.operations.enumerated() {
      let storage = SimulatedJournalStorage()
      switch operation {
      case .prepare(let number) where number > 1: kinds.insert("prepare")
      case .recycle: kinds.insert("recycle")
      case .remove: kinds.insert("remove")
      default: continue
      }
      if hasEffect { storage.failLate(operation: index, with: .noSpace) } else { storage.fail(operation: index, with: .noSpace) }
      var ledger = Ledger()
      let jobs = SimulatedJournalJobs()
      let journal = try Fixture.start(storage, Self.configuration, jobs: jobs)
      var failures = 0
      while ledger.next < 120 {
        do throws(Errno) { try Self.work(journal, jobs, &ledger, rounds: 1) } catch {
          #expect(error == .noSpace)
          failures += 1
        }
        ledger.durable = journal.durableLSN
      }
      #expect(failures <= 1 && journal.failure == nil, "\(operation)")
      #expect(journal.hasRoom(for: 100), "\(operation)")
      #expect(journal.usedBytes <= Self.configuration.capacityBytes)
      storage.powerCut { _ in false }
      try ledger.check(Journal.scan(storage, Self.configuration), promised: ledger.durable, "\(operation)")
    }
    #expect(kinds.count == 3)
  }
}
