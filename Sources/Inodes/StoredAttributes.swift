import FilesystemModel

/// `Attributes` as an inode keeps them: 79 bytes instead of 129. The device number, which few files have, is kept elsewhere.
struct StoredAttributes {
  private let size: Int
  private let blocks512: Int
  private let accessedSeconds: Int64
  private let modifiedSeconds: Int64
  private let changedSeconds: Int64
  private let bornSeconds: Int64
  private let accessedNanoseconds: UInt32
  private let modifiedNanoseconds: UInt32
  private let changedNanoseconds: UInt32
  /// `unknown` when there is no birth time.
  private let bornNanoseconds: UInt32
  private let owner: UInt32
  private let group: UInt32
  private let linkCount: UInt32
  private let permissions: UInt16
  /// `nil`: there are no attributes here.
  private let kind: FileKind?

  private static let unknown = UInt32.max

  init(_ attributes: Attributes) {
    size = attributes.size
    blocks512 = attributes.blocks512
    accessedSeconds = attributes.accessed.seconds
    modifiedSeconds = attributes.modified.seconds
    changedSeconds = attributes.changed.seconds
    bornSeconds = attributes.born?.seconds ?? 0
    accessedNanoseconds = attributes.accessed.nanoseconds
    modifiedNanoseconds = attributes.modified.nanoseconds
    changedNanoseconds = attributes.changed.nanoseconds
    bornNanoseconds = attributes.born?.nanoseconds ?? Self.unknown
    owner = attributes.owner
    group = attributes.group
    linkCount = attributes.linkCount
    permissions = attributes.permissions
    kind = attributes.kind
  }

  /// Without attributes.
  init() {
    (size, blocks512, accessedSeconds, modifiedSeconds, changedSeconds, bornSeconds) = (0, 0, 0, 0, 0, 0)
    (accessedNanoseconds, modifiedNanoseconds, changedNanoseconds, bornNanoseconds) = (0, 0, 0, 0)
    (owner, group, linkCount, permissions, kind) = (0, 0, 0, 0, nil)
  }

  var isPresent: Bool { kind != nil }

  func attributes(device: UInt64) -> Attributes? {
    guard let kind else { return nil }
    return Attributes(
      kind: kind, permissions: permissions, owner: owner, group: group, size: size, linkCount: linkCount, device: device,
      blocks512: blocks512, accessed: Timestamp(seconds: accessedSeconds, nanoseconds: accessedNanoseconds),
      modified: Timestamp(seconds: modifiedSeconds, nanoseconds: modifiedNanoseconds),
      changed: Timestamp(seconds: changedSeconds, nanoseconds: changedNanoseconds),
      born: bornNanoseconds == Self.unknown ? nil : Timestamp(seconds: bornSeconds, nanoseconds: bornNanoseconds))
  }
}

/// `BackingIdentity` as an inode keeps it: 34 bytes instead of 41.
struct StoredIdentity {
  private let inode: UInt64
  private let size: Int
  private let modifiedSeconds: Int64
  private let modifiedNanoseconds: UInt32
  private let linkCount: UInt32
  private let traits: Traits

  private struct Traits: OptionSet {
    let rawValue: UInt8
    static let isPresent = Traits(rawValue: 1)
    static let isOnRootDevice = Traits(rawValue: 2)
    static let hasVersion = Traits(rawValue: 4)
  }

  init(_ identity: BackingIdentity?) {
    inode = identity?.inode ?? 0
    size = identity?.version?.size ?? 0
    modifiedSeconds = identity?.version?.modified.seconds ?? 0
    modifiedNanoseconds = identity?.version?.modified.nanoseconds ?? 0
    linkCount = identity?.linkCount ?? 0
    var traits: Traits = identity == nil ? [] : .isPresent
    if identity?.isOnRootDevice == true { traits.insert(.isOnRootDevice) }
    if identity?.version != nil { traits.insert(.hasVersion) }
    self.traits = traits
  }

  var identity: BackingIdentity? {
    guard traits.contains(.isPresent) else { return nil }
    let modified = Timestamp(seconds: modifiedSeconds, nanoseconds: modifiedNanoseconds)
    return BackingIdentity(
      isOnRootDevice: traits.contains(.isOnRootDevice), inode: inode, linkCount: linkCount,
      version: traits.contains(.hasVersion) ? BackingVersion(size: size, modified: modified) : nil)
  }

  /// The file's link count in the backing directory; 0 when that is not known.
  var knownLinkCount: Int { Int(linkCount) }
}
