import Engine
import FilesystemModel
import Policies
import StorageInterface
import Support
import Testing
import Threading

/// Modes `write-around` and `cache-aside`, and `sequential_bypass`: data goes to the backing file and nowhere else.
@Suite struct WriteAroundTests {
  private func mount(
    rules: String = "/around/ mode=write-around", _ change: (inout EngineConfiguration) -> Void = { _ in }
  ) throws -> EngineOnDisks {
    try EngineOnDisks {
      $0.writebackDelayMilliseconds = 60_000
      $0.writebackDeadlineMilliseconds = 600_000
      $0.policyRules = try! RuleList(parsing: Array(rules.utf8))
      change(&$0)
    }
  }

  private let path = BackingPath(["around", "f"])

  private func file(on mount: EngineOnDisks) throws -> InodeNumber {
    try mount.create("f", in: mount.create("around", .directory))
  }

  private func contents(_ mount: EngineOnDisks, _ path: BackingPath) -> String? {
    guard let file = try? mount.backing.open(path, writable: false), let bytes = try? file.read(at: 0, count: 100) else {
      return nil
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private func setMode(_ inode: InodeNumber, _ mode: WriteMode, on mount: EngineOnDisks) throws {
    let attribute = ExtendedAttribute(name: PolicyKey.mode.attributeName, value: Array(mode.rawValue.utf8))
    _ = try mount.ask(.setExtendedAttribute(inode, attribute, .set))
  }

  @Test(arguments: [WriteMode.writeAround, .cacheAside])
  func bytesAreInTheBackingFileAndNowhereElseWhenTheWriteIsAnswered(_ mode: WriteMode) throws {
    let mount = try mount(rules: "/around/ mode=\(mode.rawValue)")
    let told = Lock<[ByteRange]>([])
    mount.engine.observeWritesAround { _, range in told.withLock { $0.append(range) } }
    let file = try file(on: mount)
    #expect(contents(mount, path) == "", "a name is written through")
    mount.engine.drain {}
    mount.settle()
    let before = mount.engine.status()
    try mount.write(file, "one two")
    try mount.write(file, "ONE")
    try mount.write(file, " three", at: 7)
    let after = mount.engine.status()
    #expect(contents(mount, path) == "ONE two three")
    // One record says that the file's state is not compared any more.
    #expect(after.lastLSN.rawValue <= before.lastLSN.rawValue + 1, "the journal was written")
    #expect(after.dirtyBytes == 0 && after.dirtyInodes == 0 && after.parkedRequests == 0)
    #expect(after.pendingOperations == 1, "its sync is still to come")
    #expect(try mount.read(file) == "ONE two three" && mount.size(file) == 13)
    #expect(told.withLock { $0 } == [0..<7, 0..<3, 7..<13], "what the kernel has of it is not dropped")
  }

  /// Nor is it after a crash, which takes what memory knew of the file.
  @Test(arguments: [false, true]) func aWriteAroundIsNoChangeOfOthers(isKilled: Bool) throws {
    let mount = try mount(rules: "") { $0.writebackDelayMilliseconds = 50 }
    let file = try mount.create("f")
    try mount.write(file, "one")
    mount.settle()
    mount.engine.set(settings(mode: .writeAround))
    mount.clock.advance(milliseconds: 1000)
    try mount.write(file, "two and more")
    if isKilled { try mount.restart() } else { mount.engine.set(settings(mode: .writeBack)) }
    try mount.write(mount.lookup("f"), "TWO")
    mount.settle()
    #expect(contents(mount, BackingPath(["f"])) == "TWO and more" && mount.engine.status().conflictCount == 0)
  }

  @Test func switchesWhileChangesArePendingKeepTheOrder() throws {
    let mount = try mount(rules: "")
    let file = try mount.create("f")
    try mount.write(file, "back back back")
    #expect(contents(mount, BackingPath(["f"])) == nil)
    mount.engine.set(settings(mode: .writeAround))
    try mount.write(file, "side", at: 5)
    #expect(contents(mount, BackingPath(["f"])) == "back side back", "not after what was pending, or not with it")
    mount.engine.set(settings(mode: .writeBack))
    try mount.write(file, "BACK")
    #expect(contents(mount, BackingPath(["f"])) == "back side back")
    #expect(try mount.read(file) == "BACK side back")
    try setMode(file, .cacheAside, on: mount)
    try mount.write(file, "Side", at: 5)
    #expect(contents(mount, BackingPath(["f"])) == "BACK Side back")
    _ = try mount.ask(.setAttributes(file, AttributeRequest(size: 9)))
    try mount.write(file, "!", at: 10)
    #expect(contents(mount, BackingPath(["f"])) == "BACK Side\0!")
    #expect(try mount.read(file) == "BACK Side\0!" && mount.size(file) == 11)
  }

  private func settings(mode: WriteMode) -> EngineSettings {
    var settings = EngineSettings()
    settings.policy.mode = mode
    return settings
  }

  @Test func otherChangesOfTheFileWaitForWritesUnderWay() throws {
    let mount = try mount()
    let file = try file(on: mount)
    try mount.write(file, "open")
    let write = mount.submit(.write(file, offset: 4, bytes: Array(" end".utf8)))
    mount.engine.set(settings(mode: .writeBack))
    let size = mount.submit(.setAttributes(file, AttributeRequest(size: 6)))
    let name = mount.submit(.unlink(parent: .root, name: "absent"))
    #expect(write.answer == nil && size.answer == nil)
    mount.settle(milliseconds: 500)
    #expect(write.answer != nil && size.answer != nil && name.answer != nil)
    #expect(try contents(mount, path) == "open e" && mount.size(file) == 6)
  }

  @Test func fsyncSyncsTheBackingFileAndAlwaysDoesAtEachWrite() throws {
    let mount = try mount()
    let file = try file(on: mount)
    try mount.write(file, "synced")
    _ = try mount.ask(.synchronize(file, dataOnly: false))
    try mount.write(file, "not yet", at: 6)
    try mount.cutPower(backing: .nothing)
    #expect(contents(mount, path) == "synced", "an fsync does not reach the backing file")
    let strict = try self.mount(rules: "/around/ mode=write-around durability=always")
    let other = try self.file(on: strict)
    try strict.write(other, "at once")
    try strict.cutPower(backing: .nothing)
    #expect(contents(strict, path) == "at once")
  }

  @Test func flushAndRestSyncWhatWentAround() throws {
    let mount = try mount { $0.writebackDelayMilliseconds = 1000 }
    let file = try file(on: mount)
    try mount.write(file, "flushed")
    let isFlushed = Lock(false)
    mount.engine.drain { isFlushed.withLock { $0 = true } }
    #expect(!isFlushed.withLock { $0 }, "before it is synced")
    mount.settle(milliseconds: 200)
    #expect(isFlushed.withLock { $0 })
    try mount.write(file, " rested", at: 7)
    mount.settle(milliseconds: 2000)
    try mount.cutPower(backing: .nothing)
    #expect(contents(mount, path) == "flushed rested")
  }

  @Test func whatTheBackingDirectoryAnswersIsTheAnswer() throws {
    let mount = try mount()
    let file = try file(on: mount)
    try mount.write(file, "one")
    mount.backing.order(BackingFault(.noSpace, times: 1) { $0.name == .write })
    #expect(throws: Errno.noSpace) { try mount.write(file, "two") }
    #expect(try mount.read(file) == "one")
    mount.backing.failNextSynchronization()
    mount.settle(milliseconds: 70_000)
    #expect(mount.engine.status().lastFailure?.reason.contains("fsync around/f") == true, "a loss that nobody sees")
    #expect(throws: Errno.inputOutput) { _ = try mount.ask(.synchronize(file, dataOnly: false)) }
    #expect(throws: Never.self) { _ = try mount.ask(.synchronize(file, dataOnly: false)) }
    try mount.write(file, "two")
    mount.backing.failNextSynchronization()
    #expect(throws: Errno.inputOutput) { _ = try mount.ask(.synchronize(file, dataOnly: false)) }
  }

  @Test func longStreamsGoAroundUntilTheySeekOrPause() throws {
    let mount = try mount(rules: "") { $0.sequentialBypassBytes = 10_000 }
    let file = try mount.create("f")
    let piece = String(repeating: "x", count: 4000)
    for part in 0..<3 { try mount.write(file, piece, at: part * 4000) }
    #expect(mount.engine.status().dirtyBytes == 12_000)
    try mount.write(file, piece, at: 12_000)
    #expect(mount.engine.status().dirtyBytes == 0, "what came before is not written back first")
    try mount.write(file, piece, at: 16_000)
    #expect(try mount.engine.status().dirtyBytes == 0 && mount.size(file) == 20_000)
    try mount.write(file, "seek")
    #expect(mount.engine.status().dirtyBytes == 4, "a seek")
    try mount.write(file, piece, at: 20_000)
    #expect(mount.engine.status().dirtyBytes == 4004, "a new stream is short")
    for part in 6..<9 { try mount.write(file, piece, at: part * 4000) }
    #expect(mount.engine.status().dirtyBytes == 0)
    mount.pass(milliseconds: 61_000)
    try mount.write(file, piece, at: 36_000)
    #expect(mount.engine.status().dirtyBytes == 4000, "a pause")
    #expect(try mount.read(file, offset: 0, count: 40_000) == "seek" + String(repeating: "x", count: 39_996))
  }

  @Test func moreFilesThanDescriptorsAreWrittenAround() throws {
    let mount = try mount(rules: "")
    let files = try (0..<100).map { try mount.create(EntryName(unchecked: Array("f\($0)".utf8))) }
    mount.engine.set(settings(mode: .writeAround))
    let writes = files.map { mount.submit(.write($0, offset: 0, bytes: [1])) }
    mount.settle(milliseconds: 5000)
    #expect(writes.allSatisfy { $0.answer != nil })
    #expect(mount.engine.status().dirtyBytes == 0)
  }

  /// While all threads are busy the file is not closed yet, and the write is not to be attempted again and again until then.
  @Test func aFileThatIsToBeClosedDoesNotKeepTheEngineBusy() throws {
    let mount = try mount { $0.writebackDelayMilliseconds = 10_000 }
    let file = try file(on: mount)
    try mount.write(file, "rested")
    _ = try mount.ask(.synchronize(file, dataOnly: true))
    try mount.write(try mount.create("g", in: mount.lookup("around")), "not synced: stays open")
    let other = try mount.create("other")
    try mount.write(other, "old")
    mount.engine.set(settings(mode: .writeAround))
    let write = mount.submit(.write(other, offset: 0, bytes: Array("new".utf8)))
    mount.pass(milliseconds: 10_000)
    #expect(write.answer == nil, "what was before is not written back yet")
    mount.settle()
    _ = try #require(write.answer).get()
    #expect(contents(mount, BackingPath(["other"])) == "new")
  }

  /// At each job of a write the daemon is killed: what was answered is there, what was not may be.
  @Test func killedAtEachStepNothingAnsweredIsLost() throws {
    var wasAnswered = false
    for steps in 0..<100 where !wasAnswered {
      let mount = try mount(rules: "")
      let file = try mount.create("f")
      try mount.write(file, "one")
      mount.engine.set(settings(mode: .writeAround))
      let write = mount.submit(.write(file, offset: 0, bytes: Array("two".utf8)))
      for _ in 0..<steps { mount.runner.runOldest() }
      wasAnswered = write.answer != nil
      if wasAnswered { #expect(contents(mount, BackingPath(["f"])) == "two", "after \(steps) steps") }
      try mount.restart()
      let found = try mount.read(mount.lookup("f"))
      #expect(found == "two" || !wasAnswered && found == "one", "\(found) after \(steps) steps")
      mount.settle()
      #expect(contents(mount, BackingPath(["f"])) == found)
    }
    #expect(wasAnswered)
  }

  @Test func filesThatLoseTheirNameGoOnAsAnyOther() throws {
    let mount = try mount()
    let file = try file(on: mount)
    try mount.write(file, "one two")
    _ = try mount.ask(.unlink(parent: try mount.lookup("around"), name: "f"))
    try mount.write(file, "ONE")
    #expect(try mount.read(file) == "ONE two")
    #expect(contents(mount, path) == nil)
  }
}

extension EngineOnDisks {
  /// Cuts the power of both disks and mounts anew. The journal's keeps what was synced.
  fileprivate func cutPower(backing kept: PowerCut) throws {
    runner.discardAll()
    journalDisk.powerCut { _ in false }
    backing.crash(.powerCut(keep: kept))
    backing.revive()
    try reopen()
  }
}
