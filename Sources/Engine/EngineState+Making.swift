import FilesystemModel
import Inodes
import JournalFormat
import StorageInterface
import WritebackCache

/// mknod, mkdir, symlink, create, O_TMPFILE and link.
extension EngineState {
  mutating func make(_ location: Location, _ make: MakeRequest, _ request: Request) throws(Interruption) -> Outcome {
    guard try find(location, request) == nil else { throw .failure(.exists) }
    try checkName(location.name)
    let new = try prepare(in: location.parent, make, request)
    return try born(new, at: location, request)
  }

  mutating func makeTemporary(in parent: InodeNumber, _ make: MakeRequest, _ request: Request) throws(Interruption) -> Outcome {
    let new = try prepare(in: parent, make, request)
    return try born(new, at: nil, request)
  }

  mutating func link(_ number: InodeNumber, at location: Location, _ request: Request) throws(Interruption) -> Outcome {
    let inode = try inode(number)
    guard try find(location, request) == nil else { throw .failure(.exists) }
    guard try !directory(location.parent).isOrphan else { throw .failure(.noEntry) }
    try checkName(location.name)
    guard inode.kind != .directory, abilities.supportsHardLinks else { throw .failure(.notPermitted) }
    _ = try attributes(inode, request)
    // A file that lost its last name gets none again; one that was born without may.
    guard inode.isKept || inode.unnamedCreation != nil else { throw .failure(.noEntry) }
    guard inode.linkCount < abilities.linksMax, hasRoomForName(inode) else { throw .failure(.tooManyLinks) }
    try admitChange()
    let time = clock.now()
    let wasUnnamed = inode.unnamedCreation != nil
    defer { reserve(inode) }
    let lsn = commit(.link(number, at: location), at: time, request: request.caller.request)
    if wasUnnamed, let first = cache.firstLSN(of: number) { contentsChanged(inode, lsn: first) }
    return .reply(.entry(try entry(inode, request)), after: lsn)
  }

  /// Whether one more name fits in the journal's records of where the inode is. A record may tell of two inodes, where one
  /// replaces the other.
  func hasRoomForName(_ inode: Inode) -> Bool {
    guard inode.names.count + inode.backingNames.count > 1000 else { return true }
    let names = Set(inode.names).union(inode.backingNames)
    let bytes = names.reduce(0) { $0 + Self.locationBytes(nameBytes: $1.name.count) }
    return bytes + Self.locationBytes(nameBytes: EntryName.bytesMax) < journal.recordBytesMax / 2 - (64 << 10)
  }

  /// No record needs more for a location.
  private static func locationBytes(nameBytes: Int) -> Int { nameBytes + 16 }

  /// The new inode's attributes: the caller's, or the set-group-id directory's group; a default ACL or the umask.
  private func prepare(
    in parent: InodeNumber, _ make: MakeRequest, _ request: Request
  ) throws(Interruption) -> NewInode {
    let directory = try directory(parent)
    guard !directory.isOrphan else { throw .failure(.noEntry) }
    let parentAttributes = try attributes(directory, request)
    try checkAbilities(make)
    let now = clock.now()
    var permissions = make.permissions & (make.kind == .directory ? 0o1777 : 0o7777)
    var lists: [ExtendedAttribute] = []
    if make.kind != .symlink, let value = directory.extendedAttributes[AccessControlList.defaultName],
      let list = AccessControlList(decoding: value)
    {
      let access = list.inherited(permissions: permissions)
      permissions = permissions & ~0o777 | access.permissionBits
      if !access.isEquivalentToPermissions {
        lists.append(ExtendedAttribute(name: AccessControlList.accessName, value: access.encoded))
      }
      if make.kind == .directory { lists.append(ExtendedAttribute(name: AccessControlList.defaultName, value: value)) }
    } else if make.kind != .symlink {
      permissions &= ~make.umask
    }
    var group = request.caller.group
    if parentAttributes.permissions & 0o2000 != 0 {
      group = parentAttributes.group
      if make.kind == .directory { permissions |= 0o2000 }
    }
    let size = make.kind == .symlink ? make.target.count : make.kind == .directory ? 4096 : 0
    let attributes = Attributes(
      kind: make.kind, permissions: make.kind == .symlink ? 0o777 : permissions, owner: request.caller.owner, group: group,
      size: size, device: make.device, accessed: now, modified: now, changed: now, born: now)
    return NewInode(number: inodes.nextNumber, attributes: attributes, target: make.target, extendedAttributes: lists)
  }

  private mutating func born(_ new: NewInode, at location: Location?, _ request: Request) throws(Interruption) -> Outcome {
    try admitChange(bytes: new.target.count + new.extendedAttributes.reduce(0) { $0 + $1.name.count + $1.value.count })
    try admitSpace(bytes: new.attributes.kind == .directory ? DirtyContents.blockBytes : 0, files: 1, request)
    let inode = insert(new)
    let lsn = commit(.create(new, at: location), at: new.attributes.modified, request: request.caller.request)
    reserve(inode)
    return .reply(.entry(try entry(inode, request)), after: lsn)
  }

  /// The inode of a creation record, with all that it is born with.
  mutating func insert(_ new: NewInode) -> Inode {
    let inode = inodes.insert(new.number, new.attributes.kind, isNew: true)
    inode.isBound = true
    bound.insert(new.number)
    inode.attributes = new.attributes
    inode.target = new.target
    for attribute in new.extendedAttributes { inode.extendedAttributes[attribute.name] = attribute.value }
    return inode
  }

  func checkName(_ name: EntryName) throws(Interruption) {
    guard name.count <= abilities.nameBytesMax else { throw .failure(.nameTooLong) }
    guard !name.starts(with: temporaryNamePrefix) else { throw .failure(.notPermitted) }
  }

  private func checkAbilities(_ make: MakeRequest) throws(Interruption) {
    switch make.kind {
    case .symlink:
      guard abilities.supportsSymlinks else { throw .failure(.notPermitted) }
      guard !make.target.isEmpty else { throw .failure(.noEntry) }
      guard make.target.count < 4096 else { throw .failure(.nameTooLong) }
    case .characterDevice, .blockDevice:
      guard abilities.isPrivileged else { throw .failure(.notPermitted) }
    case .regular, .directory, .fifo, .socket: break
    }
  }
}
