import Engine
import FilesystemModel
import StorageInterface
import Support
import Testing

/// What somebody else has done to the backing directory just as it was done on the mount.
@Suite struct BothSidesTests {
  private func modified(_ inode: InodeNumber, _ mount: EngineOnDisks) throws -> Timestamp? {
    guard case .attributes(_, let attributes) = try mount.ask(.getAttributes(inode)) else { return nil }
    return attributes.modified
  }

  @Test func aDirectoryMadeOnBothSidesHasTheTimesOfItsEntries() throws {
    let mount = try EngineOnDisks { $0.conflicts = .theirs }
    mount.backing.order(BackingFault(.inputOutput) { $0.path.text == "d/inside" })
    let directory = try mount.create("d", .directory)
    _ = try mount.create("inside", in: directory)
    try mount.backing.bystander.make("d", kind: .directory, device: 0, target: [])
    mount.settle(milliseconds: 1000)
    #expect(mount.engine.status().conflicts.map(\.resolution) == [.theirs])
    let shown = try modified(directory, mount)
    mount.backing.withdrawFaults()
    mount.settle(milliseconds: 30_000)
    #expect(mount.engine.status().pendingOperations == 0 && mount.backing.snapshot()["d/inside"] != nil)
    #expect(try modified(directory, mount) == shown)
    #expect(mount.backing.snapshot()["d"]?.modified == shown)
  }

  // MARK: Removals

  private enum Sync: CaseIterable { case filesystem, directories }

  /// A mount with `f`, `d/x` and `d/sub/y`, written back and looked at.
  private func scene(hasStableInodes: Bool = true, _ sync: Sync = .filesystem) throws -> EngineOnDisks {
    let abilities = BackingAbilities(
      hasStableInodes: hasStableInodes, hasFilesystemSync: sync == .filesystem, description: "simulated")
    let mount = try EngineOnDisks(abilities: abilities) {
      $0.retry = .init(firstMilliseconds: 50, mostMilliseconds: 50, retriesMax: 3)
    }
    try mount.write(mount.create("f"), "base")
    let directory = try mount.create("d", .directory)
    try mount.write(mount.create("x", in: directory), "inside")
    try mount.write(mount.create("y", in: mount.create("sub", in: directory, .directory)), "further inside")
    mount.settle()
    return mount
  }

  /// Nothing is told, nothing is left to do, and a further mount agrees.
  private func check(_ mount: EngineOnDisks, _ paths: [String], hadFaults: Bool = false) throws {
    for isRestarted in [false, true] {
      if isRestarted {
        mount.runner.discardAll()
        mount.journalDisk.restart()
        mount.backing.crash(.powerCut(keep: .nothing))
        try mount.reopen()
      }
      let status = mount.engine.status()
      #expect(status.pendingOperations == 0 && status.deadLetters == 0 && status.conflictCount == 0)
      #expect(status.openPlans == 0 && (status.lastFailure == nil || hadFaults))
      #expect(mount.backing.snapshot().paths.sorted() == (["."] + paths).sorted())
    }
  }

  @Test(arguments: [false, true], Sync.allCases) private func aFileRemovedOnBothSidesIsRemoved(isStable: Bool, sync: Sync)
    throws
  {
    let mount = try scene(hasStableInodes: isStable, sync)
    _ = try mount.ask(.unlink(parent: .root, name: "f"))
    try mount.backing.bystander.removeFile("f")
    mount.settle()
    #expect(throws: Errno.noEntry) { try mount.lookup("f") }
    try check(mount, ["d", "d/x", "d/sub", "d/sub/y"])
    try mount.write(mount.create("f"), "anew")
    mount.settle()
    #expect(try mount.read(mount.lookup("f")) == "anew")
  }

  @Test(arguments: [false, true], Sync.allCases) private func aTreeRemovedOnBothSidesIsRemoved(becomesFile: Bool, sync: Sync)
    throws
  {
    let mount = try scene(hasStableInodes: true, sync)
    let directory = try mount.lookup("d")
    let sub = try mount.lookup("sub", in: directory)
    _ = try mount.ask(.unlink(parent: directory, name: "x"))
    _ = try mount.ask(.unlink(parent: sub, name: "y"))
    _ = try mount.ask(.removeDirectory(parent: directory, name: "sub"))
    let bystander = mount.backing.bystander
    try bystander.removeFile("d/sub/y")
    try bystander.synchronizeDirectory("d/sub")
    try bystander.removeDirectory("d/sub")
    try bystander.removeFile("d/x")
    try bystander.synchronizeDirectory("d")
    try bystander.removeDirectory("d")
    if becomesFile { _ = try bystander.createFile("d") }
    _ = try mount.ask(.removeDirectory(parent: .root, name: "d"))
    mount.settle(milliseconds: 3000)
    if becomesFile {
      #expect(mount.engine.status().deadLetters == 0 && mount.engine.status().pendingOperations == 0)
      #expect(mount.backing.snapshot()["d"]?.kind == .regular)
    } else {
      try check(mount, ["f"])
    }
  }

  /// A redo, too, ends where the directory of its name is gone.
  @Test(arguments: Sync.allCases) private func aRedoneRemovalInARemovedDirectoryIsDone(sync: Sync) throws {
    let mount = try scene(hasStableInodes: true, sync)
    let sub = try mount.lookup("sub", in: mount.lookup("d"))
    _ = try mount.ask(.unlink(parent: sub, name: "y"))
    mount.backing.order(BackingFault(.inputOutput) { $0.name == .removeFile })
    mount.settle(milliseconds: 150)
    #expect(mount.engine.status().openPlans == 1)
    try mount.restart()
    _ = try mount.ask(.removeDirectory(parent: mount.lookup("d"), name: "sub"))
    #expect(mount.engine.status().openPlans == 1)
    try mount.backing.bystander.removeFile("d/sub/y")
    try mount.backing.bystander.synchronizeDirectory("d/sub")
    try mount.backing.bystander.removeDirectory("d/sub")
    mount.backing.withdrawFaults()
    mount.settle(milliseconds: 3000)
    try check(mount, ["d", "d/x", "f"], hadFaults: true)
  }

  /// What the mount still shows is not taken as gone with a directory of which nobody knows where it is.
  @Test func aRemovalInADirectoryThatIsMissingIsTold() throws {
    let mount = try scene()
    let directory = try mount.lookup("d")
    _ = try mount.ask(.unlink(parent: directory, name: "x"))
    try mount.backing.bystander.rename("d", to: "e", replacing: false)
    mount.settle(milliseconds: 3000)
    #expect(mount.engine.deadLetters().contains { $0.path == Array("d/x".utf8) && $0.letter.errno == .noEntry })
    try mount.backing.bystander.rename("e", to: "d", replacing: false)
    _ = try mount.engine.retryDeadLetters(mount.engine.deadLetters().map(\.letter.subject))
    mount.settle(milliseconds: 3000)
    #expect(mount.backing.snapshot()["d/x"] == nil && mount.engine.status().pendingOperations == 0)
  }

  /// A directory that is not there tells nothing of its files.
  @Test func nothingIsTakenAsRemovedWhileTheBackingDirectoryIsGone() throws {
    let mount = try scene()
    _ = try mount.ask(.unlink(parent: .root, name: "f"))
    mount.backing.goAway()
    mount.settle(milliseconds: 3000)
    #expect(mount.engine.status().pendingOperations > 0 && mount.backing.snapshot()["f"] != nil)
    mount.backing.comeBack()
    mount.settle(milliseconds: 30_000)
    #expect(mount.backing.snapshot()["f"] == nil && mount.engine.status().pendingOperations == 0)
  }

  /// Another file of that name is somebody else's work.
  @Test func anotherFileOfARemovedNameIsAConflict() throws {
    let mount = try scene()
    _ = try mount.ask(.unlink(parent: .root, name: "f"))
    try mount.backing.bystander.removeFile("f")
    _ = try mount.backing.bystander.createFile("f")
    mount.settle(milliseconds: 3000)
    #expect(mount.engine.status().conflicts.map(\.kind) == [.unlink] && mount.engine.status().deadLetters == 0)
  }

  /// Its bytes are gone with it, for those who have it open too; the mount goes on.
  @Test func anOpenFileRemovedOnBothSidesCannotBeRead() throws {
    let mount = try scene()
    let file = try mount.lookup("f")
    _ = try mount.ask(.unlink(parent: .root, name: "f"))
    try mount.backing.bystander.removeFile("f")
    mount.settle()
    #expect(throws: Errno.self) { try mount.read(file) }
    mount.engine.forget(file, count: 2)
    try check(mount, ["d", "d/x", "d/sub", "d/sub/y"])
  }
}
