import FilesystemModel
import Testing

@testable import Inodes

@Suite struct InodeTableTests {
  private var table = InodeTable()

  private mutating func loaded(_ name: EntryName, _ kind: FileKind = .regular, in parent: InodeNumber = .root) -> Inode {
    let inode = table.make(kind, isNew: false)
    table.setName(Location(parent, name), to: inode)
    table.setBackingNames([Location(parent, name)], of: inode)
    return inode
  }

  @Test mutating func aNumberIsGivenOnce() {
    let first = table.make(.regular, isNew: true)
    #expect(first.number == InodeNumber(2))
    table.drop(first)
    #expect(table.make(.regular, isNew: true).number == InodeNumber(3), "not that of a dropped one")
    table.reserveNumbers(through: InodeNumber(100))
    table.reserveNumbers(through: InodeNumber(50))
    #expect(table.make(.regular, isNew: true).number == InodeNumber(101))
  }

  @Test mutating func aNameBelongsToOneInodeAndAnInodeToManyNames() {
    let (file, other) = (loaded("a"), loaded("b"))
    table.setName(Location(.root, "c"), to: file)
    #expect(file.names.count == 2 && file.linkCount == 2)
    table.setName(Location(.root, "a"), to: other)
    #expect(file.names == [Location(.root, "c")])
    #expect(other.names == [Location(.root, "b"), Location(.root, "a")])
    table.clearName(Location(.root, "c"))
    #expect(file.isOrphan && !other.isOrphan && table.inode(at: Location(.root, "c")) == nil)
  }

  /// R22: what lies in the backing directory under a name that the mount shows as something else, or not at all.
  @Test mutating func aBackingNameIsKnownUnderWhateverNameTheMountShowsIt() {
    let file = loaded("a")
    table.clearName(Location(.root, "a"))
    table.setName(Location(.root, "b"), to: file)
    #expect(table.isKnownBackingName(Location(.root, "a")), "renamed, not written back")
    #expect(!table.isKnownBackingName(Location(.root, "b")), "not there yet")
    table.setBackingNames([Location(.root, "b")], of: file)
    #expect(!table.isKnownBackingName(Location(.root, "a")), "somebody else's from now on")
    #expect(table.isKnownBackingName(Location(.root, "b")))
    table.clearName(Location(.root, "b"))
    #expect(table.isKnownBackingName(Location(.root, "b")), "removed, not written back")
  }

  @Test mutating func twoNamesOfOneFileBecomeOneInode() {
    let (first, second) = (loaded("a"), loaded("b"))
    let identity = BackingIdentity(isOnRootDevice: true, inode: 77, linkCount: 3)
    #expect(table.identify(first, as: identity) == nil)
    #expect(first.hasUnknownNames && first.linkCount == 3)
    let original = table.identify(second, as: identity)
    #expect(original === first)
    table.merge(second, into: first)
    #expect(table[second.number] == nil && table.inode(at: Location(.root, "b")) === first)
    #expect(first.backingNames == [Location(.root, "a"), Location(.root, "b")] && first.linkCount == 3)
    #expect(table.isKnownBackingName(Location(.root, "b")))
  }

  @Test mutating func filesOfTwoDevicesAndDirectoriesAreNotOneFile() {
    let (first, second) = (loaded("a"), loaded("b"))
    #expect(table.identify(first, as: BackingIdentity(isOnRootDevice: true, inode: 7, linkCount: 2)) == nil)
    #expect(table.identify(second, as: BackingIdentity(isOnRootDevice: false, inode: 7, linkCount: 2)) == nil)
    let (one, other) = (loaded("d", .directory), loaded("e", .directory))
    #expect(table.identify(one, as: BackingIdentity(isOnRootDevice: true, inode: 8, linkCount: 2)) == nil)
    #expect(table.identify(other, as: BackingIdentity(isOnRootDevice: true, inode: 8, linkCount: 2)) == nil)
  }

  /// The number of a removed file is given to another one by the backing filesystem.
  @Test mutating func aFileThatLeftTheBackingDirectoryIsNoOtherOne() {
    let first = loaded("a")
    let identity = BackingIdentity(isOnRootDevice: true, inode: 7, linkCount: 2)
    #expect(table.identify(first, as: identity) == nil)
    first.identity?.linkCount = 0
    table.setBackingNames([], of: first)
    #expect(first.wasInBacking && first.hasBackingContents && first.identity == nil)
    let second = loaded("b")
    #expect(table.identify(second, as: identity) == nil)
  }

  @Test mutating func aFileWithoutKnownNamesIsFoundAgainUnderAnotherOne() {
    let first = loaded("a")
    let identity = BackingIdentity(isOnRootDevice: true, inode: 7, linkCount: 2)
    #expect(table.identify(first, as: identity) == nil)
    table.clearName(Location(.root, "a"))
    #expect(first.isKept && !first.isCutOff)
    first.identity?.linkCount = 1
    table.setBackingNames([], of: first)
    #expect(first.isCutOff && !first.isKept && first.linkCount == 1)
    let second = loaded("b")
    #expect(table.identify(second, as: BackingIdentity(isOnRootDevice: true, inode: 7, linkCount: 1)) === first)
    table.merge(second, into: first)
    #expect(first.isKept && !first.isCutOff && first.linkCount == 1)
  }

  @Test mutating func theWayDownFollowsBackingNamesAndDescentTheLogicalOnes() {
    let outer = loaded("d", .directory)
    let inner = loaded("e", .directory, in: outer.number)
    table.clearName(Location(outer.number, "e"))
    table.setName(Location(.root, "f"), to: inner)
    #expect(table.backingChain(to: inner.number) == [.root, outer.number, inner.number])
    #expect(!table.isBelow(inner.number, outer.number) && table.isBelow(inner.number, .root))
    let made = table.make(.directory, isNew: true)
    table.setName(Location(inner.number, "g"), to: made)
    #expect(table.backingChain(to: made.number) == nil, "not made yet")
    #expect(table.isBelow(made.number, inner.number) && outer.linkCount == 2)
  }
}
