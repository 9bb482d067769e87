import FilesystemModel

/// A POSIX access control list as `system.posix_acl_access` and `system.posix_acl_default` carry it.
///
/// Source: acl(5), `include/uapi/linux/posix_acl_xattr.h` and `fs/posix_acl.c` of Linux: version 2, little-endian, then
/// entries of tag, permissions and id.
package struct AccessControlList: Hashable, Sendable {
  package enum Tag: UInt16, Sendable {
    case owner = 0x01
    case namedOwner = 0x02
    case group = 0x04
    case namedGroup = 0x08
    case mask = 0x10
    case others = 0x20
  }

  package struct Entry: Hashable, Sendable {
    package var tag: Tag
    /// Three bits: read, write, execute.
    package var permissions: UInt16
    /// A user or group for the named tags, `undefined` else.
    package var identifier: UInt32

    package init(_ tag: Tag, _ permissions: UInt16, identifier: UInt32 = AccessControlList.undefined) {
      self.tag = tag
      self.permissions = permissions
      self.identifier = identifier
    }
  }

  package static let accessName = Array("system.posix_acl_access".utf8)
  package static let defaultName = Array("system.posix_acl_default".utf8)
  package static let undefined = UInt32.max

  package var entries: [Entry]

  package init(_ entries: [Entry]) { self.entries = entries }

  /// The list of an attribute's value; `nil` for one without entries, which removes the list.
  ///
  /// - Throws: `notSupported` for another version, `invalidArgument` for anything that is no list.
  package static func decode(_ value: [UInt8]) throws(Errno) -> AccessControlList? {
    guard value.count >= 4, (value.count - 4) % 8 == 0 else { throw .invalidArgument }
    guard value[0...3].elementsEqual([2, 0, 0, 0]) else { throw .notSupported }
    var entries: [Entry] = []
    for start in stride(from: 4, to: value.count, by: 8) {
      guard let tag = Tag(rawValue: UInt16(value[start]) | UInt16(value[start + 1]) << 8) else { throw .invalidArgument }
      let permissions = UInt16(value[start + 2]) | UInt16(value[start + 3]) << 8
      let identifier = (0..<4).reduce(UInt32(0)) { $0 | UInt32(value[start + 4 + $1]) << (8 * UInt32($1)) }
      let isNamed = tag == .namedOwner || tag == .namedGroup
      guard !isNamed || identifier != undefined else { throw .invalidArgument }
      entries.append(Entry(tag, permissions, identifier: isNamed ? identifier : undefined))
    }
    if entries.isEmpty { return nil }
    let list = AccessControlList(entries)
    guard list.isValid else { throw .invalidArgument }
    return list
  }

  package var encoded: [UInt8] {
    var bytes: [UInt8] = [2, 0, 0, 0]
    for entry in entries {
      for number in [entry.tag.rawValue, entry.permissions] { bytes += [UInt8(number & 0xff), UInt8(number >> 8)] }
      for shift in [0, 8, 16, 24] as [UInt32] { bytes.append(UInt8(entry.identifier >> shift & 0xff)) }
    }
    return bytes
  }

  /// Owner, named owners, group, named groups, mask where there are named ones, others: in this order.
  package var isValid: Bool {
    guard entries.allSatisfy({ $0.permissions <= 7 }) else { return false }
    let tags = entries.map(\.tag.rawValue)
    guard zip(tags, tags.dropFirst()).allSatisfy({ $0 < $1 || $0 == $1 && ($0 == 0x02 || $0 == 0x08) }) else { return false }
    let required: [Tag] = hasNamedEntries ? [.owner, .group, .mask, .others] : [.owner, .group, .others]
    return required.allSatisfy { self[$0] != nil }
  }

  private var hasNamedEntries: Bool { entries.contains { $0.tag == .namedOwner || $0.tag == .namedGroup } }

  /// Whether the nine permission bits say all that the list says.
  package var isEquivalentToPermissions: Bool { !hasNamedEntries && self[.mask] == nil }

  private subscript(tag: Tag) -> UInt16? {
    get { entries.first { $0.tag == tag }?.permissions }
    set {
      guard let index = entries.firstIndex(where: { $0.tag == tag }), let newValue else { return }
      entries[index].permissions = newValue
    }
  }

  /// The entry that the group bits of the permissions show: the mask where there is one.
  private var groupClass: Tag { self[.mask] == nil ? .group : .mask }

  /// The nine permission bits that a file with this access list shows.
  package var permissionBits: UInt16 { self[.owner]! << 6 | self[groupClass]! << 3 | self[.others]! }

  /// The list after chmod(2).
  package func afterChangingPermissions(to permissions: UInt16) -> AccessControlList {
    var list = self
    list[.owner] = permissions >> 6 & 7
    list[groupClass] = permissions >> 3 & 7
    list[.others] = permissions & 7
    return list
  }

  /// What a new object gets from this default list of its parent: its permissions, and its access list unless the
  /// permissions say it all. The umask plays no part.
  package func inherited(permissions: UInt16) -> (permissions: UInt16, access: AccessControlList?) {
    var list = self
    list[.owner]! &= permissions >> 6
    list[groupClass]! &= permissions >> 3
    list[.others]! &= permissions
    let bits = permissions & ~0o777 | list.permissionBits
    return (bits, list.isEquivalentToPermissions ? nil : list)
  }
}
