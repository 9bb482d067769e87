import FilesystemModel
import StorageInterface

extension SimulatedBackingStorage {
  // MARK: Making

  package func createFile(_ path: BackingPath, permissions: UInt16) throws(Errno) -> any BackingFile {
    let (node, generation) = try call(.createFile, path) { (disk) throws(Errno) in
      let node = try born(path, kind: .regular, permissions: permissions, in: &disk)
      disk.retain(node)
      return (node, disk.generation)
    }
    return SimulatedBackingFile(storage: self, node: node, path: path, isWritable: true, generation: generation)
  }

  package func make(
    _ path: BackingPath, kind: FileKind, permissions: UInt16, device: UInt64, target: [UInt8]
  ) throws(Errno) {
    precondition(kind != .regular, "regular files are made with createFile")
    try call(.make, path) { (disk) throws(Errno) in
      let isDevice = kind == .blockDevice || kind == .characterDevice
      guard !isDevice || abilities.isPrivileged else { throw .notPermitted }
      if kind == .symlink {
        guard abilities.supportsSymlinks else { throw .notPermitted }
        guard !target.isEmpty else { throw .noEntry }
        guard target.count < 4096 else { throw .nameTooLong }
      }
      _ = try born(
        path, kind: kind, permissions: kind == .symlink ? 0o777 : permissions, device: isDevice ? device : 0,
        target: kind == .symlink ? target : [], in: &disk)
    }
  }

  /// A new file with what it inherits from its parent: the group of a set-group-ID directory, access control lists.
  private func born(
    _ path: BackingPath, kind: FileKind, permissions: UInt16, device: UInt64 = 0, target: [UInt8] = [],
    in disk: inout SimulatedDisk
  ) throws(Errno) -> InodeNumber {
    guard !path.components.isEmpty else { throw .exists }
    let (location, present) = try place(path, in: disk)
    guard present == nil else { throw .exists }
    let parent = disk.live[location.parent]
    let now = clock.now()
    let owner: UInt32 = abilities.isPrivileged ? 0 : 1000
    var attributes = Attributes(
      kind: kind, permissions: permissions, owner: owner, group: owner, device: device, accessed: now, modified: now,
      changed: now, born: now)
    if parent.attributes.permissions & 0o2000 != 0 {
      attributes.group = parent.attributes.group
      if kind == .directory { attributes.permissions |= 0o2000 }
    }
    var lists: [ExtendedAttributeChange] = []
    if kind != .symlink, let value = parent.extendedAttributes[AccessControlList.defaultName],
      let list = try AccessControlList.decode(value)
    {
      let inherited = list.inherited(permissions: attributes.permissions)
      attributes.permissions = inherited.permissions
      if let access = inherited.access {
        lists.append(ExtendedAttributeChange(name: AccessControlList.accessName, value: access.encoded))
      }
      if kind == .directory { lists.append(ExtendedAttributeChange(name: AccessControlList.defaultName, value: value)) }
    }
    let node = disk.add(attributes, target: target)
    for list in lists { disk.perform(.extendedAttribute(node, list)) }
    disk.perform(.enter(node, at: location, now))
    return node
  }

  package func link(_ path: BackingPath, to target: BackingPath) throws(Errno) {
    try call(.link, path, target) { (disk) throws(Errno) in
      let node = try resolve(path, in: disk)
      guard !target.components.isEmpty else { throw .exists }
      let (location, present) = try place(target, in: disk)
      guard present == nil else { throw .exists }
      guard abilities.supportsHardLinks, !disk.live[node].isDirectory else { throw .notPermitted }
      guard disk.live[node].nameCount < abilities.linksMax else { throw .tooManyLinks }
      disk.perform(.enter(node, at: location, clock.now()))
    }
  }

  // MARK: Removing

  package func removeFile(_ path: BackingPath) throws(Errno) {
    try call(.removeFile, path) { (disk) throws(Errno) in
      guard !path.components.isEmpty else { throw .isDirectory }
      let (location, present) = try place(path, in: disk)
      guard let present else { throw .noEntry }
      guard !disk.live[present].isDirectory else { throw .isDirectory }
      remove(present, from: location, in: &disk)
    }
  }

  package func removeDirectory(_ path: BackingPath) throws(Errno) {
    try call(.removeDirectory, path) { (disk) throws(Errno) in
      let (location, present) = try place(path, in: disk)
      guard let present else { throw .noEntry }
      guard disk.live[present].isDirectory else { throw .notDirectory }
      guard disk.live[present].entries.isEmpty else { throw .notEmpty }
      remove(present, from: location, in: &disk)
    }
  }

  private func remove(_ node: InodeNumber, from location: Location, in disk: inout SimulatedDisk) {
    disk.perform(.leave(node, from: location, clock.now()))
    disk.removeIfUnused(node)
  }

  // MARK: Moving

  package func rename(_ source: BackingPath, to target: BackingPath, replacing: Bool) throws(Errno) {
    try call(.rename, source, target) { (disk) throws(Errno) in
      let (from, moved) = try place(source, in: disk)
      let (to, replaced) = try place(target, in: disk)
      guard let moved else { throw .noEntry }
      if !replacing, replaced != nil { throw .exists }
      if disk.live[moved].isDirectory, disk.live.isInside(to.parent, of: moved) { throw .invalidArgument }
      if let replaced {
        if disk.live[replaced].isDirectory, disk.live.isInside(from.parent, of: replaced) { throw .notEmpty }
        if moved == replaced { return }
        try checkReplacing(replaced, by: moved, in: disk)
      }
      move(moved, from: from, to: to, in: &disk)
      if let replaced { disk.removeIfUnused(replaced) }
    }
  }

  private func checkReplacing(_ replaced: InodeNumber, by moved: InodeNumber, in disk: SimulatedDisk) throws(Errno) {
    let isDirectory = disk.live[replaced].isDirectory
    if disk.live[moved].isDirectory, !isDirectory { throw .notDirectory }
    if !disk.live[moved].isDirectory, isDirectory { throw .isDirectory }
    if isDirectory, !disk.live[replaced].entries.isEmpty { throw .notEmpty }
  }

  private func move(_ node: InodeNumber, from source: Location, to target: Location, in disk: inout SimulatedDisk) {
    let now = clock.now()
    guard !options.renamesAreAtomic, !disk.live[node].isDirectory else {
      disk.perform(.rename(node, from: source, to: target, now))
      return
    }
    let entered = disk.perform(.enter(node, at: target, now))
    disk.perform(.leave(node, from: source, now), needs: entered)
  }
}
