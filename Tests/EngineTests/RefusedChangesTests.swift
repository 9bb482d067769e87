import Engine
import FilesystemModel
import StorageInterface
import Support
import Testing
import Threading

/// Changes that the backing directory refuses hold up nothing but what depends on them, and what undoes them counts.
@Suite struct RefusedChangesTests {
  private func refuse(_ call: BackingCall.Name, _ name: String, _ errno: Errno, _ mount: EngineOnDisks) {
    mount.backing.order(BackingFault(errno) { $0.name == call && $0.path.components.last?.description == name })
  }

  /// Given back at once, and tried again for ever.
  @Test(arguments: [Errno.accessDenied, .invalidArgument, .inputOutput])
  func aNameThatCannotBeMadeDoesNotStopItsDirectory(errno: Errno) throws {
    let mount = try EngineOnDisks()
    refuse(.createFile, "bad", errno, mount)
    _ = try mount.create("bad")
    mount.settle(milliseconds: 1000)
    for number in 0..<10 {
      _ = try mount.create(EntryName(unchecked: Array("good\(number)".utf8)))
      mount.settle(milliseconds: 1000)
    }
    mount.settle(milliseconds: 60_000)
    for number in 0..<10 { #expect(mount.backing.snapshot()["good\(number)"] != nil) }
    #expect(mount.engine.status().pendingOperations > 0 && mount.engine.status().lastFailure != nil)
  }

  @Test func plansThatFailLeaveTheOthersTheirThreads() throws {
    let mount = try EngineOnDisks { $0.flushThreads = 4 }
    for number in 0..<8 {
      let directory = try mount.create(EntryName(unchecked: Array("d\(number)".utf8)), .directory)
      mount.settle()
      refuse(.createFile, "bad", .inputOutput, mount)
      _ = try mount.create("bad", in: directory)
      mount.settle(milliseconds: 2000)
    }
    #expect(mount.engine.status().openPlans == 8)
    _ = try mount.create("other", .directory)
    mount.settle(milliseconds: 10_000)
    #expect(mount.backing.snapshot()["other"] != nil)
    mount.backing.withdrawFaults()
    mount.settle(milliseconds: 120_000)
    #expect(mount.engine.status().pendingOperations == 0)
  }

  @Test(arguments: [false, true]) func removingTheFileThatDoesNotFitFreesItsSpace(isThere: Bool) throws {
    let mount = try EngineOnDisks()
    if isThere {
      _ = try mount.create("f")
      mount.settle()
    }
    mount.backing.order(BackingFault(.noSpace) { $0.name == .write })
    let file = try isThere ? mount.lookup("f") : mount.create("f")
    try mount.write(file, "much")
    mount.settle()
    #expect(mount.engine.status().pendingOperations > 0)
    _ = try mount.ask(.unlink(parent: .root, name: "f"))
    mount.engine.forget(file, count: 2)
    mount.settle(milliseconds: 60_000)
    #expect(mount.backing.snapshot()["f"] == nil && mount.engine.status().pendingOperations == 0)
  }

  /// What was made without its attribute is taken away again, durably, and made anew when the attribute is gone.
  @Test(arguments: [FileKind.regular, .directory])
  func removingTheAttributeThatDoesNotFitLetsTheFileBeMade(kind: FileKind) throws {
    let mount = try EngineOnDisks()
    mount.backing.order(BackingFault(.noSpace) { [.setExtendedAttribute, .setFileExtendedAttribute].contains($0.name) })
    let file = try mount.create("f", kind)
    let name = Array("user.x".utf8)
    _ = try mount.ask(.setExtendedAttribute(file, ExtendedAttribute(name: name, value: [1]), .set))
    mount.settle(milliseconds: 2000)
    #expect(mount.backing.durableSnapshot()["f"] == nil && mount.engine.status().pendingOperations > 0)
    _ = try mount.ask(.removeExtendedAttribute(file, name: name))
    mount.backing.withdrawFaults()
    mount.settle(milliseconds: 60_000)
    #expect(mount.backing.durableSnapshot()["f"] != nil && mount.engine.status().pendingOperations == 0)
  }

  /// The plan of an earlier mount counts as carried out until it is given back.
  @Test(arguments: [FileKind.regular, .directory]) func aCreationIsGivenBackByTheNextMount(kind: FileKind) throws {
    let mount = try EngineOnDisks()
    let refusal = BackingFault(.noSpace) { [.setFileAttributes, .setAttributes].contains($0.name) }
    _ = try mount.create("f", kind)
    for _ in 0..<20 where mount.engine.status().openPlans == 0 { mount.pass(milliseconds: 10) }
    var generator = SeededGenerator(seed: 1)
    for _ in 0..<2 { _ = mount.runner.runOne(of: [.journal, .writeBack], using: &generator) }
    #expect(mount.engine.status().openPlans == 1)
    for _ in 0..<2 {
      try mount.restart()
      mount.backing.order(refusal)
      mount.settle(milliseconds: 500)
      #expect(mount.backing.snapshot()["f"] == nil && mount.engine.status().pendingOperations > 0)
      let file = try mount.lookup("f")
      if kind == .regular {
        try mount.write(file, "x")
        #expect(try mount.read(file) == "x")
      }
    }
    mount.backing.withdrawFaults()
    mount.settle(milliseconds: 60_000)
    #expect(mount.backing.snapshot()["f"] != nil && mount.engine.status().pendingOperations == 0)
  }

  /// A write that was given back, one after it, and one that comes while the first is tried again.
  @Test func drainWaitsForAllThatCameBeforeIt() throws {
    let mount = try EngineOnDisks()
    let file = try mount.create("f")
    mount.settle()
    mount.backing.order(BackingFault(.accessDenied, times: 1) { $0.name == .open && $0.path.text == "f" })
    try mount.write(file, "1", at: 0)
    mount.pass(milliseconds: 50)
    mount.runner.runAll()
    try mount.write(file, "2", at: 1)
    let size = Lock<Int?>(nil)
    let backing = mount.backing
    mount.engine.drain { size.withLock { $0 = backing.snapshot()["f"]?.contents.size ?? 0 } }
    for _ in 0..<40 where mount.engine.status().openPlans == 0 { mount.pass(milliseconds: 10) }
    try mount.write(file, "3", at: 2)
    for _ in 0..<100 where size.withLock({ $0 }) == nil {
      mount.runner.runAll()
      mount.pass(milliseconds: 1)
    }
    #expect(size.withLock { $0 } ?? 0 >= 2)
  }
}
