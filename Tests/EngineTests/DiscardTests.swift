import Engine
import FilesystemModel
import Flushing
import StorageInterface
import Support
import Testing

/// What an operator gives up is gone for good: the mount then shows what the backing directory has (P4).
@Suite struct DiscardTests {
  private enum Kind: CaseIterable {
    case newFile, newDirectory, link, unlink, removeDirectory, rename, renameOver, renameDirectory, contents, attributes, exchange
  }

  /// A mount where one change of the kind is a dead letter.
  private func mount(_ kind: Kind) throws -> EngineOnDisks {
    let mount = try EngineOnDisks { $0.retry.retriesMax = 3 }
    for name: EntryName in ["f", "g"] { try mount.write(try mount.create(name), "old \(name)") }
    for name: EntryName in ["d", "e"] { _ = try mount.create(name, .directory) }
    mount.settle()
    let calls: [BackingCall.Name] = [
      .createFile, .make, .link, .removeFile, .removeDirectory, .rename, .write, .setAttributes, .setFileAttributes,
      .setExtendedAttribute,
    ]
    mount.backing.order(
      BackingFault(.notPermitted) { call in
        calls.contains(call.name) && (["f", "d", "new"].contains(call.path.text) || call.target?.text == "new")
      })
    let file = try mount.lookup("f")
    switch kind {
    case .newFile: try mount.write(try mount.create("new"), "contents")
    case .newDirectory: _ = try mount.create("new", .directory)
    case .link: _ = try mount.ask(.link(file, at: Location(.root, "new")))
    case .unlink: _ = try mount.ask(.unlink(parent: .root, name: "f"))
    case .removeDirectory: _ = try mount.ask(.removeDirectory(parent: .root, name: "d"))
    case .rename: _ = try mount.ask(.rename(from: Location(.root, "f"), to: Location(.root, "new"), .replace))
    case .renameOver: _ = try mount.ask(.rename(from: Location(.root, "f"), to: Location(.root, "g"), .replace))
    case .renameDirectory: _ = try mount.ask(.rename(from: Location(.root, "d"), to: Location(.root, "new"), .replace))
    case .contents: try mount.write(file, "newer")
    case .attributes: _ = try mount.ask(.setAttributes(file, AttributeRequest(permissions: 0o600)))
    case .exchange: _ = try mount.ask(.rename(from: Location(.root, "f"), to: Location(.root, "g"), .exchange))
    }
    mount.settle(milliseconds: 5000)
    #expect(mount.engine.status().deadLetters == 1, "\(kind): \(mount.engine.deadLetters())")
    return mount
  }

  /// Names with what is in them, as the mount shows them.
  private func shown(_ mount: EngineOnDisks) throws -> [String] {
    let all = DirectoryRequest(after: 0, bytesMax: 4096, bytesPerEntry: 24, withAttributes: true)
    guard case .listing(let entries) = try mount.ask(.readDirectory(.root, all)) else { return [] }
    return try entries.dropFirst(2).map { entry in
      let name = String(decoding: entry.name, as: UTF8.self)
      let inode = try mount.lookup(EntryName(unchecked: entry.name))
      guard case .attributes(_, let attributes) = try mount.ask(.getAttributes(inode)) else { return name }
      let what = attributes.kind == .regular ? try mount.read(inode) : "\(attributes.kind)"
      return "\(name) \(attributes.permissions) \(what)"
    }.sorted()
  }

  /// The same of the backing directory.
  private func there(_ mount: EngineOnDisks) -> [String] {
    mount.backing.snapshot().entries.filter { $0.key != "." }.map { name, entry in
      let bytes = entry.contents.read(at: 0, count: entry.contents.size)
      return "\(name) \(entry.permissions) " + (entry.kind == .regular ? String(decoding: bytes, as: UTF8.self) : "\(entry.kind)")
    }.sorted()
  }

  @Test(arguments: Kind.allCases) private func theMountShowsWhatIsThereAlsoAfterACrash(kind: Kind) throws {
    let mount = try mount(kind)
    #expect(try shown(mount) != there(mount), "\(kind) changed nothing")
    let forgotten = try mount.engine.discardDeadLetters(
      mount.engine.deadLetters().map(\.letter.subject), withDependents: false)
    #expect(forgotten.count == 1 && !forgotten.inodes.isEmpty)
    #expect(try shown(mount) == there(mount), "\(kind)")
    try mount.restart()
    #expect(try shown(mount) == there(mount), "\(kind), after a crash")
    #expect(mount.engine.status().deadLetters == 0)
    mount.backing.withdrawFaults()
    let before = there(mount)
    mount.settle(milliseconds: 3000)
    #expect(there(mount) == before && mount.engine.status().pendingOperations == 0, "\(kind)")
    try mount.restart()
    #expect(try shown(mount) == before, "\(kind), after everything is retired")
  }

  /// The journal's disk dies at each of its operations in turn, the power is cut or the daemon killed: all of it or nothing.
  @Test(arguments: Kind.allCases) private func aCrashInTheMiddleLeavesAllOrNothing(kind: Kind) throws {
    for dying in 0..<4 {
      for keepsBytes in [0, 60] {
        let mount = try mount(kind)
        let before = try shown(mount)
        let after = there(mount)
        mount.journalDisk.die(atOperation: mount.journalDisk.operations.count + dying, lastWriteBytes: keepsBytes)
        let letters = mount.engine.deadLetters().map(\.letter.subject)
        let isDone = (try? mount.engine.discardDeadLetters(letters, withDependents: false)) != nil
        try mount.restart()
        let now = try shown(mount)
        #expect(now == after || (!isDone && now == before), "\(kind), operation \(dying)")
        #expect(mount.engine.status().deadLetters == (now == after ? 0 : 1))
      }
    }
  }

  @Test func dependentsGoOnlyWhenTheyAreMeant() throws {
    let mount = try mount(.newDirectory)
    let directory = try mount.lookup("new")
    let inside = try mount.create("inside", in: directory)
    try mount.write(inside, "lost")
    _ = try mount.ask(.rename(from: Location(.root, "g"), to: Location(directory, "moved"), .replace))
    mount.settle()
    let letters = mount.engine.deadLetters().map(\.letter.subject)
    #expect(throws: DiscardRefusal.dependents(2)) { try mount.engine.discardDeadLetters(letters, withDependents: false) }
    #expect(try mount.read(inside) == "lost" && mount.engine.status().deadLetters == 1)
    #expect(try mount.engine.discardDeadLetters(letters, withDependents: true).count == 3)
    #expect(try shown(mount) == there(mount))
    mount.backing.withdrawFaults()
    try mount.restart()
    mount.settle()
    #expect(try shown(mount) == there(mount) && mount.engine.status().pendingOperations == 0)
    #expect(try mount.read(mount.lookup("g")) == "old g")
  }

  /// What somebody else put in the place of ours, and cannot be kept beside it, is shown.
  @Test func aNameThatIsTakenShowsWhoHasIt() throws {
    let mount = try EngineOnDisks { $0.retry = .init(firstMilliseconds: 50, mostMilliseconds: 50, retriesMax: 2) }
    mount.settle()
    let all = DirectoryRequest(after: 0, bytesMax: 4096, bytesPerEntry: 24, withAttributes: false)
    _ = try mount.ask(.readDirectory(.root, all))
    try mount.backing.bystander.createFile("f").write(Array("theirs".utf8), at: 0)
    mount.backing.order(BackingFault(.notPermitted) { $0.name == .rename })
    try mount.write(try mount.create("f"), "ours")
    mount.settle(milliseconds: 3000)
    #expect(mount.engine.deadLetters().map(\.letter.errno) == [.exists])
    _ = try mount.engine.discardDeadLetters(mount.engine.deadLetters().map(\.letter.subject), withDependents: false)
    #expect(try mount.read(mount.lookup("f")) == "theirs")
  }

  /// A file that somebody else removed has no name any more, and the name can be used.
  @Test func aFileThatIsGoneIsGone() throws {
    let mount = try EngineOnDisks { $0.retry = .init(firstMilliseconds: 50, mostMilliseconds: 50, retriesMax: 2) }
    let file = try mount.create("f")
    mount.settle()
    try mount.backing.bystander.removeFile("f")
    try mount.write(file, "in vain")
    mount.settle(milliseconds: 3000)
    #expect(mount.engine.deadLetters().map(\.letter.errno) == [.noEntry])
    _ = try mount.engine.discardDeadLetters(mount.engine.deadLetters().map(\.letter.subject), withDependents: false)
    #expect(throws: Errno.noEntry) { try mount.lookup("f") }
    try mount.write(try mount.create("f"), "anew")
    mount.settle()
    try mount.restart()
    #expect(try mount.read(mount.lookup("f")) == "anew" && mount.engine.status().pendingOperations == 0)
  }

  private func modified(_ directory: InodeNumber, _ mount: EngineOnDisks) throws -> Timestamp? {
    guard case .attributes(_, let attributes) = try mount.ask(.getAttributes(directory)) else { return nil }
    return attributes.modified
  }

  /// A removal that waits, or whose plan is open, changes the times of the directory in the backing directory later on.
  @Test(arguments: [false, true], [false, true]) func aDirectoryWithWaitingEntriesKeepsItsTimes(isPlanned: Bool, dies: Bool)
    throws
  {
    let mount = try EngineOnDisks { $0.retry.retriesMax = 1000 }
    let directory = try mount.create("d", .directory)
    _ = try mount.create("x", in: directory)
    mount.settle()
    mount.backing.order(BackingFault(.notPermitted) { $0.name == .setAttributes && $0.path.text == "d" })
    _ = try mount.ask(.setAttributes(directory, AttributeRequest(permissions: 0o700)))
    mount.settle()
    let letters = mount.engine.deadLetters().map(\.letter.subject)
    #expect(letters == [.contents(directory)])
    mount.backing.order(BackingFault(.inputOutput) { $0.name == .removeFile })
    _ = try mount.ask(.unlink(parent: directory, name: "x"))
    let unlinked = try modified(directory, mount)
    if isPlanned { mount.settle() }
    _ = try mount.engine.discardDeadLetters(letters, withDependents: true)
    #expect(try modified(directory, mount) == unlinked)
    if dies { try mount.restart() }
    mount.backing.withdrawFaults()
    mount.settle(milliseconds: 5000)
    #expect(mount.engine.status().pendingOperations == 0)
    #expect(mount.backing.snapshot()["d"]?.modified == unlinked && mount.backing.snapshot()["d/x"] == nil)
    #expect(try modified(mount.lookup("d"), mount) == unlinked)
    #expect(mount.backing.snapshot()["d"]?.permissions == 0o755)
  }

  @Test func halfAnExchangeIsNotGivenUp() throws {
    let mount = try EngineOnDisks { $0.retry.retriesMax = 3 }
    for name: EntryName in ["f", "g"] { try mount.write(try mount.create(name), "old \(name)") }
    mount.settle()
    mount.backing.order(BackingFault(.notPermitted) { $0.name == .rename && $0.path.text == "g" })
    _ = try mount.ask(.rename(from: Location(.root, "f"), to: Location(.root, "g"), .exchange))
    mount.settle(milliseconds: 3000)
    let letters = mount.engine.deadLetters()
    #expect(letters.count == 1)
    #expect(throws: DiscardRefusal.halfExchanged(path: letters[0].path)) {
      try mount.engine.discardDeadLetters(letters.map(\.letter.subject), withDependents: true)
    }
    mount.backing.withdrawFaults()
    _ = try mount.engine.retryDeadLetters(letters.map(\.letter.subject))
    mount.settle()
    #expect(there(mount).map { $0.suffix(5) } == ["old g", "old f"])
  }
}
