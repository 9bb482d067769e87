import FilesystemModel

/// A POSIX access control list, as the extended attributes `system.posix_acl_access` and `system.posix_acl_default` hold it.
///
/// The kernel checks lists; inheriting them and keeping them in step with the permission bits is ours. Source: `acl(5)`,
/// `include/uapi/linux/posix_acl_xattr.h`.
struct AccessControlList: Equatable {
  enum Tag: UInt16 {
    case owner = 0x01
    case namedUser = 0x02
    case owningGroup = 0x04
    case namedGroup = 0x08
    case mask = 0x10
    case other = 0x20
  }

  struct Entry: Equatable {
    var tag: Tag
    /// Read 4, write 2, execute 1.
    var permissions: UInt16
    var identifier: UInt32
  }

  static let accessName = Array("system.posix_acl_access".utf8)
  static let defaultName = Array("system.posix_acl_default".utf8)
  private static let version: UInt32 = 2
  private static let headerBytes = 4
  private static let entryBytes = 8

  var entries: [Entry]

  /// The list in an extended attribute's value; `nil` when it is malformed or lacks one of the three basic entries.
  init?(decoding bytes: [UInt8]) {
    guard bytes.count >= Self.headerBytes, (bytes.count - Self.headerBytes) % Self.entryBytes == 0,
      Self.load(bytes, 0, 4) == Self.version
    else { return nil }
    entries = []
    for start in stride(from: Self.headerBytes, to: bytes.count, by: Self.entryBytes) {
      guard let tag = Tag(rawValue: UInt16(Self.load(bytes, start, 2))) else { return nil }
      let permissions = UInt16(Self.load(bytes, start + 2, 2))
      guard permissions <= 7 else { return nil }
      entries.append(Entry(tag: tag, permissions: permissions, identifier: Self.load(bytes, start + 4, 4)))
    }
    for tag in [Tag.owner, .owningGroup, .other] where entries.count(where: { $0.tag == tag }) != 1 { return nil }
    let hasNamed = entries.contains { $0.tag == .namedUser || $0.tag == .namedGroup }
    let masks = entries.count { $0.tag == .mask }
    guard masks <= 1, masks == 1 || !hasNamed else { return nil }
  }

  var encoded: [UInt8] {
    var bytes: [UInt8] = []
    Self.store(Self.version, 4, &bytes)
    for entry in entries {
      Self.store(UInt32(entry.tag.rawValue), 2, &bytes)
      Self.store(UInt32(entry.permissions), 2, &bytes)
      Self.store(entry.identifier, 4, &bytes)
    }
    return bytes
  }

  /// Whether the nine permission bits say the same.
  var isEquivalentToPermissions: Bool { entries.count == 3 }

  /// The nine permission bits that show this list: the group's are the mask's where there is one.
  var permissionBits: UInt16 {
    permissions(.owner) << 6 | permissions(hasMask ? .mask : .owningGroup) << 3 | permissions(.other)
  }

  /// What chmod(2) makes of the list: the bits of the group go to the mask where there is one.
  mutating func setPermissionBits(_ bits: UInt16) {
    set(.owner, bits >> 6 & 7)
    set(hasMask ? .mask : .owningGroup, bits >> 3 & 7)
    set(.other, bits & 7)
  }

  /// The access list of a new file below a directory with this default list, made with `permissions` (no umask applies).
  func inherited(permissions bits: UInt16) -> AccessControlList {
    var list = self
    list.setPermissionBits(permissionBits & bits & 0o777)
    return list
  }

  private var hasMask: Bool { entries.contains { $0.tag == .mask } }

  private func permissions(_ tag: Tag) -> UInt16 { entries.first { $0.tag == tag }?.permissions ?? 0 }

  private mutating func set(_ tag: Tag, _ permissions: UInt16) {
    guard let index = entries.firstIndex(where: { $0.tag == tag }) else { return }
    entries[index].permissions = permissions
  }

  private static func load(_ bytes: [UInt8], _ start: Int, _ count: Int) -> UInt32 {
    (0..<count).reduce(0) { $0 | UInt32(bytes[start + $1]) << (8 * UInt32($1)) }
  }

  private static func store(_ value: UInt32, _ count: Int, _ bytes: inout [UInt8]) {
    for index in 0..<count { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * UInt32(index)))) }
  }
}
