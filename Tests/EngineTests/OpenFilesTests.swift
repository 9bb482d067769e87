import FilesystemModel
import StorageInterface
import Support
import Testing

@testable import Engine

/// Files that are open on the mount while their names go, or that never had one.
@Suite struct OpenFilesTests {
  @Test func dataIsSoughtInAFileWhoseNameIsGone() throws {
    let mount = try EngineOnDisks()
    let file = try mount.create("f")
    try mount.write(file, "hello", at: 8192)
    mount.settle()
    _ = try mount.ask(.unlink(parent: .root, name: "f"))
    mount.settle()
    #expect(mount.backing.snapshot()["f"] == nil)
    #expect(try mount.read(file, offset: 8192) == "hello")
    #expect(try mount.ask(.seek(file, offset: 0, .data)) == .offset(8192))
    #expect(try mount.ask(.seek(file, offset: 8192, .hole)) == .offset(8197))
  }

  @Test func aSeekLooksNoFurtherThanItMust() throws {
    let mount = try EngineOnDisks()
    let file = try mount.backing.bystander.createFile("f")
    for place in 0..<200 { try file.write([1], at: place * 65536) }
    let inode = try mount.lookup("f")
    mount.backing.clearCounts()
    #expect(try mount.ask(.seek(inode, offset: 65536, .data)) == .offset(65536))
    #expect(mount.backing.callCount(.seek) == 1)
  }

  @Test func whatNeverGotANameIsForgotten() throws {
    let mount = try EngineOnDisks()
    for _ in 0..<20 {
      let file = try mount.entry(.makeTemporary(parent: .root, MakeRequest(kind: .regular, permissions: 0o600)))
      try mount.write(file, "x")
      mount.engine.forget(file, count: 1)
    }
    mount.settle()
    let left = mount.engine.shared.withLock { ($0.state.unnamed.count, $0.state.inodes.count, $0.state.cache.dirtyInodeCount) }
    #expect(left == (0, 1, 0))
  }

  /// The blocks of so many small writes are only in memory in one piece: they must be evicted all the same.
  @Test func smallWritesToANamelessFileLeaveRoomForOthers() throws {
    let mount = try EngineOnDisks {
      $0.memoryBytes = 64 << 10
      $0.journalBytes = 32 << 20
      $0.segmentBytes = 1 << 20
    }
    let other = try mount.create("other")
    let file = try mount.entry(.makeTemporary(parent: .root, MakeRequest(kind: .regular, permissions: 0o600)))
    for place in 0..<2600 {
      _ = try mount.ask(.write(file, offset: place * 50, bytes: [UInt8](repeating: UInt8(place % 251), count: 50)))
    }
    try mount.write(other, "a")
    try mount.write(other, "b", at: 8192)
    for place in stride(from: 0, to: 2600, by: 37) {
      let written = [UInt8](repeating: UInt8(place % 251), count: 50)
      #expect(try mount.ask(.read(file, offset: place * 50, count: 50)) == .bytes(written))
    }
  }

  /// Nobody has looked `h` up, the other name of the open file, when that loses the one that is known: a crash at any time after
  /// an answer must find in `h` what was answered.
  @Test func aFileThatLivesOnUnderAnUnknownNameKeepsWhatIsWritten() throws {
    let mount = try EngineOnDisks()
    try mount.backing.bystander.createFile("a").write(Array("old".utf8), at: 0)
    try mount.backing.bystander.link("a", to: "h")
    let file = try mount.lookup("a")
    try mount.write(file, "1")
    _ = try mount.ask(.unlink(parent: .root, name: "a"))
    try mount.write(file, "2", at: 1)
    mount.settle()
    #expect(mount.backing.snapshot().paths == [".", "h"])
    try mount.write(file, "3", at: 2)
    _ = try mount.ask(.setAttributes(file, AttributeRequest(permissions: 0o600)))
    let name = Array("user.x".utf8)
    _ = try mount.ask(.setExtendedAttribute(file, ExtendedAttribute(name: name, value: [7]), .set))
    #expect(try mount.read(file) == "123")
    try mount.restart()
    let again = try mount.lookup("h")
    #expect(try mount.read(again) == "123")
    #expect(try mount.ask(.getExtendedAttribute(again, name: name)) == .bytes([7]))
    guard case .attributes(_, let attributes) = try mount.ask(.getAttributes(again)) else { throw Errno.inputOutput }
    #expect(attributes.permissions == 0o600 && attributes.linkCount == 1)
  }

  @Test func aFileIsOneAgainWhenItsOtherNameIsLookedUp() throws {
    let mount = try EngineOnDisks()
    try mount.backing.bystander.createFile("a").write(Array("old".utf8), at: 0)
    try mount.backing.bystander.link("a", to: "h")
    let file = try mount.lookup("a")
    _ = try mount.ask(.unlink(parent: .root, name: "a"))
    mount.settle()
    try mount.write(file, "new")
    #expect(try mount.lookup("h") == file)
    try mount.write(file, "er", at: 3)
    mount.engine.forget(file, count: 2)
    mount.settle()
    #expect(try mount.read(file) == "newer" && mount.engine.status().pendingOperations == 0)
    try mount.restart()
    #expect(try mount.read(try mount.lookup("h")) == "newer")
  }

  @Test func filesAreClosedOutsideOfTheCachesLock() throws {
    let backing = SimulatedBackingStorage(clock: SimulatedClock())
    for name in ["a", "b", "c"] as [BackingPath] { _ = try backing.createFile(name) }
    let files = BackingFiles(backing: backing, countMax: 2)
    for (number, name) in (["a", "b"] as [BackingPath]).enumerated() {
      let inode = InodeNumber(UInt64(number) + 2)
      #expect(files.remember(try files.file(of: inode, at: name), of: inode).isEmpty)
    }
    let closing = files.remember(try files.file(of: InodeNumber(4), at: "c"), of: InodeNumber(4))
    #expect(closing.count == 1)
  }

  /// Loads may all hang: what is only in the journal is read by others.
  @Test func theJournalIsReadWhileTheBackingDirectoryHangs() throws {
    let mount = try EngineOnDisks { $0.memoryBytes = 16 << 10 }
    let file = try mount.create("f")
    for block in 0..<32 { _ = try mount.ask(.write(file, offset: block * 4096, bytes: [UInt8](repeating: 65, count: 4096))) }
    let read = mount.submit(.read(file, offset: 0, count: 4096))
    #expect(read.answer == nil)
    mount.runner.runAll(of: [.journalRead])
    #expect(try read.answer?.get() == .bytes([UInt8](repeating: 65, count: 4096)))
  }

  /// The end of one of two fetches would be taken for that of the other, and what a plan changed meanwhile be missed.
  @Test func whatHasTwoNamesIsFetchedAheadOnce() throws {
    let mount = try EngineOnDisks()
    _ = try mount.backing.bystander.createFile("a")
    try mount.backing.bystander.link("a", to: "h")
    let file = try mount.lookup("a")
    #expect(try mount.lookup("h") == file)
    try mount.write(file, "x")
    try mount.restart()
    let all = DirectoryRequest(after: 0, bytesMax: 4096, bytesPerEntry: 24, withAttributes: false)
    let listing = mount.submit(.readDirectory(.root, all))
    var generator = SeededGenerator(seed: 1)
    while listing.answer == nil { _ = mount.runner.runOne(of: [.load], using: &generator) }
    #expect(mount.runner.waitingCount(.load) == 1)
  }
}
