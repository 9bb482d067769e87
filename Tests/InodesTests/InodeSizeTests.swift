import FilesystemModel
import Glibc
import Testing

@testable import Inodes

/// What an inode of an ordinary file takes, so that nobody makes it more unknowingly: a user may have millions.
@Suite struct InodeSizeTests {
  /// What the C library has given for an object, with the eight bytes that it adds.
  private static func heapBytes(_ object: AnyObject) throws -> Int {
    let function = unsafe try #require(dlsym(nil, "malloc_usable_size"))
    typealias UsableSize = @convention(c) (UnsafeRawPointer) -> Int
    let usableSize = unsafe unsafeBitCast(function, to: UsableSize.self)
    return unsafe usableSize(Unmanaged.passUnretained(object).toOpaque()) + 8
  }

  @Test func anInodeTakesAtMost256BytesOfTheHeap() throws {
    #expect(try Self.heapBytes(Inode(number: .root, kind: .regular, isNew: true)) <= 256)
  }

  @Test func anEntryOfADirectoryTakesAtMost32BytesAndANameSixteen() {
    #expect(MemoryLayout<Directory.Row>.stride <= 32)
    #expect(MemoryLayout<EntryName?>.size <= 16)
    #expect(MemoryLayout<Locations>.size <= 24)
  }

  @Test func anOrdinaryFileHasNothingOfWhatFewFilesHave() {
    var table = InodeTable()
    let file = table.make(.regular, isNew: true)
    let location = Location(.root, "a")
    file.attributes = Attributes(
      kind: .regular, permissions: 0o644, owner: 1, group: 1, size: 1, blocks512: 8, accessed: Timestamp(seconds: 1),
      modified: Timestamp(seconds: 2), changed: Timestamp(seconds: 3), born: Timestamp(seconds: 4))
    table.setName(location, to: file)
    #expect(!file.hasRareState, "not written back yet")
    table.setBackingNames([location], of: file)
    #expect(file.names.allSatisfy(\.name.isPacked) && file.backingNames.allSatisfy(\.name.isPacked))
    file.identity = BackingIdentity(
      isOnRootDevice: true, inode: 9, linkCount: 1, version: BackingVersion(size: 1, modified: Timestamp(seconds: 2)))
    #expect(!file.hasRareState)
  }
}
