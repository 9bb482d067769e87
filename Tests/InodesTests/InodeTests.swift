import FilesystemModel
import Policies
import Testing

@testable import Inodes

@Suite struct InodeTests {
  private let inode = Inode(number: InodeNumber(7), kind: .regular, isNew: true)
  private static let time = Timestamp(seconds: -5, nanoseconds: 999_999_999)

  @Test(
    arguments: [
      (0, nil), (0x0801, Timestamp(seconds: .max, nanoseconds: 0)), (1, Timestamp(seconds: 0, nanoseconds: 0)),
    ] as [(UInt64, Timestamp?)])
  func attributesAreGivenBackAsTheyWere(device: UInt64, born: Timestamp?) {
    let attributes = Attributes(
      kind: .characterDevice, permissions: 0o7777, owner: .max, group: 1, size: .max, linkCount: .max, device: device,
      blocks512: .max, accessed: Self.time, modified: Timestamp(seconds: .min, nanoseconds: 1),
      changed: Timestamp(seconds: .max, nanoseconds: 2), born: born)
    #expect(inode.attributes == nil && !inode.hasAttributes)
    inode.attributes = attributes
    #expect(inode.attributes == attributes && inode.hasAttributes)
    inode.attributes?.size = 3
    #expect(inode.attributes?.size == 3 && inode.attributes?.device == device)
    inode.attributes = nil
    #expect(inode.attributes == nil && !inode.hasRareState)
  }

  @Test(arguments: [
    nil, BackingVersion(size: 0, modified: Timestamp(seconds: 0)), BackingVersion(size: .max, modified: Self.time),
  ])
  func theIdentityIsGivenBackAsItWas(version: BackingVersion?) {
    for isOnRootDevice in [false, true] {
      let identity = BackingIdentity(isOnRootDevice: isOnRootDevice, inode: .max, linkCount: .max, version: version)
      inode.identity = identity
      #expect(inode.identity == identity)
    }
    inode.identity = nil
    #expect(inode.identity == nil && !inode.hasUnknownNames)
  }

  @Test func whatFewInodesHaveTakesMemoryOnlyWhileOneHasIt() {
    inode.target = [1]
    inode.extendedAttributes[[2]] = [3]
    inode.stream = AppendedStream(end: 1, bytes: 1, milliseconds: 1)
    inode.policy = FoundPolicy(Policy(), generation: 1)
    inode.unnamedCreation = LSN(4)
    inode.unreadableAttributes = [[5]]
    inode.revalidation.attributesMilliseconds = 6
    #expect(inode.target == [1] && inode.extendedAttributes == [[2]: [3]] && inode.unreadableAttributes == [[5]])
    #expect(inode.stream?.end == 1 && inode.policy?.generation == 1 && inode.unnamedCreation == LSN(4))
    (inode.target, inode.extendedAttributes, inode.unreadableAttributes) = ([], [:], [])
    (inode.stream, inode.policy, inode.unnamedCreation) = (nil, nil, nil)
    #expect(inode.hasRareState && inode.revalidation.attributesMilliseconds == 6)
    inode.revalidation.attributesMilliseconds = 0
    #expect(!inode.hasRareState)
  }

  @Test func lookupsAreForgottenOneByOneUnlessTheyWereTooManyToCount() {
    for _ in 0..<3 { inode.countLookup() }
    inode.forget(2)
    #expect(inode.lookupCount == 1)
    inode.forget(.max)
    #expect(inode.lookupCount == 0)
    inode.countLookups(UInt64(UInt32.max) - 1)
    inode.forget(1)
    #expect(inode.lookupCount == UInt32.max - 2)
    inode.countLookups(5)
    inode.forget(.max)
    #expect(inode.lookupCount == UInt32.max, "how many are left is not known")
  }
}

@Suite struct LocationsTests {
  @Test func namesAreKeptInTheOrderInWhichTheyCame() {
    let all = ["a", "b", "c"].map { Location(.root, EntryName(unchecked: Array($0.utf8))) }
    var names: Locations = []
    #expect(names.isEmpty && names.first == nil && names == Locations([]))
    for (count, location) in all.enumerated() {
      names.append(location)
      #expect(Array(names) == Array(all[...count]) && names == Locations(Array(all[...count])))
    }
    names.remove(all[1])
    #expect(names == [all[0], all[2]] && !names.contains(all[1]))
    names.remove(all[0])
    names.remove(all[0])
    #expect(names == [all[2]] && names[0] == all[2])
    names.remove(all[2])
    #expect(names.isEmpty)
  }
}
