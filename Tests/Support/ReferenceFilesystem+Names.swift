import FilesystemModel
import StorageInterface

extension ReferenceFilesystem {
  // MARK: Finding

  /// The file with this number.
  ///
  /// - Throws: `stale` for one that was never there, or is gone.
  func node(_ inode: InodeNumber) throws(Errno) -> ReferenceNode {
    guard let node = state.nodes[inode] else { throw .stale }
    return node
  }

  func directory(_ inode: InodeNumber) throws(Errno) -> ReferenceNode {
    let directory = try node(inode)
    guard directory.attributes.kind == .directory else { throw .notDirectory }
    return directory
  }

  private func checkLength(_ name: EntryName) throws(Errno) {
    guard name.bytes.count <= EntryName.bytesMax else { throw .nameTooLong }
  }

  private func child(_ location: Location) throws(Errno) -> InodeNumber? {
    let parent = try directory(location.parent)
    try checkLength(location.name)
    return parent.children[location.name]?.inode
  }

  /// The file at a place.
  private func existing(_ location: Location) throws(Errno) -> InodeNumber {
    guard let inode = try child(location) else { throw .noEntry }
    return inode
  }

  /// A place for a new name: free, in a directory that has not been removed.
  private func checkFree(_ location: Location) throws(Errno) {
    guard try child(location) == nil else { throw .exists }
    guard try directory(location.parent).attributes.linkCount > 0 else { throw .noEntry }
  }

  /// The file of a path, without a lookup; `nil` when there is none.
  package func inode(at path: BackingPath) -> InodeNumber? {
    path.components.reduce(InodeNumber.root) { parent, name in
      parent.flatMap { state.nodes[$0]?.children[name]?.inode }
    }
  }

  /// The attributes of a file that is there.
  package func attributes(of inode: InodeNumber) -> Attributes {
    let node = state.nodes[inode]!
    var attributes = node.attributes
    if attributes.kind == .regular {
      attributes.size = node.contents.size
      attributes.blocks512 = node.contents.sectors.count
    }
    return attributes
  }

  private mutating func lookedUp(_ inode: InodeNumber) -> Entry {
    state.nodes[inode]!.lookupCount += 1
    return Entry(inode: inode, generation: 0, attributes: attributes(of: inode))
  }

  mutating func lookup(_ parent: InodeNumber, _ name: EntryName) throws(Errno) -> Reply {
    let inode = try existing(Location(parent, name))
    return .entry(lookedUp(inode))
  }

  mutating func lookupSelf(_ inode: InodeNumber) throws(Errno) -> Reply {
    guard try node(inode).attributes.linkCount > 0 else { throw .stale }
    return .entry(lookedUp(inode))
  }

  mutating func lookupParent(_ inode: InodeNumber) throws(Errno) -> Reply {
    let directory = try directory(inode)
    guard directory.attributes.linkCount > 0 else { throw .stale }
    return .entry(lookedUp(directory.parent))
  }

  // MARK: Entries

  /// Enters a name, with the link counts that go with it.
  mutating func attach(_ inode: InodeNumber, at location: Location) {
    let cookie = state.nodes[location.parent]!.nextCookie
    state.nodes[location.parent]!.nextCookie += 1
    state.nodes[location.parent]!.children[location.name] = ReferenceNode.Child(inode: inode, cookie: cookie)
    if state.nodes[inode]!.attributes.kind == .directory {
      state.nodes[inode]!.parent = location.parent
      state.nodes[location.parent]!.attributes.linkCount += 1
    } else {
      state.nodes[inode]!.attributes.linkCount += 1
    }
  }

  private mutating func detach(_ location: Location) {
    let inode = state.nodes[location.parent]!.children.removeValue(forKey: location.name)!.inode
    if state.nodes[inode]!.attributes.kind == .directory {
      state.nodes[location.parent]!.attributes.linkCount -= 1
    } else {
      state.nodes[inode]!.attributes.linkCount -= 1
    }
  }

  mutating func removeIfUnused(_ inode: InodeNumber) {
    guard let node = state.nodes[inode], node.attributes.linkCount == 0, node.lookupCount == 0 else { return }
    state.nodes[inode] = nil
  }

  /// Entry changes set a directory's mtime and ctime, and the ctime of what is named.
  private mutating func touch(directories: [InodeNumber], inodes: [InodeNumber]) {
    let now = clock.now()
    for directory in directories {
      state.nodes[directory]!.attributes.modified = now
      state.nodes[directory]!.attributes.changed = now
    }
    for inode in inodes { state.nodes[inode]!.attributes.changed = now }
  }

  // MARK: Making

  mutating func make(_ request: MakeRequest, at location: Location, _ caller: Caller) throws(Errno) -> Reply {
    if request.kind == .symlink {
      guard !request.target.isEmpty else { throw .noEntry }
      guard request.target.count <= limits.targetBytesMax else { throw .nameTooLong }
    }
    try checkFree(location)
    let inode = try born(request, in: location.parent, caller)
    attach(inode, at: location)
    touch(directories: [location.parent], inodes: [])
    return .entry(lookedUp(inode))
  }

  mutating func makeTemporary(_ request: MakeRequest, in parent: InodeNumber, _ caller: Caller) throws(Errno) -> Reply {
    guard try directory(parent).attributes.linkCount > 0 else { throw .noEntry }
    var request = request
    request.kind = .regular
    let inode = try born(request, in: parent, caller)
    state.nodes[inode]!.isLinkableWithoutName = true
    return .entry(lookedUp(inode))
  }

  /// A new file without a name yet, with owner, group, permissions and lists as open(2), mkdir(2) and acl(5) say.
  private mutating func born(_ request: MakeRequest, in parent: InodeNumber, _ caller: Caller) throws(Errno) -> InodeNumber {
    let directory = try directory(parent)
    let inheritsGroup = directory.attributes.permissions & 0o2000 != 0
    let group = inheritsGroup ? directory.attributes.group : caller.group
    var permissions = request.permissions & 0o7777
    switch request.kind {
    case .symlink: permissions = 0o777
    case .directory: permissions &= 0o1777
    default:
      let isMember = caller.isPrivileged || caller.isMember(of: group)
      if inheritsGroup, permissions & 0o2010 == 0o2010, !isMember { permissions &= ~0o2000 }
    }
    var lists: [[UInt8]: [UInt8]] = [:]
    if request.kind != .symlink {
      if let value = directory.extendedAttributes[AccessControlList.defaultName],
        let list = try AccessControlList.decode(value)
      {
        let inherited = list.inherited(permissions: permissions)
        permissions = inherited.permissions
        lists[AccessControlList.accessName] = inherited.access?.encoded
        if request.kind == .directory { lists[AccessControlList.defaultName] = value }
      } else {
        permissions &= ~(request.umask & 0o777)
      }
    }
    if request.kind == .directory, inheritsGroup { permissions |= 0o2000 }
    let isDevice = request.kind == .characterDevice || request.kind == .blockDevice
    let now = clock.now()
    let attributes = Attributes(
      kind: request.kind, permissions: permissions, owner: caller.owner, group: group,
      size: request.kind == .directory ? 4096 : request.target.count, linkCount: request.kind == .directory ? 2 : 0,
      device: isDevice ? request.device : 0, accessed: now, modified: now, changed: now, born: now)
    let inode = state.nextInode
    state.nextInode = inode.next
    state.nodes[inode] = ReferenceNode(
      attributes: attributes, target: request.kind == .symlink ? request.target : [], extendedAttributes: lists,
      parent: parent)
    return inode
  }

  mutating func link(_ inode: InodeNumber, _ location: Location) throws(Errno) -> Reply {
    let linked = try node(inode)
    try checkFree(location)
    guard linked.attributes.kind != .directory else { throw .notPermitted }
    guard linked.attributes.linkCount > 0 || linked.isLinkableWithoutName else { throw .noEntry }
    guard linked.attributes.linkCount < limits.linksMax else { throw .tooManyLinks }
    attach(inode, at: location)
    state.nodes[inode]!.isLinkableWithoutName = false
    touch(directories: [location.parent], inodes: [inode])
    return .entry(lookedUp(inode))
  }

  // MARK: Removing

  mutating func unlink(_ location: Location) throws(Errno) -> Reply {
    let inode = try existing(location)
    guard try node(inode).attributes.kind != .directory else { throw .isDirectory }
    detach(location)
    touch(directories: [location.parent], inodes: [inode])
    removeIfUnused(inode)
    return .done
  }

  mutating func removeDirectory(_ location: Location) throws(Errno) -> Reply {
    let inode = try existing(location)
    guard try directory(inode).children.isEmpty else { throw .notEmpty }
    detach(location)
    state.nodes[inode]!.attributes.linkCount = 0
    touch(directories: [location.parent], inodes: [inode])
    removeIfUnused(inode)
    return .done
  }

  // MARK: Renaming

  mutating func rename(_ source: Location, _ target: Location, _ flags: RenameFlags) throws(Errno) -> Reply {
    _ = try directory(target.parent)
    let moved = try existing(source)
    let present = try child(target)
    if flags == .noReplace, present != nil { throw .exists }
    if flags == .exchange, present == nil { throw .noEntry }
    guard !isInside(target.parent, of: moved) else { throw .invalidArgument }
    if let present, isInside(source.parent, of: present) { throw flags == .exchange ? .invalidArgument : .notEmpty }
    if moved == present { return .done }
    guard try directory(target.parent).attributes.linkCount > 0 else { throw .noEntry }
    if flags == .exchange {
      exchange(source, moved, target, present!)
    } else {
      try replace(source, moved, target, present)
    }
    return .done
  }

  private mutating func exchange(
    _ source: Location, _ moved: InodeNumber, _ target: Location, _ present: InodeNumber
  ) {
    detach(source)
    detach(target)
    attach(moved, at: target)
    attach(present, at: source)
    touch(directories: [source.parent, target.parent], inodes: [moved, present])
  }

  private mutating func replace(
    _ source: Location, _ moved: InodeNumber, _ target: Location, _ present: InodeNumber?
  ) throws(Errno) {
    if let present {
      let old = try node(present)
      let movesDirectory = try node(moved).attributes.kind == .directory
      if movesDirectory, old.attributes.kind != .directory { throw .notDirectory }
      if !movesDirectory, old.attributes.kind == .directory { throw .isDirectory }
      guard old.children.isEmpty else { throw .notEmpty }
      detach(target)
      if movesDirectory { state.nodes[present]!.attributes.linkCount = 0 }
    }
    detach(source)
    attach(moved, at: target)
    touch(directories: [source.parent, target.parent], inodes: [moved] + (present.map { [$0] } ?? []))
    if let present { removeIfUnused(present) }
  }

  /// Whether a directory is `ancestor` or lies below it.
  private func isInside(_ directory: InodeNumber, of ancestor: InodeNumber) -> Bool {
    var current = directory
    while current != ancestor {
      guard current != .root, let parent = state.nodes[current]?.parent else { return false }
      current = parent
    }
    return true
  }
}

extension Caller {
  /// Whether the kernel lets this caller do what otherwise only members and owners may.
  var isPrivileged: Bool { owner == 0 }

  func isMember(of wanted: UInt32) -> Bool { group == wanted || groups.contains(wanted) }
}
