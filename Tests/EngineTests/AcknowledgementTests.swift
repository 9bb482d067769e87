import Engine
import FilesystemModel
import Support
import Testing
import Threading

/// When requests are answered, and what they are answered when the journal cannot take them.
@Suite struct AcknowledgementTests {
  @Test func alwaysAnswersWhenTheRecordIsDurable() throws {
    let fixture = try EngineFixture { $0.durability = .always }
    let made = fixture.make("a")
    #expect(made.answer == nil)
    fixture.runner.runAll(of: [.journal])
    #expect(made.inode != nil && fixture.engine.status().durableLSN >= LSN(1))
  }

  /// Under load somebody asks during each sync; another thread for each next one would cost two changes of context.
  @Test func whoAsksForASyncDuringAnotherIsServedByTheSameJob() throws {
    let fixture = try EngineFixture { $0.durability = .always }
    _ = fixture.make("first")
    fixture.runner.runAll(of: [.journal])
    let engine = fixture.engine
    let isSecondMade = Lock(false)
    let make = { (name: EntryName) in Operation.make(parent: .root, name: name, MakeRequest(kind: .regular, permissions: 0o644)) }
    engine.submit(make("a"), from: Caller(owner: 0, group: 0)) { [second = make("b")] _ in
      engine.submit(second, from: Caller(owner: 0, group: 0)) { _ in isSecondMade.withLock { $0 = true } }
    }
    fixture.runner.runOldest(of: [.journal])
    #expect(isSecondMade.withLock { $0 } && fixture.runner.waitingCount(.journal) == 0)
  }

  @Test func batchAnswersAtOnceAndSyncsWithinItsTime() throws {
    let fixture = try EngineFixture { $0.durability = .batch(milliseconds: 100) }
    for number in 0..<20 {
      // At any distance from the last sync.
      fixture.pass(milliseconds: 50 * (number % 4))
      fixture.runner.runAll(of: [.journal])
      #expect(fixture.make(EntryName(unchecked: Array("f\(number)".utf8))).inode != nil)
      let last = fixture.engine.status().lastLSN
      #expect(fixture.engine.status().durableLSN < last)
      fixture.pass(milliseconds: 100)
      fixture.runner.runAll(of: [.journal])
      #expect(fixture.engine.status().durableLSN >= last)
    }
  }

  @Test func aBatchOfFewMillisecondsIsSyncedWithinThem() throws {
    let fixture = try EngineFixture { $0.durability = .batch(milliseconds: 8) }
    for number in 0..<20 {
      #expect(fixture.make(EntryName(unchecked: Array("f\(number)".utf8))).inode != nil)
      let last = fixture.engine.status().lastLSN
      #expect(fixture.engine.status().durableLSN < last)
      for _ in 0..<8 / fixture.engine.tickMilliseconds {
        fixture.clock.advance(milliseconds: fixture.engine.tickMilliseconds)
        fixture.engine.tick()
      }
      fixture.runner.runAll(of: [.journal])
      #expect(fixture.engine.status().durableLSN >= last)
    }
  }

  @Test func whatIsFetchedIsShownNoEarlierThanItIsAcknowledged() throws {
    let fixture = try EngineFixture {
      $0.durability = .always
      $0.memoryBytes = 8192
    }
    let made = fixture.make("a")
    fixture.runner.runAll(of: [.journal])
    let inode = try #require(made.inode)
    // More than memory holds: the first bytes are only in the journal.
    let writes = (0..<3).map { fixture.ask(.write(inode, offset: $0 * 4096, bytes: [UInt8](repeating: 5, count: 4096))) }
    let read = fixture.ask(.read(inode, offset: 0, count: 3 * 4096))
    #expect(writes.allSatisfy { $0.answer == nil } && read.answer == nil)
    for _ in 0..<50 where read.answer == nil {
      fixture.pass(milliseconds: 50)
      fixture.runner.runAll(of: [.journal, .journalRead])
    }
    #expect(writes.allSatisfy { $0.answer == .success(.count(4096)) })
    #expect(read.answer == .success(.bytes([UInt8](repeating: 5, count: 3 * 4096))))
  }

  @Test func osSyncsForFsyncAndForWriteBackOnly() throws {
    let fixture = try EngineFixture { $0.durability = .system }
    #expect(fixture.make("a").inode != nil)
    fixture.pass(milliseconds: 1000)
    fixture.runner.runAll(of: [.journal])
    #expect(fixture.engine.status().durableLSN == .zero)
    let synchronized = fixture.ask(.synchronize(.root, dataOnly: false))
    #expect(synchronized.answer == nil)
    fixture.runner.runAll(of: [.journal])
    #expect(synchronized.answer == .success(.done) && fixture.engine.status().durableLSN >= LSN(1))
    #expect(fixture.make("b").inode != nil)
    fixture.pass(milliseconds: 10_000)
    fixture.runner.runAll()
    #expect(fixture.engine.status().durableLSN >= LSN(2))
  }

  @Test func afterAFailureOfTheJournalChangesAreRefusedAndReadsGoOn() throws {
    let fixture = try EngineFixture()
    let inode = try #require(fixture.make("a").inode)
    let bytes: [UInt8] = [1, 2, 3]
    #expect(fixture.ask(.write(inode, offset: 0, bytes: bytes)).answer == .success(.count(3)))
    fixture.journalDisk.die(atOperation: fixture.journalDisk.operations.count)
    #expect(fixture.make("b").errno == .inputOutput)
    #expect(fixture.make("c").errno == .readOnlyFilesystem)
    #expect(fixture.ask(.write(inode, offset: 0, bytes: [9])).errno == .readOnlyFilesystem)
    #expect(fixture.ask(.synchronize(inode, dataOnly: true)).errno == .inputOutput)
    #expect(fixture.ask(.read(inode, offset: 0, count: 10)).answer == .success(.bytes(bytes)))
    fixture.backing.clearCounts()
    fixture.pass(milliseconds: 60_000)
    fixture.runner.runAll()
    #expect(fixture.backing.callCount(.createFile, .write) == 0, "nothing may be written back without a record of it")
    #expect(fixture.engine.status().journalFailure == .inputOutput)
  }

  @Test func aFullJournalMakesChangesWaitUntilWriteBackMadeRoom() throws {
    let fixture = try EngineFixture()
    let inode = try #require(fixture.make("a").inode)
    fixture.backing.failCall(fixture.backing.nextCallIndex, with: .inputOutput, forEver: true)
    var waiting: EngineFixture.Asked?
    for number in 0..<200 where waiting == nil {
      let asked = fixture.ask(.write(inode, offset: number * 8192, bytes: [UInt8](repeating: 7, count: 8192)))
      // Before the journal is full changes are only slowed down.
      if asked.answer == nil { fixture.pass(milliseconds: 6000) }
      if asked.answer == nil { waiting = asked }
    }
    let first = try #require(waiting, "the journal never became full")
    let second = fixture.ask(.write(inode, offset: 0, bytes: [UInt8](repeating: 8, count: 8192)))
    #expect(second.answer == nil)
    fixture.engine.interrupt(second.number)
    #expect(second.answer == nil, "a signal ends only a long wait")
    fixture.pass(milliseconds: 1000)
    #expect(second.errno == .interrupted)
    fixture.runner.runAll()
    #expect(first.answer == nil, "nothing was written back")
    fixture.backing.revive()
    for _ in 0..<200 where first.answer == nil {
      fixture.pass(milliseconds: 1000)
      fixture.runner.runAll()
    }
    #expect(first.answer == .success(.count(8192)))
  }

  @Test func namesOfOurTemporaryFilesAreRefused() throws {
    let fixture = try EngineFixture()
    let reserved = EntryName(unchecked: Array(".ebbfs-000102030405060708090a0b0c0d0e0f-1".utf8))
    #expect(fixture.make(reserved).errno == .notPermitted)
    let inode = try #require(fixture.make(".ebbfs-1").inode)
    #expect(fixture.ask(.link(inode, at: Location(.root, reserved))).errno == .notPermitted)
    #expect(
      fixture.ask(.rename(from: Location(.root, ".ebbfs-1"), to: Location(.root, reserved), .replace)).errno == .notPermitted)
  }

  @Test func whatIsNotThereAnyMoreIsToldNoEarlierThanItsRemovalIsAcknowledged() throws {
    let mount = try EngineOnDisks { $0.durability = .always }
    let file = try mount.create("f")
    let name = Array("user.x".utf8)
    _ = try mount.ask(.setExtendedAttribute(file, ExtendedAttribute(name: name, value: [1]), .set))
    let removals = [
      mount.submit(.removeExtendedAttribute(file, name: name)), mount.submit(.unlink(parent: .root, name: "f")),
    ]
    let questions = [
      mount.submit(.getExtendedAttribute(file, name: name)), mount.submit(.lookup(parent: .root, name: "f")),
      mount.submit(.unlink(parent: .root, name: "f")),
    ]
    #expect(removals.allSatisfy { $0.answer == nil } && questions.allSatisfy { $0.answer == nil })
    mount.runner.runAll(of: [.journal])
    #expect(removals.allSatisfy { $0.answer == .success(.done) })
    #expect(questions.map(\.answer) == [.failure(.noData), .failure(.noEntry), .failure(.noEntry)])
  }
}
