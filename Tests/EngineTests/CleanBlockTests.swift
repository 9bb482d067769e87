import Engine
import FilesystemModel
import Policies
import StorageInterface
import Support
import Testing

/// What was written back is read from memory as long as the backing file has it.
@Suite struct CleanBlockTests {
  private func mount(_ change: (inout EngineConfiguration) -> Void = { _ in }) throws -> EngineOnDisks {
    try EngineOnDisks {
      $0.writebackDelayMilliseconds = 50
      change(&$0)
    }
  }

  /// A file that is written back.
  private func file(_ text: String, on mount: EngineOnDisks) throws -> InodeNumber {
    let file = try mount.create("f")
    try mount.write(file, text)
    mount.settle()
    mount.backing.clearCounts()
    return file
  }

  private func reads(_ mount: EngineOnDisks) -> Int { mount.backing.callCount(.open, .read) }

  private func overwrite(_ text: String, at offset: Int = 0, _ mount: EngineOnDisks) throws {
    let file = try mount.backing.bystander.open("f", writable: true)
    try file.write(Array(text.utf8), at: offset)
    try file.setAttributes(AttributeChange(modified: mount.clock.now()))
  }

  @Test func whatWasWrittenBackIsReadWithoutTheBackingDirectory() throws {
    let mount = try mount()
    let file = try file("written back", on: mount)
    #expect(mount.engine.status().dirtyBytes == 0 && mount.engine.status().memoryBlocksUsed == 0)
    #expect(mount.engine.status().memoryBlocksClean == 1)
    #expect(try mount.read(file) == "written back" && mount.backing.callCount() == 0)
    try mount.write(file, "WRITTEN")
    #expect(try mount.read(file) == "WRITTEN back" && mount.backing.callCount() == 0)
    mount.settle()
    #expect(try mount.read(file) == "WRITTEN back")
    try mount.write(file, ", and more", at: 12)
    mount.settle()
    #expect(try mount.read(file) == "WRITTEN back, and more" && mount.backing.callCount(.read) == 0)
    let owner = AttributeRequest(permissions: 0o600, modified: .at(Timestamp(seconds: 77)))
    _ = try mount.ask(.setAttributes(file, owner))
    mount.settle()
    #expect(try mount.read(file) == "WRITTEN back, and more" && mount.backing.callCount(.read) == 0)
  }

  @Test func aNewMountReadsTheBackingFile() throws {
    let mount = try mount()
    _ = try file("written back", on: mount)
    try mount.restart()
    #expect(try mount.read(mount.lookup("f")) == "written back" && mount.backing.callCount(.read) == 1)
  }

  @Test func aCutFileThatGrowsAgainReadsAsZeros() throws {
    let mount = try mount()
    let file = try file("one two", on: mount)
    for size in [3, 6] { _ = try mount.ask(.setAttributes(file, AttributeRequest(size: size))) }
    #expect(try mount.read(file) == "one\0\0\0")
    mount.settle()
    #expect(try mount.read(file) == "one\0\0\0")
    _ = try mount.ask(.allocate(file, .punchHole, 0..<2))
    #expect(try mount.read(file) == "\0\0e\0\0\0")
    mount.settle()
    #expect(try mount.read(file) == "\0\0e\0\0\0")
  }

  @Test func changesOfOthersAreSeenWhenItIsLookedUpAgain() throws {
    let mount = try mount { $0.revalidateMilliseconds = 1000 }
    let file = try file("ours", on: mount)
    #expect(try mount.read(file) == "ours" && reads(mount) == 0)
    mount.pass(milliseconds: 2000)
    #expect(try mount.read(file) == "ours" && reads(mount) == 0, "looked up again, and as it was left")
    try overwrite("news", mount)
    mount.pass(milliseconds: 2000)
    #expect(try mount.read(file) == "news" && reads(mount) > 0)
    #expect(mount.engine.status().memoryBlocksClean == 0)
  }

  /// Where times are coarse size and mtime may be what they were.
  @Test func aChangeThatLeavesTheVersionIsSeenByItsTime() throws {
    let mount = try mount { $0.revalidateMilliseconds = 1000 }
    let file = try file("ours", on: mount)
    let before = try mount.backing.bystander.status("f").attributes.modified
    mount.pass(milliseconds: 2000)
    try overwrite("news", mount)
    try mount.backing.bystander.open("f", writable: true).setAttributes(AttributeChange(modified: before))
    mount.pass(milliseconds: 2000)
    #expect(try mount.read(file) == "news")
  }

  @Test(arguments: [ConflictPolicy.keepBoth, .ours, .theirs]) func aConflictDropsThem(_ choice: ConflictPolicy) throws {
    let mount = try mount { $0.conflicts = choice }
    let file = try file("one two three", on: mount)
    try overwrite("ONE TWO THREE!", mount)
    try mount.write(file, "1", at: 4)
    mount.settle(milliseconds: 3000)
    let bytes = try mount.backing.bystander.open("f", writable: false).read(at: 0, count: 100)
    #expect(try Array(mount.read(file).utf8) == bytes)
    #expect(mount.engine.status().conflictCount == 1)
  }

  @Test func aReplacedFileIsReadItself() throws {
    let mount = try mount { $0.revalidateMilliseconds = 1000 }
    _ = try file("ours", on: mount)
    mount.pass(milliseconds: 2000)
    try mount.backing.bystander.removeFile("f")
    let other = try mount.backing.bystander.createFile("f")
    try other.write(Array("news".utf8), at: 0)
    #expect(try mount.read(mount.lookup("f")) == "news")
  }

  @Test func writesThatGoAroundDropThem() throws {
    let mount = try mount()
    let file = try file("one two", on: mount)
    try setMode(.writeAround, mount)
    try mount.write(file, "1")
    #expect(try mount.read(file) == "1ne two" && mount.engine.status().memoryBlocksClean == 0)
    try mount.write(file, "2", at: 4)
    try setMode(.writeBack, mount)
    try mount.write(file, "!", at: 6)
    mount.settle(milliseconds: 3000)
    try setMode(.writeAround, mount)
    try mount.write(file, "0")
    #expect(try mount.read(file) == "0ne 2w!")
    mount.settle(milliseconds: 3000)
    #expect(try mount.read(file) == "0ne 2w!")
  }

  private func setMode(_ mode: WriteMode, _ mount: EngineOnDisks) throws {
    var settings = EngineSettings()
    settings.policy.mode = mode
    mount.engine.set(settings)
  }

  @Test func whatFailsIsNotClean() throws {
    let mount = try mount()
    let file = try file("one two", on: mount)
    mount.backing.order(BackingFault(.noSpace, times: 1) { $0.name == .write })
    try mount.write(file, "ONE")
    mount.settle(milliseconds: 200)
    #expect(try mount.read(file) == "ONE two")
    mount.settle(milliseconds: 60_000)
    #expect(try mount.read(file) == "ONE two" && mount.engine.status().dirtyBytes == 0)
    mount.backing.failNextSynchronization()
    try mount.write(file, "TWO", at: 4)
    mount.settle(milliseconds: 60_000)
    #expect(try mount.read(file) == "ONE TWO" && mount.engine.status().dirtyBytes == 0)
  }

  @Test func aRemovedFileThatIsOpenIsReadToItsEnd() throws {
    let mount = try mount()
    let file = try file("still there", on: mount)
    _ = try mount.ask(.unlink(parent: .root, name: "f"))
    mount.settle()
    #expect(try mount.read(file) == "still there" && mount.engine.status().memoryBlocksClean == 1)
    mount.engine.forget(file, count: 99)
    #expect(mount.engine.status().memoryBlocksClean == 0)
  }

  @Test func writersTakeTheirMemory() throws {
    let mount = try mount { $0.memoryBytes = 16 << 10 }
    let file = try file(String(repeating: "c", count: 12_288), on: mount)
    #expect(mount.engine.status().memoryBlocksClean == 3)
    let other = try mount.create("other")
    try mount.write(other, String(repeating: "d", count: 8192))
    #expect(mount.engine.status().memoryBlocksClean == 2 && mount.engine.status().memoryBlocksUsed == 2)
    #expect(try mount.read(other, count: 8192) == String(repeating: "d", count: 8192))
    #expect(try mount.read(file, count: 12_288) == String(repeating: "c", count: 12_288) && mount.backing.callCount(.read) == 1)
  }
}
