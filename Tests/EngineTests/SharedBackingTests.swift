import Engine
import FilesystemModel
import StorageInterface
import Support
import Testing
import Threading

/// `backing=shared`: what others change is seen, at the latest after the time that answers are believed.
@Suite struct SharedBackingTests {
  private func scene(revalidate: Int? = 1000) throws -> EngineOnDisks {
    let mount = try EngineOnDisks { $0.revalidateMilliseconds = revalidate }
    try put("old", at: "f", mount)
    try mount.backing.bystander.make("d", kind: .directory, device: 0, target: [])
    try put("x", at: "d/x", mount)
    mount.pass(milliseconds: 10)
    return mount
  }

  private func put(_ text: String, at path: BackingPath, _ mount: EngineOnDisks) throws {
    let file = try mount.backing.bystander.createFile(path)
    try file.write(Array(text.utf8), at: 0)
    try file.setAttributes(AttributeChange(modified: mount.clock.now()))
  }

  private func replace(_ path: BackingPath, _ text: String, _ mount: EngineOnDisks) throws {
    try mount.backing.bystander.removeFile(path)
    try put(text, at: path, mount)
  }

  private func names(_ directory: InodeNumber, _ mount: EngineOnDisks) throws -> Set<String> {
    let all = DirectoryRequest(after: 2, bytesMax: 65_536, bytesPerEntry: 24, withAttributes: false)
    guard case .listing(let entries) = try mount.ask(.readDirectory(directory, all)) else { return [] }
    return Set(entries.map { String(decoding: $0.name, as: UTF8.self) })
  }

  @Test func newBytesAreReadAfterTheTime() throws {
    let mount = try scene()
    let file = try mount.lookup("f")
    #expect(try mount.read(file) == "old")
    mount.pass(milliseconds: 500)
    try mount.backing.bystander.open("f", writable: true).write(Array("newer!".utf8), at: 0)
    #expect(try mount.size(file) == 3)
    mount.pass(milliseconds: 600)
    #expect(try mount.read(file) == "newer!" && mount.size(file) == 6 && mount.lookup("f") == file)
  }

  @Test func inExclusiveModeNothingIsLookedUpTwice() throws {
    let mount = try scene(revalidate: nil)
    let file = try mount.lookup("f")
    mount.backing.clearCounts()
    mount.pass(milliseconds: 3_600_000)
    #expect(try mount.lookup("f") == file && mount.backing.callCount() == 0)
  }

  @Test func aReplacedFileIsAnotherInode() throws {
    let mount = try scene()
    let file = try mount.lookup("f")
    #expect(try mount.read(file) == "old")
    mount.pass(milliseconds: 2000)
    try replace("f", "another", mount)
    let other = try mount.lookup("f")
    #expect(try other != file && mount.read(other) == "another")
    mount.engine.forget(file, count: 9)
    #expect(throws: Errno.stale) { try mount.size(file) }
  }

  @Test func namesComeAndGoAndChangeTheirKind() throws {
    let mount = try scene()
    let directory = try mount.lookup("d")
    #expect(try names(.root, mount) == ["f", "d"] && names(directory, mount) == ["x"])
    let bystander = mount.backing.bystander
    try bystander.removeFile("f")
    try put("new", at: "d/n", mount)
    try bystander.removeFile("d/x")
    try bystander.make("d/x", kind: .directory, device: 0, target: [])
    #expect(throws: Errno.noEntry) { try mount.lookup("n", in: directory) }
    mount.pass(milliseconds: 1100)
    #expect(try names(.root, mount) == ["d"] && names(directory, mount) == ["x", "n"])
    #expect(throws: Errno.noEntry) { try mount.lookup("f") }
    #expect(try mount.read(mount.lookup("n", in: directory)) == "new")
    #expect(try names(mount.lookup("x", in: directory), mount) == [])
  }

  @Test func whatIsPendingStaysOnTop() throws {
    let mount = try scene()
    let file = try mount.lookup("f")
    let directory = try mount.lookup("d")
    _ = try names(.root, mount)
    mount.backing.order(BackingFault(.inputOutput) { ![.list, .details, .status, .open, .read].contains($0.name) })
    try mount.write(file, "ours")
    _ = try mount.create("new", in: directory)
    try mount.backing.bystander.removeFile("f")
    mount.settle(milliseconds: 3000)
    #expect(try names(.root, mount) == ["f", "d"] && mount.read(mount.lookup("f")) == "ours")
    #expect(try names(directory, mount) == ["x", "new"])
  }

  /// The bare directory below an sshfs that lost its connection is empty.
  @Test func nothingIsBelievedWhileTheRootIsAway() throws {
    let mount = try scene()
    let directory = try mount.lookup("d")
    _ = try names(.root, mount)
    _ = try mount.lookup("x", in: directory)
    mount.backing.goAway()
    mount.pass(milliseconds: 5000)
    #expect(try names(.root, mount) == ["f", "d"] && names(directory, mount) == ["x"])
    _ = try mount.lookup("x", in: directory)
    mount.backing.comeBack()
    mount.pass(milliseconds: 5000)
    #expect(try names(directory, mount) == ["x"])
  }

  /// With no time at all each request looks for itself, once.
  @Test func zeroLooksEachTime() throws {
    let mount = try scene(revalidate: 0)
    let file = try mount.lookup("f")
    try mount.backing.bystander.open("f", writable: true).write(Array("newer!".utf8), at: 0)
    mount.pass(milliseconds: 1)
    #expect(try mount.read(file) == "newer!")
  }

  @Test func whatIsToldIsSeenAtOnce() throws {
    let mount = try EngineOnDisks(isWatchable: true) { $0.revalidateMilliseconds = 3_600_000 }
    try put("old", at: "f", mount)
    try mount.backing.bystander.make("d", kind: .directory, device: 0, target: [])
    let told = Lock<Set<Invalidation>>([])
    mount.engine.whenOthersChange { all in told.withLock { $0.formUnion(all) } }
    let (file, directory) = (try mount.lookup("f"), try mount.lookup("d"))
    #expect(try mount.read(file) == "old" && names(directory, mount) == [])
    let watch = try #require(mount.backing.watch)
    #expect(watch.directories == [.root: .root, directory: "d"])
    mount.pass(milliseconds: 10)
    try mount.backing.bystander.open("f", writable: true).write(Array("newer!".utf8), at: 0)
    try put("n", at: "d/n", mount)
    #expect(try mount.size(file) == 3)
    watch.tell([.entry("f", in: .root), .entry("n", in: directory)])
    #expect(try mount.read(file) == "newer!" && names(directory, mount) == ["n"])
    #expect(told.withLock { $0.isSuperset(of: [.inode(file), .inode(directory), .entry(Location(directory, "n"))]) })
    try replace("f", "again", mount)
    try mount.backing.bystander.removeFile("d/n")
    watch.tell([.overflow])
    #expect(try mount.read(mount.lookup("f")) == "again" && names(directory, mount) == [])
  }

  /// What the mount writes back itself looks like somebody else's change to nobody.
  @Test func ownWriteBackIsNoChangeOfOthers() throws {
    let mount = try scene()
    let directory = try mount.create("own", .directory)
    let file = try mount.create("a", in: directory)
    for round in 0..<5 {
      try mount.write(file, "round \(round)")
      mount.settle(milliseconds: 1500)
      #expect(try mount.lookup("a", in: mount.lookup("own")) == file && mount.read(file) == "round \(round)")
      #expect(try names(directory, mount) == ["a"])
    }
    #expect(mount.engine.status().conflictCount == 0)
  }
}
