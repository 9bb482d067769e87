import FilesystemModel
import Inodes

/// getattr, setattr, readlink and extended attributes.
extension EngineState {
  func getAttributes(_ number: InodeNumber, _ request: Request) throws(Interruption) -> Outcome {
    let inode = try inode(number)
    return .reply(.attributes(number, try attributes(inode, request)), after: inode.lastChange)
  }

  func readLink(_ number: InodeNumber, _ request: Request) throws(Interruption) -> Outcome {
    let inode = try inode(number)
    guard inode.kind == .symlink else { throw .failure(.invalidArgument) }
    _ = try attributes(inode, request)
    return .reply(.bytes(inode.target), after: inode.lastChange)
  }

  mutating func setAttributes(
    _ number: InodeNumber, _ wanted: AttributeRequest, _ request: Request
  ) throws(Interruption) -> Outcome {
    let inode = try inode(number)
    let before = try attributes(inode, request)
    if let size = wanted.size { try checkResize(inode, to: size) }
    guard wanted.permissions == nil || inode.kind != .symlink else { throw .failure(.notSupported) }
    if !abilities.isPrivileged, wanted.owner.map({ $0 != before.owner }) ?? false { throw .failure(.notPermitted) }
    var change = ContentChange(inode: number)
    let now = clock.now()
    change.attributes = AttributeChange(
      permissions: wanted.permissions, owner: wanted.owner, group: wanted.group, accessed: wanted.accessed?.value(now),
      modified: wanted.modified?.value(now), changed: wanted.changed ?? now)
    if let size = wanted.size {
      change.data = .resize(size)
      change.sizeAfter = size
      change.attributes.modified = change.attributes.modified ?? now
    }
    if wanted.clearsSetID { clearSetID(inode, before, &change, request.caller) }
    if let permissions = wanted.permissions { keepListInStep(inode, permissions, &change) }
    try admitChange()
    let lsn = commit(change, at: now, request: request.caller.request)
    return .reply(.attributes(number, try attributes(inode, request)), after: lsn)
  }

  private func checkResize(_ inode: Inode, to size: Int) throws(Interruption) {
    guard try regular(inode.number).kind == .regular, size >= 0 else { throw .failure(.invalidArgument) }
    guard size <= abilities.fileBytesMax else { throw .failure(.fileTooLarge) }
  }

  /// A write, a truncation or a new owner takes the file's privileges away (KILLPRIV_V2); a new owner also those of a special
  /// file.
  ///
  /// Without group execution the set-group-id bit goes only when a stranger to the group does it, as the kernel has it since 6.2
  /// (`setattr_should_drop_sgid`).
  private func clearSetID(_ inode: Inode, _ before: Attributes, _ change: inout ContentChange, _ caller: Caller) {
    var permissions = change.attributes.permissions ?? before.permissions
    if inode.kind != .directory {
      permissions &= ~0o4000
      if permissions & 0o010 != 0 || Self.isStranger(caller, to: before.group) { permissions &= ~0o2000 }
    }
    if permissions != before.permissions { change.attributes.permissions = permissions }
    let capability = Array("security.capability".utf8)
    if inode.extendedAttributes[capability] != nil {
      change.extendedAttributes.append(ExtendedAttributeChange(name: capability, value: nil))
    }
  }

  /// Whether an ordinary user is in none of a group's places.
  private static func isStranger(_ caller: Caller, to group: UInt32) -> Bool {
    caller.owner != 0 && caller.group != group && !caller.groups.contains(group)
  }

  /// chmod(2) changes the access list with the permissions.
  private func keepListInStep(_ inode: Inode, _ permissions: UInt16, _ change: inout ContentChange) {
    guard let value = inode.extendedAttributes[AccessControlList.accessName], var list = AccessControlList(decoding: value)
    else { return }
    list.setPermissionBits(permissions)
    change.extendedAttributes.append(ExtendedAttributeChange(name: AccessControlList.accessName, value: list.encoded))
  }
}

// MARK: - Extended attributes

extension EngineState {
  /// XATTR_SIZE_MAX of Linux (`limits.h`).
  private static let valueBytesMax = 65_536

  func getExtendedAttribute(_ number: InodeNumber, _ name: [UInt8], _ request: Request) throws(Interruption) -> Outcome {
    let inode = try inode(number)
    try checkAttributeName(name, of: inode, isForWriting: false)
    _ = try attributes(inode, request)
    if let value = inode.extendedAttributes[name] { return .reply(.bytes(value), after: inode.lastChange) }
    guard inode.unreadableAttributes.contains(name) else { throw .failure(.noData) }
    return try askForAttribute(inode, name)
  }

  /// What could not be read when the inode was loaded may be readable now.
  private func askForAttribute(_ inode: Inode, _ name: [UInt8]) throws(Interruption) -> Outcome {
    if isMoving(inode) { throw .needsPlanEnd }
    guard let path = path(of: inode) else { throw .failure(.accessDenied) }
    return .ask(
      Question(inode: inode.number, after: inode.lastChange) { (backing) throws(Errno) in
        let details = try backing.details(path)
        if let found = details.extendedAttributes.first(where: { $0.name == name }) { return .bytes(found.value) }
        throw details.unreadableAttributes.contains(name) ? .accessDenied : .noData
      })
  }

  func listExtendedAttributes(_ number: InodeNumber, _ request: Request) throws(Interruption) -> Outcome {
    let inode = try inode(number)
    _ = try attributes(inode, request)
    // As on ext4: ordinary users do not see that these are there.
    let names = inode.unreadableAttributes.union(inode.extendedAttributes.keys).filter {
      request.caller.owner == 0 || !$0.starts(with: "trusted.".utf8)
    }
    .sorted { $0.lexicographicallyPrecedes($1) }
    return .reply(.bytes(names.flatMap { $0 + [0] }), after: inode.lastChange)
  }

  mutating func setExtendedAttribute(
    _ number: InodeNumber, _ attribute: ExtendedAttribute, _ mode: ExtendedAttributeMode, _ request: Request
  ) throws(Interruption) -> Outcome {
    let inode = try inode(number)
    try checkAttributeName(attribute.name, of: inode, isForWriting: true)
    let before = try attributes(inode, request)
    guard abilities.supportsExtendedAttributes else { throw .failure(.notSupported) }
    guard attribute.value.count <= Self.valueBytesMax else { throw .failure(.argumentListTooLong) }
    let exists = inode.hasAttribute(attribute.name)
    try checkPolicyAttribute(attribute)
    // CREATE and REPLACE mean nothing for access control lists.
    let isList = Self.isListName(attribute.name)
    guard isList || mode != .create || !exists else { throw .failure(.exists) }
    guard isList || mode != .replace || exists else { throw .failure(.noData) }
    var change = ContentChange(inode: number, attributes: AttributeChange(changed: clock.now()))
    if attribute.name == AccessControlList.accessName {
      try setAccessList(attribute.value, before, &change, request)
    } else if attribute.name == AccessControlList.defaultName {
      try setDefaultList(attribute.value, inode, &change)
    } else {
      change.extendedAttributes = [ExtendedAttributeChange(name: attribute.name, value: attribute.value)]
    }
    try checkFits(change.extendedAttributes, inode)
    try admitChange(bytes: attribute.value.count + attribute.name.count)
    return .reply(.done, after: commit(change, at: clock.now(), request: request.caller.request))
  }

  mutating func removeExtendedAttribute(_ number: InodeNumber, _ name: [UInt8], _ request: Request) throws(Interruption)
    -> Outcome
  {
    let inode = try inode(number)
    try checkAttributeName(name, of: inode, isForWriting: true)
    _ = try attributes(inode, request)
    guard inode.hasAttribute(name) else {
      // Removing an access control list that is not there succeeds, as on ext4.
      guard Self.isListName(name) else { throw .failure(.noData) }
      return .reply(.done, after: inode.lastChange)
    }
    let now = clock.now()
    let change = ContentChange(
      inode: number, attributes: AttributeChange(changed: now),
      extendedAttributes: [ExtendedAttributeChange(name: name, value: nil)])
    try admitChange()
    return .reply(.done, after: commit(change, at: now, request: request.caller.request))
  }

  /// Refuses what the backing directory would refuse. Fewer bytes than before always fit.
  private func checkFits(_ changes: [ExtendedAttributeChange], _ inode: Inode) throws(Interruption) {
    var taken = inode.extendedAttributes.reduce(0) { $0 + ExtendedAttribute.bytesTaken(name: $1.key, value: $1.value) }
    let before = taken
    for change in changes {
      guard change.value?.count ?? 0 <= abilities.extendedAttributeBytesMax else { throw .failure(.noSpace) }
      let old = inode.extendedAttributes[change.name].map { ExtendedAttribute.bytesTaken(name: change.name, value: $0) }
      let new = change.value.map { ExtendedAttribute.bytesTaken(name: change.name, value: $0) }
      taken += (new ?? 0) - (old ?? 0)
    }
    guard taken <= max(before, abilities.allExtendedAttributesBytesMax ?? .max) else { throw .failure(.noSpace) }
  }

  private static func isListName(_ name: [UInt8]) -> Bool {
    name == AccessControlList.accessName || name == AccessControlList.defaultName
  }

  /// The rules of xattr(7) for names.
  private func checkAttributeName(_ name: [UInt8], of inode: Inode, isForWriting: Bool) throws(Interruption) {
    guard !name.isEmpty, name.count <= 255 else { throw .failure(.resultTooLarge) }
    if Self.isListName(name) {
      guard inode.kind != .symlink else { throw .failure(.notSupported) }
      return
    }
    if name.starts(with: "user.".utf8), inode.kind != .regular, inode.kind != .directory {
      throw .failure(isForWriting ? .notPermitted : .noData)
    }
    guard let prefix = ["user.", "trusted.", "security."].first(where: { name.starts(with: $0.utf8) }) else {
      throw .failure(.notSupported)
    }
    guard name.count > prefix.utf8.count else { throw .failure(.invalidArgument) }
  }

  /// The access list and the permission bits are one thing: a list that says no more than the bits is not kept.
  private func setAccessList(
    _ value: [UInt8], _ before: Attributes, _ change: inout ContentChange, _ request: Request
  ) throws(Interruption) {
    if value.isEmpty || value.count == 4 {
      change.extendedAttributes = [ExtendedAttributeChange(name: AccessControlList.accessName, value: nil)]
      return
    }
    guard let list = AccessControlList(decoding: value) else { throw .failure(.invalidArgument) }
    var permissions = before.permissions & ~0o777 | list.permissionBits
    if Self.isStranger(request.caller, to: before.group) { permissions &= ~0o2000 }
    change.attributes.permissions = permissions
    change.extendedAttributes = [
      ExtendedAttributeChange(name: AccessControlList.accessName, value: list.isEquivalentToPermissions ? nil : value)
    ]
  }

  private func setDefaultList(_ value: [UInt8], _ inode: Inode, _ change: inout ContentChange) throws(Interruption) {
    if value.isEmpty || value.count == 4 {
      change.extendedAttributes = [ExtendedAttributeChange(name: AccessControlList.defaultName, value: nil)]
      return
    }
    guard AccessControlList(decoding: value) != nil else { throw .failure(.invalidArgument) }
    guard inode.kind == .directory else { throw .failure(.accessDenied) }
    change.extendedAttributes = [ExtendedAttributeChange(name: AccessControlList.defaultName, value: value)]
  }
}

extension AttributeRequest.Time {
  func value(_ now: Timestamp) -> Timestamp {
    switch self {
    case .now: now
    case .at(let time): time
    }
  }
}

extension Inode {
  fileprivate func hasAttribute(_ name: [UInt8]) -> Bool {
    extendedAttributes[name] != nil || unreadableAttributes.contains(name)
  }

  /// Shows a change of an extended attribute.
  func take(_ change: ExtendedAttributeChange) {
    extendedAttributes[change.name] = change.value
    unreadableAttributes.remove(change.name)
  }
}
