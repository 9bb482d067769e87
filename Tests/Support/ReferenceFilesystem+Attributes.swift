import FilesystemModel

extension ReferenceFilesystem {
  func getAttributes(_ inode: InodeNumber) throws(Errno) -> Reply {
    _ = try node(inode)
    return .attributes(inode, attributes(of: inode))
  }

  func readLink(_ inode: InodeNumber) throws(Errno) -> Reply {
    let link = try node(inode)
    guard link.attributes.kind == .symlink else { throw .invalidArgument }
    return .bytes(link.target)
  }

  // MARK: setattr

  mutating func setAttributes(
    _ inode: InodeNumber, _ request: AttributeRequest, _ caller: Caller
  ) throws(Errno) -> Reply {
    var node = try node(inode)
    let isUnchanged = request == AttributeRequest()
    if let size = request.size { try checkSize(size, of: node) }
    if request.permissions != nil, node.attributes.kind == .symlink { throw .notSupported }
    let now = clock.now()
    if request.clearsSetID { clearSetID(&node) }
    if let size = request.size {
      node.contents.resize(size)
      node.attributes.modified = now
    }
    node.attributes.owner = request.owner ?? node.attributes.owner
    node.attributes.group = request.group ?? node.attributes.group
    if let permissions = request.permissions { try changePermissions(&node, permissions & 0o7777, caller) }
    if let accessed = request.accessed { node.attributes.accessed = accessed.timestamp(now) }
    if let modified = request.modified { node.attributes.modified = modified.timestamp(now) }
    if !isUnchanged { node.attributes.changed = request.changed ?? now }
    state.nodes[inode] = node
    return .attributes(inode, attributes(of: inode))
  }

  private func checkSize(_ size: Int, of node: ReferenceNode) throws(Errno) {
    try checkRegular(node)
    guard size >= 0 else { throw .invalidArgument }
    guard size <= limits.fileBytesMax else { throw .fileTooLarge }
  }

  /// As chown, write and truncate do for files that somebody may execute under another's rights.
  private func clearSetID(_ node: inout ReferenceNode) {
    guard node.attributes.kind != .directory else { return }
    let executableByGroup = node.attributes.permissions & 0o010 != 0
    node.attributes.permissions &= executableByGroup ? ~0o6000 : ~0o4000
    node.extendedAttributes[Array("security.capability".utf8)] = nil
  }

  private func changePermissions(_ node: inout ReferenceNode, _ wanted: UInt16, _ caller: Caller) throws(Errno) {
    var permissions = wanted
    if !caller.isPrivileged, !caller.isMember(of: node.attributes.group) { permissions &= ~0o2000 }
    node.attributes.permissions = permissions
    guard let value = node.extendedAttributes[AccessControlList.accessName],
      let list = try AccessControlList.decode(value)
    else { return }
    node.extendedAttributes[AccessControlList.accessName] = list.afterChangingPermissions(to: permissions).encoded
  }

  // MARK: Extended attributes

  mutating func setExtendedAttribute(
    _ inode: InodeNumber, _ attribute: ExtendedAttribute, _ mode: ExtendedAttributeMode, _ caller: Caller
  ) throws(Errno) -> Reply {
    var node = try node(inode)
    try checkName(attribute.name, of: node, forWriting: true)
    guard attribute.value.count <= limits.extendedAttributeBytesMax else { throw Errno(rawValue: 7) }  // E2BIG
    if Self.isListName(attribute.name) {
      try setList(&node, attribute, caller)
    } else {
      let exists = node.extendedAttributes[attribute.name] != nil
      if mode == .create, exists { throw .exists }
      if mode == .replace, !exists { throw .noData }
      node.extendedAttributes[attribute.name] = attribute.value
    }
    node.attributes.changed = clock.now()
    state.nodes[inode] = node
    return .done
  }

  /// An access list shows in the permissions, and is not kept when these say it all. CREATE and REPLACE mean nothing here.
  private func setList(_ node: inout ReferenceNode, _ attribute: ExtendedAttribute, _ caller: Caller) throws(Errno) {
    let list = try AccessControlList.decode(attribute.value)
    if attribute.name == AccessControlList.defaultName, node.attributes.kind != .directory {
      guard list == nil else { throw .accessDenied }
    }
    node.extendedAttributes[attribute.name] = list?.encoded
    guard attribute.name == AccessControlList.accessName, let list else { return }
    var permissions = node.attributes.permissions & ~0o777 | list.permissionBits
    if !caller.isPrivileged, !caller.isMember(of: node.attributes.group) { permissions &= ~0o2000 }
    node.attributes.permissions = permissions
    if list.isEquivalentToPermissions { node.extendedAttributes[attribute.name] = nil }
  }

  func getExtendedAttribute(_ inode: InodeNumber, _ name: [UInt8]) throws(Errno) -> Reply {
    let node = try node(inode)
    try checkName(name, of: node, forWriting: false)
    guard let value = node.extendedAttributes[name] else { throw .noData }
    return .bytes(value)
  }

  func listExtendedAttributes(_ inode: InodeNumber) throws(Errno) -> Reply {
    let names = try node(inode).extendedAttributes.keys.sorted { $0.lexicographicallyPrecedes($1) }
    return .bytes(names.flatMap { $0 + [0] })
  }

  mutating func removeExtendedAttribute(_ inode: InodeNumber, _ name: [UInt8]) throws(Errno) -> Reply {
    var node = try node(inode)
    try checkName(name, of: node, forWriting: true)
    let existed = node.extendedAttributes.removeValue(forKey: name) != nil
    guard existed || Self.isListName(name) else { throw .noData }
    if existed { node.attributes.changed = clock.now() }
    state.nodes[inode] = node
    return .done
  }

  private static func isListName(_ name: [UInt8]) -> Bool {
    name == AccessControlList.accessName || name == AccessControlList.defaultName
  }

  /// The rules of xattr(7) for names.
  private func checkName(_ name: [UInt8], of node: ReferenceNode, forWriting: Bool) throws(Errno) {
    guard !name.isEmpty, name.count <= 255 else { throw .resultTooLarge }
    if Self.isListName(name) {
      guard node.attributes.kind != .symlink else { throw .notSupported }
      return
    }
    if name.starts(with: "user.".utf8), node.attributes.kind != .regular, node.attributes.kind != .directory {
      throw forWriting ? .notPermitted : .noData
    }
    let prefixes = ["user.", "trusted.", "security."]
    guard let prefix = prefixes.first(where: { name.starts(with: $0.utf8) }) else { throw .notSupported }
    guard name.count > prefix.utf8.count else { throw .invalidArgument }
  }
}

extension AttributeRequest.Time {
  fileprivate func timestamp(_ now: Timestamp) -> Timestamp {
    switch self {
    case .now: now
    case .at(let time): time
    }
  }
}
