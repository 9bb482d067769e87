import FilesystemModel

/// All inodes the daemon knows, with their logical and backing locations.
///
/// Used under the engine's lock. Lookups are O(1); changes of locations are proportional to the inode's number of names.
package struct InodeTable {
  /// The number the next inode gets; only grows (R7).
  package private(set) var nextNumber = InodeNumber.root.next
  private var inodes = InodeIndex()
  private var packer = NamePacker()
  /// Made together: what is freed between them later is whole pages, which the C library can give back.
  private var unused: [Inode] = []
  /// Backing locations that the mount does not show as that inode's name: a listing must not show what is found there (R22).
  private var displaced: [Location: InodeNumber] = [:]
  /// Files with several names, by their identity in the backing directory: two names, one inode.
  private var linked: [BackingFileKey: InodeNumber] = [:]

  private struct BackingFileKey: Hashable {
    let isOnRootDevice: Bool
    let inode: UInt64
  }

  private static let madeTogether = 64

  package init() {
    let root = Inode(number: .root, kind: .directory, isNew: false)
    root.isBound = true
    inodes.insert(root)
  }

  package var count: Int { inodes.count }
  package var root: Inode { inodes[.root]! }
  package subscript(number: InodeNumber) -> Inode? { inodes[number] }
  /// All inodes in the order of their numbers. O(n log n).
  package var sorted: [Inode] { inodes.all.sorted { $0.number < $1.number } }

  /// Makes sure that no number up to `used` is given again.
  package mutating func reserveNumbers(through used: InodeNumber) { nextNumber = max(nextNumber, used.next) }

  /// A new inode with the next number. `isNew`: it does not come from the backing directory.
  package mutating func make(_ kind: FileKind, isNew: Bool) -> Inode { insert(nextNumber, kind, isNew: isNew) }

  /// The inode with a number known from the journal.
  package mutating func insert(_ number: InodeNumber, _ kind: FileKind, isNew: Bool) -> Inode {
    precondition(inodes[number] == nil, "an inode number is given once")
    if unused.isEmpty { unused = (0..<Self.madeTogether).map { _ in Inode(number: .root, kind: .regular, isNew: true) } }
    let inode = unused.removeLast()
    inode.begin(number, kind, isNew: isNew)
    inodes.insert(inode)
    reserveNumbers(through: number)
    return inode
  }

  /// Drops an inode that has no name, no place in the backing directory and no lookups.
  package mutating func drop(_ inode: Inode) {
    precondition(inode.names.isEmpty && inode.backingNames.isEmpty && inode.lookupCount == 0)
    forgetIdentity(of: inode)
    inodes.remove(inode.number)
  }
}

// MARK: - Logical names

extension InodeTable {
  /// Makes `location` a name of `inode`, whatever had it before ("this name is now that inode").
  package mutating func setName(_ location: Location, to inode: Inode) {
    let location = Location(location.parent, packer.packed(location.name))
    if let old = inodes[location.parent]?.directory?[location.name], old != inode.number { clearName(location) }
    inodes[location.parent]?.directory?.set(location.name, to: inode.number, kind: inode.kind)
    if !inode.names.contains(location) { inode.names.append(location) }
    refreshDisplaced(location, holder: inode)
  }

  /// Makes `location` free ("this name is now free").
  package mutating func clearName(_ location: Location) {
    guard let number = inodes[location.parent]?.directory?[location.name] else { return }
    inodes[location.parent]?.directory?.remove(location.name)
    guard let inode = inodes[number] else { return }
    inode.names.remove(location)
    refreshDisplaced(location, holder: inode)
  }

  /// The inode at a location, as far as the directory's entries are known.
  package func inode(at location: Location) -> Inode? {
    inodes[location.parent]?.directory?[location.name].flatMap { inodes[$0] }
  }

  /// Whether `directory` is `top` or lies below it in the logical tree. O(depth).
  package func isBelow(_ directory: InodeNumber, _ top: InodeNumber) -> Bool {
    var number = directory
    while number != top {
      guard number != .root, let parent = inodes[number]?.names.first?.parent else { return false }
      number = parent
    }
    return true
  }
}

// MARK: - Backing locations

extension InodeTable {
  package mutating func setBackingNames(_ locations: [Location], of inode: Inode) {
    let old = inode.backingNames
    inode.backingNames = Locations(
      locations.map { location in
        inode.names.first { $0 == location } ?? Location(location.parent, packer.packed(location.name))
      })
    let (names, backingNames) = (Set(inode.names), Set(locations))
    for location in old where !backingNames.contains(location) && displaced[location] == inode.number {
      displaced[location] = nil
    }
    for location in locations { displaced[location] = names.contains(location) ? nil : inode.number }
    if locations.isEmpty {
      inode.wasInBacking = inode.wasInBacking || !old.isEmpty && !inode.isBeingMade
      if !inode.hasUnknownNames { forgetIdentity(of: inode) }
    }
  }

  /// Whether a backing name belongs to an inode we know: then only that inode's logical names show it (R22).
  package func isKnownBackingName(_ location: Location) -> Bool {
    displaced[location] != nil || inode(at: location).map { $0.backingNames.contains(location) } ?? false
  }

  /// The directories from the root down to `directory`, it included, along the backing locations; `nil` when one is not there.
  package func backingChain(to directory: InodeNumber) -> [InodeNumber]? {
    var chain = [directory]
    while let last = chain.last, last != .root {
      guard let parent = inodes[last]?.backingNames.first?.parent else { return nil }
      chain.append(parent)
    }
    return chain.reversed()
  }

  /// Remembers who the backing file is. Answers the inode that is the same file under another name, if one is known.
  package mutating func identify(_ inode: Inode, as identity: BackingIdentity) -> Inode? {
    let key = BackingFileKey(isOnRootDevice: identity.isOnRootDevice, inode: identity.inode)
    if inode.kind != .directory, let number = linked[key], number != inode.number, let other = inodes[number],
      identity.linkCount > 1 || other.isCutOff
    {
      return other
    }
    forgetIdentity(of: inode)
    inode.identity = identity
    if inode.kind != .directory, identity.linkCount > 1 { linked[key] = inode.number }
    return nil
  }

  /// Makes `inode`, which nobody was told of, a further name of `original`: they turned out to be one file.
  package mutating func merge(_ inode: Inode, into original: Inode) {
    let names = inode.names
    let backingNames = inode.backingNames
    for name in names { clearName(name) }
    setBackingNames([], of: inode)
    inodes.remove(inode.number)
    let others = backingNames.filter { !original.backingNames.contains($0) }
    setBackingNames(Array(original.backingNames) + others, of: original)
    for name in names { setName(name, to: original) }
  }

  private mutating func forgetIdentity(of inode: Inode) {
    guard let identity = inode.identity else { return }
    let key = BackingFileKey(isOnRootDevice: identity.isOnRootDevice, inode: identity.inode)
    if linked[key] == inode.number { linked[key] = nil }
    inode.identity = nil
  }

  private mutating func refreshDisplaced(_ location: Location, holder inode: Inode) {
    guard inode.backingNames.contains(location) else { return }
    displaced[location] = inode.names.contains(location) ? nil : inode.number
  }
}
