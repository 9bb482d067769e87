import Engine
import FilesystemModel
import Policies
import StorageInterface
import Support
import Testing

/// Mode `write-through`: acknowledged once it is in the backing directory.
@Suite struct WriteThroughTests {
  private func mount(_ change: (inout EngineConfiguration) -> Void = { _ in }) throws -> EngineOnDisks {
    try EngineOnDisks {
      $0.writebackDelayMilliseconds = 60_000
      $0.writebackDeadlineMilliseconds = 600_000
      $0.policyRules = try! RuleList(parsing: Array("/through/ mode=write-through".utf8))
      change(&$0)
    }
  }

  private func contents(_ mount: EngineOnDisks, _ path: BackingPath) -> String? {
    guard let file = try? mount.backing.open(path, writable: false), let bytes = try? file.read(at: 0, count: 100) else {
      return nil
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test func everyChangeIsInTheBackingDirectoryWhenItIsAnswered() throws {
    let mount = try mount()
    let directory = try mount.create("through", .directory)
    #expect((try? mount.backing.details(BackingPath(["through"]))) != nil, "mkdir was answered before")
    let file = try mount.create("f", in: directory)
    #expect(contents(mount, BackingPath(["through", "f"])) == "")
    try mount.write(file, "one")
    #expect(contents(mount, BackingPath(["through", "f"])) == "one")
    _ = try mount.ask(.setAttributes(file, AttributeRequest(permissions: 0o600)))
    #expect(try mount.backing.details(BackingPath(["through", "f"])).status.attributes.permissions == 0o600)
    _ = try mount.ask(.setAttributes(directory, AttributeRequest(permissions: 0o700)))
    #expect(try mount.backing.details(BackingPath(["through"])).status.attributes.permissions == 0o700)
    _ = try mount.ask(.rename(from: Location(directory, "f"), to: Location(.root, "g"), .replace))
    #expect(contents(mount, BackingPath(["g"])) == "one")
    _ = try mount.ask(.rename(from: Location(.root, "g"), to: Location(directory, "f"), .replace))
    _ = try mount.ask(.unlink(parent: directory, name: "f"))
    #expect((try? mount.backing.details(BackingPath(["through", "f"]))) == nil, "unlink was answered before")
    #expect(mount.engine.status().parkedRequests == 0)
  }

  @Test func whatIsPendingOfTheFileGoesBeforeItAndTheRestStays() throws {
    let mount = try mount()
    let file = try mount.create("a")
    let other = try mount.create("b")
    try mount.write(file, "one two")
    try mount.write(other, "stays")
    let attribute = ExtendedAttribute(name: Array("user.ebbfs.mode".utf8), value: Array("write-through".utf8))
    _ = try mount.ask(.setExtendedAttribute(file, attribute, .set))
    #expect(contents(mount, BackingPath(["a"])) == "one two", "the switch itself was answered before")
    try mount.write(file, "ONE")
    #expect(contents(mount, BackingPath(["a"])) == "ONE two")
    #expect(contents(mount, BackingPath(["b"])) == nil, "another file was pressed with it")
    _ = try mount.ask(.removeExtendedAttribute(file, name: attribute.name))
    let quick = mount.submit(.write(file, offset: 0, bytes: Array("two".utf8)))
    #expect(quick.answer != nil && contents(mount, BackingPath(["a"])) == "ONE two", "write-back again")
  }

  @Test func directoryAttributesDoNotWaitForOthersWhoKeepMakingFiles() throws {
    let mount = try mount { $0.policyRules = RuleList() }
    let directory = try mount.create("d", .directory)
    mount.engine.drain {}
    mount.settle()
    var names = 0
    func makeFile() {
      names += 1
      let name = EntryName(unchecked: Array("f\(names)".utf8))
      _ = mount.submit(.make(parent: directory, name: name, MakeRequest(kind: .regular, permissions: 0o644)))
    }
    for _ in 0..<10 { makeFile() }
    let attribute = ExtendedAttribute(name: Array("user.ebbfs.mode".utf8), value: Array("write-through".utf8))
    let pending = mount.submit(.setExtendedAttribute(directory, attribute, .set))
    for _ in 0..<200 where pending.answer == nil {
      makeFile()
      mount.runner.runOldest()
      mount.pass(milliseconds: 10)
    }
    #expect(pending.answer != nil, "never answered")
  }

  @Test func refusedChangesKeepTheCallerWaitingUntilTheyAreDone() throws {
    let mount = try mount()
    let directory = try mount.create("through", .directory)
    let file = try mount.create("f", in: directory)
    mount.backing.order(BackingFault(.inputOutput) { $0.name == .write })
    let write = mount.submit(.write(file, offset: 0, bytes: Array("one".utf8)))
    mount.settle(milliseconds: 5000)
    #expect(write.answer == nil, "answered though it is not in the backing directory")
    #expect(mount.engine.status().lastFailure?.errno == .inputOutput)
    mount.backing.withdrawFaults()
    mount.settle(milliseconds: 60_000)
    #expect(write.answer != nil && contents(mount, BackingPath(["through", "f"])) == "one")
  }

  @Test func whoWritesThroughIsToldTheErrnoOfTheDeadLetter() throws {
    let mount = try mount { $0.retry.retriesMax = 3 }
    let directory = try mount.create("through", .directory)
    let file = try mount.create("f", in: directory)
    mount.backing.order(BackingFault(.accessDenied) { $0.name == .write })
    #expect(throws: Errno.accessDenied) { try mount.write(file, "one") }
    #expect(mount.engine.status().deadLetters == 1 && mount.engine.status().parkedRequests == 0)
    #expect(try mount.read(file) == "one", "what is a dead letter stays visible")
    #expect(throws: Errno.accessDenied) { try mount.write(file, "two") }
    mount.backing.order(BackingFault(.accessDenied) { $0.name == .createFile })
    #expect(throws: Errno.accessDenied) { try mount.create("g", in: directory) }
    #expect(throws: Errno.accessDenied) { try mount.write(mount.lookup("g", in: directory), "one") }
    let attribute = ExtendedAttribute(name: Array("user.ebbfs.mode".utf8), value: Array("write-around".utf8))
    #expect(throws: Errno.accessDenied) { try mount.ask(.setExtendedAttribute(file, attribute, .set)) }
    #expect(throws: Errno.accessDenied) { try mount.write(file, "around") }
    mount.backing.withdrawFaults()
    #expect(try mount.engine.retryDeadLetters(mount.engine.deadLetters().map(\.letter.subject)) > 0)
    mount.settle()
    try mount.write(file, "around")
    #expect(contents(mount, BackingPath(["through", "f"])) == "around")
    #expect(mount.engine.status().deadLetters == 0 && contents(mount, BackingPath(["through", "g"])) == "one")
  }

  @Test func aSignalEndsTheWaitAndTheChangeStays() throws {
    let mount = try mount()
    let directory = try mount.create("through", .directory)
    let file = try mount.create("f", in: directory)
    mount.backing.order(BackingFault(.inputOutput) { $0.name == .write })
    let write = mount.submit(.write(file, offset: 0, bytes: Array("one".utf8)))
    mount.settle(milliseconds: 200)
    mount.engine.interrupt(write.number.withLock { $0 })
    mount.settle(milliseconds: 1500)
    #expect(throws: Errno.interrupted) { try write.answer?.get() }
    #expect(try mount.read(file) == "one")
    mount.backing.withdrawFaults()
    mount.settle(milliseconds: 60_000)
    #expect(contents(mount, BackingPath(["through", "f"])) == "one")
  }

  /// At each job of a write-through the daemon is killed: what was answered is in the backing directory, and what was not is
  /// journaled.
  @Test func killedAtEachStepNothingAnsweredIsLost() throws {
    var wasAnswered = false
    for steps in 0..<100 where !wasAnswered {
      let mount = try mount()
      let directory = try mount.create("through", .directory)
      let file = try mount.create("f", in: directory)
      try mount.write(file, "one")
      let write = mount.submit(.write(file, offset: 0, bytes: Array("two".utf8)))
      for _ in 0..<steps { mount.runner.runOldest() }
      wasAnswered = write.answer != nil
      let found = contents(mount, BackingPath(["through", "f"]))
      if wasAnswered { #expect(found == "two", "after \(steps) steps") }
      try mount.restart()
      let parent = try mount.lookup("through")
      #expect(try mount.read(mount.lookup("f", in: parent)) == "two", "after \(steps) steps")
      mount.settle()
      #expect(contents(mount, BackingPath(["through", "f"])) == "two")
    }
    #expect(wasAnswered)
  }

  @Test func journalThatFailsEndsTheWait() throws {
    let mount = try mount()
    let directory = try mount.create("through", .directory)
    let write = mount.submit(.make(parent: directory, name: "f", MakeRequest(kind: .regular, permissions: 0o644)))
    mount.journalDisk.die(atOperation: mount.journalDisk.operations.count)
    mount.settle()
    #expect(throws: Errno.self) { try write.answer?.get() }
    #expect(write.answer != nil)
  }
}
