import Engine
import FilesystemModel
import StorageInterface
import Support
import Testing

/// Plans that fail again and again, and what can be read meanwhile; plans that are cut short.
@Suite struct UnfinishedPlanTests {
  /// A mount of `a` and `d/b`, both with bytes that are only in the backing directory, and attributes not loaded.
  private func engine() throws -> EngineOnDisks {
    let mount = try EngineOnDisks()
    let bystander = mount.backing.bystander
    try bystander.make("d", kind: .directory, device: 0, target: [])
    for path in ["a", "d/b"] as [BackingPath] { try bystander.createFile(path).write(Array("clean".utf8), at: 0) }
    for path in ["d", "a", "d/b"] as [BackingPath] { try bystander.synchronize(path) }
    return mount
  }

  private func refuse(_ call: BackingCall.Name, _ mount: EngineOnDisks) {
    mount.backing.order(BackingFault(.inputOutput) { $0.name == call })
  }

  private func checkReads(_ mount: EngineOnDisks, _ name: EntryName, linkCount: UInt32 = 1) throws {
    let file = try mount.lookup(name)
    guard case .attributes(_, let attributes) = try mount.ask(.getAttributes(file)) else {
      throw EngineOnDisks.NoAnswer(operation: "getattr")
    }
    #expect(attributes.linkCount == linkCount)
    #expect(try mount.read(file) == "clean")
  }

  @Test func aFileWhoseLinkFailsCanBeRead() throws {
    let mount = try engine()
    refuse(.link, mount)
    _ = try mount.ask(.link(mount.lookup("a"), at: Location(.root, "more")))
    mount.settle(milliseconds: 300)
    #expect(mount.engine.status().openPlans == 1)
    try checkReads(mount, "more", linkCount: 2)
    try mount.restart()
    refuse(.link, mount)
    mount.settle(milliseconds: 300)
    try checkReads(mount, "a", linkCount: 2)
    mount.backing.withdrawFaults()
    mount.settle(milliseconds: 120_000)
    #expect(mount.backing.snapshot()["more"] != nil && mount.engine.status().pendingOperations == 0)
  }

  @Test func aFileWhoseRenamingFailsCanBeRead() throws {
    let mount = try engine()
    refuse(.rename, mount)
    _ = try mount.ask(.rename(from: Location(.root, "a"), to: Location(.root, "c"), .replace))
    mount.settle(milliseconds: 300)
    #expect(mount.engine.status().openPlans == 1)
    try checkReads(mount, "c")
    for _ in 0..<2 {
      try mount.restart()
      refuse(.rename, mount)
      mount.settle(milliseconds: 300)
      try checkReads(mount, "c")
    }
    mount.backing.withdrawFaults()
    mount.settle(milliseconds: 120_000)
    #expect(mount.backing.snapshot().paths.sorted() == [".", "c", "d", "d/b"])
    try checkReads(mount, "c")
  }

  @Test func whatIsBelowADirectoryWhoseRenamingFailsCanBeRead() throws {
    let mount = try engine()
    let directory = try mount.lookup("d")
    refuse(.rename, mount)
    _ = try mount.ask(.rename(from: Location(.root, "d"), to: Location(.root, "e"), .replace))
    mount.settle(milliseconds: 300)
    #expect(try mount.read(mount.lookup("b", in: directory)) == "clean")
    try mount.restart()
    refuse(.rename, mount)
    mount.settle(milliseconds: 300)
    #expect(try mount.read(mount.lookup("b", in: mount.lookup("e"))) == "clean")
  }

  /// A redo that the backing directory refuses before it has an effect gives the action back: the file is where it was, until
  /// what was in the way is kept beside it.
  @Test func aRedoneRenameThatIsGivenBackLeavesTheFileWhereItIs() throws {
    let mount = try engine()
    refuse(.rename, mount)
    _ = try mount.ask(.rename(from: Location(.root, "a"), to: Location(.root, "c"), .replace))
    mount.settle(milliseconds: 300)
    try mount.restart()
    mount.backing.withdrawFaults()
    // Somebody takes the name that the redo needs.
    try mount.backing.bystander.make("c", kind: .directory, device: 0, target: [])
    mount.settle(milliseconds: 1000)
    #expect(mount.engine.status().lastFailure?.reason.contains("given back") == true)
    try checkReads(mount, "c")
    try mount.restart()
    mount.settle(milliseconds: 120_000)
    let paths = mount.backing.snapshot().paths.sorted()
    #expect(paths.filter { !$0.hasPrefix("c.ebbfs-conflict-") } == [".", "c", "d", "d/b"] && paths.count == 5)
    try checkReads(mount, "c")
  }

  @Test func aStopLeavesActionsThatHaveNotBegunToTheNextMount() throws {
    let mount = try EngineOnDisks { $0.flushThreads = 1 }
    for number in 0..<20 { _ = try mount.create(EntryName(unchecked: Array("f\(number)".utf8))) }
    let engine = mount.engine
    mount.backing.afterEachCall { name in if name == .createFile { engine.stop() } }
    mount.settle(milliseconds: 2000)
    #expect(mount.backing.callCount(.createFile) == 1)
    engine.close()
    mount.backing.afterEachCall(nil)
    try mount.restart()
    mount.settle(milliseconds: 3000)
    #expect(mount.backing.snapshot().paths.count == 21 && mount.engine.status().pendingOperations == 0)
  }

  @Test func nothingIsTakenAsGoneWhileTheBackingDirectoryIsAway() throws {
    let mount = try engine()
    try mount.backing.bystander.make("other", kind: .directory, device: 0, target: [])
    let other = try mount.lookup("other")
    let file = try mount.lookup("a")
    _ = try mount.ask(.unlink(parent: .root, name: "a"))
    let directory = try mount.lookup("d")
    _ = try mount.ask(.rename(from: Location(.root, "d"), to: Location(.root, "e"), .replace))
    mount.engine.forget(file, count: 1)
    mount.backing.goAway()
    mount.settle(milliseconds: 1000)
    #expect(throws: Errno.notConnected) { try mount.lookup("x", in: other) }
    #expect(mount.engine.status().lastFailure?.errno == .notConnected)
    #expect(mount.engine.status().pendingOperations > 0)
    mount.backing.comeBack()
    mount.settle(milliseconds: 120_000)
    #expect(mount.engine.status().pendingOperations == 0)
    #expect(mount.backing.snapshot().paths.sorted() == [".", "e", "e/b", "other"])
    #expect(throws: Errno.noEntry) { try mount.lookup("x", in: other) }
    #expect(try mount.read(mount.lookup("b", in: directory)) == "clean")
  }
}
