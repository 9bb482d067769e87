import Engine
import FilesystemModel
import StorageInterface
import Support
import Testing

/// Changes that met those of somebody else in the backing directory (P5).
@Suite struct ConflictTests {
  /// A mount with `f` = "base", written back, whose time stamps differ from what comes later.
  private func scene(
    _ policy: ConflictPolicy = .keepBoth, hasStableInodes: Bool = true, _ change: (inout EngineConfiguration) -> Void = { _ in }
  ) throws -> EngineOnDisks {
    let abilities = BackingAbilities(hasStableInodes: hasStableInodes, description: "simulated")
    let mount = try EngineOnDisks(abilities: abilities) {
      $0.conflicts = policy
      change(&$0)
    }
    try mount.write(mount.create("f"), "base")
    mount.settle()
    return mount
  }

  /// Somebody else writes to the same file, or puts another one into its place.
  private func change(_ path: BackingPath, _ mount: EngineOnDisks, replacing: Bool = false) throws {
    let bystander = mount.backing.bystander
    if replacing { try bystander.removeFile(path) }
    let file = try replacing ? bystander.createFile(path) : bystander.open(path, writable: true)
    try file.write(Array("theirs!".utf8), at: 0)
    try file.setAttributes(AttributeChange(modified: mount.clock.now()))
  }

  private func texts(_ mount: EngineOnDisks) -> [String: String] {
    var texts: [String: String] = [:]
    for (path, node) in mount.backing.snapshot().entries where node.kind == .regular {
      texts[path] = String(decoding: node.contents.read(at: 0, count: 100), as: UTF8.self)
    }
    return texts
  }

  private func names(_ mount: EngineOnDisks) throws -> [String] {
    let all = DirectoryRequest(after: 2, bytesMax: 65_536, bytesPerEntry: 24, withAttributes: false)
    guard case .listing(let entries) = try mount.ask(.readDirectory(.root, all)) else { return [] }
    return entries.map { String(decoding: $0.name, as: UTF8.self) }.sorted()
  }

  private func isConflictName(_ name: String, of stem: String) -> Bool { name.hasPrefix(stem + ".ebbfs-conflict-") }

  /// The text of what is kept beside `stem`, if exactly one thing is.
  private func kept(_ stem: String, _ mount: EngineOnDisks) throws -> String? {
    let beside = texts(mount).filter { isConflictName($0.key, of: stem) }
    let shown = try names(mount).filter { isConflictName($0, of: stem) }
    #expect(shown == beside.keys.sorted() && beside.count <= 1)
    return beside.first?.value
  }

  @Test(arguments: [false, true], [false, true]) func bothVersionsOfAnOverwrittenFileAreKept(replacing: Bool, isStable: Bool)
    throws
  {
    let mount = try scene(hasStableInodes: isStable)
    try mount.write(mount.lookup("f"), "ours")
    try change("f", mount, replacing: replacing)
    mount.settle(milliseconds: 3000)
    // What ours did not write is theirs; its size is ours.
    #expect(texts(mount)["f"] == "ours")
    #expect(try kept("f", mount) == "theirs!")
    let status = mount.engine.status()
    #expect(status.conflictCount == 1 && status.conflicts.first?.kind == .overwrite && status.pendingOperations == 0)
  }

  @Test func aTruncatedFileThatSomebodyElseWroteToIsKept() throws {
    let mount = try scene()
    let file = try mount.lookup("f")
    _ = try mount.ask(.setAttributes(file, AttributeRequest(size: 0)))
    try change("f", mount)
    mount.settle(milliseconds: 3000)
    #expect(texts(mount)["f"] == "")
    #expect(try kept("f", mount) == "theirs!")
    #expect(mount.engine.status().conflicts.first?.kind == .truncate)
  }

  @Test(arguments: [false, true]) func aRemovedFileThatSomebodyElseWroteToIsKept(replacing: Bool) throws {
    let mount = try scene()
    _ = try mount.lookup("f")
    _ = try mount.ask(.unlink(parent: .root, name: "f"))
    try change("f", mount, replacing: replacing)
    mount.settle(milliseconds: 3000)
    #expect(texts(mount)["f"] == nil)
    #expect(try kept("f", mount) == "theirs!")
    #expect(mount.engine.status().conflicts.first?.kind == .unlink)
  }

  @Test(arguments: [false, true]) func aReplacedFileThatSomebodyElseWroteToIsKept(replacing: Bool) throws {
    let mount = try scene()
    try mount.write(mount.create("new"), "ours")
    mount.settle()
    _ = try mount.ask(.rename(from: Location(.root, "new"), to: Location(.root, "f"), .replace))
    try change("f", mount, replacing: replacing)
    mount.settle(milliseconds: 3000)
    #expect(texts(mount)["f"] == "ours")
    #expect(try kept("f", mount) == "theirs!")
    #expect(mount.engine.status().conflicts.first?.kind == .renameOver)
  }

  @Test func whatSomebodyElsePutIntoARemovedDirectoryIsKept() throws {
    let mount = try scene()
    _ = try mount.create("d", .directory)
    mount.settle()
    _ = try mount.ask(.removeDirectory(parent: .root, name: "d"))
    try mount.backing.bystander.createFile("d/x").write(Array("theirs!".utf8), at: 0)
    try mount.backing.bystander.make("d/sub", kind: .directory, device: 0, target: [])
    mount.settle(milliseconds: 3000)
    let beside = try #require(try names(mount).first { isConflictName($0, of: "d") })
    #expect(texts(mount)["\(beside)/x"] == "theirs!" && mount.backing.snapshot()["\(beside)/sub"] != nil)
    #expect(mount.backing.snapshot()["d"] == nil && mount.engine.status().conflicts.first?.kind == .removeDirectory)
    let directory = try mount.lookup(EntryName(unchecked: Array(beside.utf8)))
    #expect(try mount.read(mount.lookup("x", in: directory)) == "theirs!")
  }

  @Test(arguments: [FileKind.regular, .directory, .symlink]) func aNameThatSomebodyElseMadeTooIsKept(theirs: FileKind) throws {
    for ours in [FileKind.regular, .directory] {
      let mount = try scene()
      _ = try names(mount)
      let made = try mount.create("new", ours)
      if ours == .regular { try mount.write(made, "ours") } else { _ = try mount.create("inside", in: made) }
      let bystander = mount.backing.bystander
      if theirs == .regular {
        _ = try bystander.createFile("new")
      } else {
        try bystander.make("new", kind: theirs, device: 0, target: theirs == .symlink ? [0x78] : [])
      }
      mount.settle(milliseconds: 3000)
      let snapshot = mount.backing.snapshot()
      let beside = try #require(try names(mount).first { isConflictName($0, of: "new") })
      #expect(snapshot["new"]?.kind == ours && snapshot[beside]?.kind == theirs)
      #expect(ours == .directory ? snapshot["new/inside"] != nil : texts(mount)["new"] == "ours")
      #expect(mount.engine.status().conflicts.map(\.kind) == [.newName] && mount.engine.status().pendingOperations == 0)
    }
  }

  @Test func oursWinsAndIsCounted() throws {
    let mount = try scene(.ours)
    _ = try names(mount)
    try mount.write(mount.lookup("f"), "ours")
    try mount.write(mount.create("new"), "ours")
    try change("f", mount)
    _ = try mount.backing.bystander.createFile("new")
    mount.settle(milliseconds: 3000)
    #expect(texts(mount)["f"]?.hasPrefix("ours") == true && texts(mount)["new"] == "ours" && texts(mount).count == 2)
    #expect(mount.engine.status().conflicts.map(\.resolution) == [.ours, .ours])
  }

  @Test func theirsWinsAndOursIsGivenUpForGood() throws {
    let mount = try scene(.theirs)
    _ = try names(mount)
    try mount.write(mount.lookup("f"), "ours")
    try mount.write(mount.create("new"), "ours")
    _ = try mount.create("gone")
    mount.settle(milliseconds: 0)
    try change("f", mount)
    try mount.backing.bystander.createFile("new").write(Array("theirs!".utf8), at: 0)
    mount.settle(milliseconds: 3000)
    for isRestarted in [false, true] {
      if isRestarted { try mount.restart() }
      #expect(try mount.read(mount.lookup("f")) == "theirs!" && mount.read(mount.lookup("new")) == "theirs!")
      #expect(texts(mount)["f"] == "theirs!" && texts(mount)["new"] == "theirs!" && mount.engine.status().pendingOperations == 0)
      if !isRestarted { #expect(mount.engine.status().conflicts.map(\.resolution) == [.theirs, .theirs]) }
    }
  }

  @Test func whatTheirsHasRemovedFromUsComesBack() throws {
    let mount = try scene(.theirs)
    _ = try names(mount)
    _ = try mount.create("d", .directory)
    mount.settle()
    _ = try mount.ask(.unlink(parent: .root, name: "f"))
    _ = try mount.ask(.removeDirectory(parent: .root, name: "d"))
    try change("f", mount)
    _ = try mount.backing.bystander.createFile("d/x")
    mount.settle(milliseconds: 3000)
    for isRestarted in [false, true] {
      if isRestarted { try mount.restart() }
      #expect(try mount.read(mount.lookup("f")) == "theirs!")
      _ = try mount.lookup("x", in: mount.lookup("d"))
      #expect(mount.engine.status().pendingOperations == 0)
    }
  }

  /// What a mount shows and has after `theirs` won, now and after a restart.
  private func checkTheirs(_ mount: EngineOnDisks, _ kind: Conflict.Kind, _ expected: [String: String]) throws {
    for isRestarted in [false, true] {
      if isRestarted { try mount.restart() }
      #expect(texts(mount) == expected && mount.engine.status().pendingOperations == 0)
      let top = Set(mount.backing.snapshot().entries.keys.filter { $0 != "." && !$0.contains("/") })
      #expect(try Set(names(mount)) == top)
      for (path, text) in expected {
        let components = path.split(separator: "/").map { EntryName(unchecked: Array($0.utf8)) }
        let inode = try components.reduce(InodeNumber.root) { try mount.lookup($1, in: $0) }
        #expect(try mount.read(inode) == text, "\(path)")
      }
      if !isRestarted { #expect(mount.engine.status().conflicts.map(\.kind) == [kind]) }
      if !isRestarted { #expect(mount.engine.status().conflicts.map(\.resolution) == [.theirs]) }
    }
  }

  @Test(arguments: [false, true], [false, true]) func aRenameOverTheirsIsUndone(replacing: Bool, isStable: Bool) throws {
    let mount = try scene(.theirs, hasStableInodes: isStable)
    try mount.write(mount.create("new"), "ours")
    mount.settle()
    _ = try mount.ask(.rename(from: Location(.root, "new"), to: Location(.root, "f"), .replace))
    // What came after it goes with it.
    try mount.write(mount.create("new"), "later")
    _ = try mount.ask(.rename(from: Location(.root, "new"), to: Location(.root, "f"), .replace))
    try change("f", mount, replacing: replacing)
    mount.settle(milliseconds: 5000)
    try checkTheirs(mount, .renameOver, ["f": "theirs!", "new": "ours"])
  }

  @Test func aRenameOverWhatIsADirectoryNowIsUndone() throws {
    let mount = try scene(.theirs)
    try mount.write(mount.create("new"), "ours")
    mount.settle()
    _ = try mount.ask(.rename(from: Location(.root, "new"), to: Location(.root, "f"), .replace))
    try mount.backing.bystander.removeFile("f")
    try mount.backing.bystander.make("f", kind: .directory, device: 0, target: [])
    try mount.backing.bystander.createFile("f/x").write(Array("theirs!".utf8), at: 0)
    mount.settle(milliseconds: 5000)
    try checkTheirs(mount, .renameOver, ["f/x": "theirs!", "new": "ours"])
  }

  @Test func anotherNameForAFileIsGivenUpForTheirs() throws {
    for isLink in [false, true] {
      let mount = try scene(.theirs)
      let old = Location(.root, "f")
      let new = Location(.root, "n")
      _ = try names(mount)
      _ = try isLink ? mount.ask(.link(mount.lookup("f"), at: new)) : mount.ask(.rename(from: old, to: new, .replace))
      try mount.backing.bystander.createFile("n").write(Array("theirs!".utf8), at: 0)
      mount.settle(milliseconds: 5000)
      try checkTheirs(mount, .newName, ["f": "base", "n": "theirs!"])
    }
  }

  @Test func ourTreeIsGivenUpForTheirFile() throws {
    let mount = try scene(.theirs)
    _ = try names(mount)
    let directory = try mount.create("d", .directory)
    try mount.write(mount.create("inside", in: directory), "ours")
    _ = try mount.create("sub", in: directory, .directory)
    try mount.backing.bystander.createFile("d").write(Array("theirs!".utf8), at: 0)
    mount.settle(milliseconds: 5000)
    try checkTheirs(mount, .newName, ["f": "base", "d": "theirs!"])
  }

  @Test func aDirectoryMadeOnBothSidesHasTheEntriesOfBoth() throws {
    let mount = try scene(.theirs)
    _ = try names(mount)
    let directory = try mount.create("d", .directory)
    try mount.write(mount.create("ours", in: directory), "ours")
    try mount.write(mount.create("both", in: directory), "ours")
    let bystander = mount.backing.bystander
    try bystander.make("d", kind: .directory, device: 0, target: [])
    for name: BackingPath in ["d/theirs", "d/both"] { try bystander.createFile(name).write(Array("theirs!".utf8), at: 0) }
    mount.settle(milliseconds: 5000)
    for isRestarted in [false, true] {
      if isRestarted { try mount.restart() }
      #expect(texts(mount) == ["f": "base", "d/ours": "ours", "d/both": "theirs!", "d/theirs": "theirs!"])
      for (name, text) in [("ours", "ours"), ("both", "theirs!"), ("theirs", "theirs!")] {
        #expect(try mount.read(mount.lookup(EntryName(unchecked: Array(name.utf8)), in: mount.lookup("d"))) == text)
      }
      if !isRestarted { #expect(mount.engine.status().conflicts.map(\.resolution) == [.theirs, .theirs]) }
    }
  }

  /// What cannot be given up, since a part of it is in the backing directory, is done beside theirs.
  @Test func halfAnExchangeIsNotGivenUp() throws {
    let mount = try scene(.theirs)
    try mount.write(mount.create("g"), "other")
    mount.settle()
    let backing = mount.backing
    backing.afterEachCall { name in
      guard name == .rename else { return }
      backing.afterEachCall(nil)
      _ = try? backing.bystander.createFile("f")
    }
    _ = try mount.ask(.rename(from: Location(.root, "f"), to: Location(.root, "g"), .exchange))
    mount.settle(milliseconds: 5000)
    #expect(texts(mount)["f"] == "other" && texts(mount)["g"] == "base")
    #expect(try kept("f", mount) == "" && mount.engine.status().pendingOperations == 0)
  }

  @Test(arguments: [ConflictPolicy.keepBoth, .theirs]) func aRemovedDirectoryThatSomebodyElseMadeAnewIsTheirs(
    policy: ConflictPolicy
  ) throws {
    let mount = try scene(policy)
    _ = try mount.create("d", .directory)
    mount.settle()
    try mount.restart()
    _ = try mount.lookup("d")
    _ = try mount.ask(.removeDirectory(parent: .root, name: "d"))
    try mount.backing.bystander.removeDirectory("d")
    try mount.backing.bystander.make("d", kind: .directory, device: 0, target: [])
    mount.settle(milliseconds: 5000)
    let shown = try names(mount).filter { $0 != "f" }
    #expect(shown == mount.backing.snapshot().paths.filter { $0 != "." && $0 != "f" }.sorted())
    #expect(policy == .theirs ? shown == ["d"] : shown.count == 1 && isConflictName(shown[0], of: "d"))
    #expect(mount.engine.status().conflicts.map(\.kind) == [.removeDirectory])
    #expect(mount.engine.status().pendingOperations == 0)
  }

  /// The journal still has the directory's making.
  @Test func whatSomebodyElsePutIntoANewDirectoryBetweenTwoMountsIsShown() throws {
    let mount = try scene()
    _ = try mount.create("d", .directory)
    mount.settle()
    try mount.backing.bystander.createFile("d/x").write(Array("theirs!".utf8), at: 0)
    try mount.restart()
    #expect(try mount.read(mount.lookup("x", in: mount.lookup("d"))) == "theirs!")
  }

  @Test func whatOursDidNotWriteIsReadFromTheirs() throws {
    let mount = try scene()
    #expect(try mount.read(mount.lookup("f")) == "base")
    try mount.write(mount.lookup("f"), "OU")
    try change("f", mount, replacing: true)
    mount.settle(milliseconds: 3000)
    #expect(texts(mount)["f"] == "OUei")
    #expect(try mount.read(mount.lookup("f")) == "OUei")
  }

  /// What ours is based on is in the journal: a change that is made while no daemon runs is found too.
  @Test func aChangeBetweenTwoMountsIsAConflict() throws {
    let mount = try scene()
    try mount.restart()
    try mount.write(mount.lookup("f"), "ours")
    try mount.restart()
    try change("f", mount)
    mount.settle(milliseconds: 3000)
    #expect(texts(mount)["f"]?.hasPrefix("ours") == true)
    #expect(try kept("f", mount) == "theirs!")
  }

  /// An attempt that failed half way has changed the file itself.
  @Test func ourOwnUnfinishedWriteIsNoConflict() throws {
    let mount = try scene()
    let file = try mount.lookup("f")
    for errno in [Errno.noSpace, .inputOutput] {
      mount.clock.advance(milliseconds: 1000)
      mount.backing.order(BackingFault(errno, times: 1) { $0.name == .setFileAttributes })
      try mount.write(file, "ours and more of it")
      mount.settle(milliseconds: 10_000)
      #expect(texts(mount)["f"] == "ours and more of it")
    }
    #expect(mount.engine.status().conflictCount == 0 && texts(mount).count == 1)
  }

  /// So has one of an earlier mount, whatever becomes of its redo.
  @Test func anUnfinishedWriteOfAnEarlierMountIsNoConflict() throws {
    let mount = try scene { $0.retry.retriesMax = 3 }
    mount.backing.order(BackingFault(.inputOutput) { $0.name == .setFileAttributes })
    try mount.write(mount.lookup("f"), "ours and more of it")
    mount.settle(milliseconds: 60)
    #expect(texts(mount)["f"] == "ours and more of it" && mount.engine.status().openPlans == 1)
    try mount.restart()
    mount.backing.withdrawFaults()
    mount.backing.order(BackingFault(.notPermitted, times: 1) { $0.name == .open && $0.path.text == "f" })
    mount.settle(milliseconds: 3000)
    #expect(try mount.engine.retryDeadLetters(mount.engine.deadLetters().map(\.letter.subject)) == 1)
    mount.settle(milliseconds: 3000)
    #expect(mount.engine.status().pendingOperations == 0 && mount.engine.status().conflictCount == 0 && texts(mount).count == 1)
  }

  /// A time that the mount has set is a state of its own making, whatever kind of file has it.
  @Test(arguments: [FileKind.regular, .symlink]) func ourOwnTimeIsNoConflict(kind: FileKind) throws {
    let mount = try scene()
    let bystander = mount.backing.bystander
    if kind == .regular { _ = try bystander.createFile("t") }
    if kind == .symlink { try bystander.make("t", kind: kind, device: 0, target: [0x78]) }
    try mount.restart()
    let file = try mount.lookup("t")
    let time = Timestamp(seconds: 1_000_000, nanoseconds: 0)
    _ = try mount.ask(.setAttributes(file, AttributeRequest(modified: .at(time))))
    mount.settle()
    _ = try mount.ask(.unlink(parent: .root, name: "t"))
    mount.settle(milliseconds: 3000)
    #expect(mount.engine.status().conflictCount == 0 && mount.backing.snapshot()["t"] == nil)
    #expect(try names(mount) == ["f"])
  }

  @Test func theListIsBoundedAndTheNumberIsNot() throws {
    let mount = try scene(.ours)
    let file = try mount.lookup("f")
    for _ in 0..<103 {
      try mount.write(file, "ours")
      try change("f", mount)
      mount.settle(milliseconds: 500)
    }
    let status = mount.engine.status()
    #expect(status.conflictCount == 103 && status.conflicts.count == 100)
  }
}
