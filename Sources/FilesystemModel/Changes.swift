/// What a new inode is born with.
package struct NewInode: Hashable, Sendable {
  package var number: InodeNumber
  package var attributes: Attributes
  /// The target of a symbolic link; empty else.
  package var target: [UInt8]
  /// Access control lists inherited at birth.
  package var extendedAttributes: [ExtendedAttribute]

  package init(
    number: InodeNumber, attributes: Attributes, target: [UInt8] = [], extendedAttributes: [ExtendedAttribute] = []
  ) {
    self.number = number
    self.attributes = attributes
    self.target = target
    self.extendedAttributes = extendedAttributes
  }
}

/// The outcome of an operation on names, by inode and never by path, so that replay has absolute meaning:
/// "this name is now that inode", "this name is now free" (PROTOCOL.md R4).
package enum NamespaceChange: Hashable, Sendable {
  /// A new inode at a location; without one it is an `O_TMPFILE` that a later `link` may name.
  case create(NewInode, at: Location?)
  case link(InodeNumber, at: Location)
  /// unlink(2) or rmdir(2).
  case remove(InodeNumber, from: Location)
  case rename(InodeNumber, from: Location, to: Location, replacing: InodeNumber?)
  case exchange(InodeNumber, at: Location, with: InodeNumber, otherAt: Location)
}

/// A change of the bytes or the size of a file.
package enum DataChange: Hashable, Sendable {
  /// `count` bytes were written at `offset`; the bytes follow in the record.
  case write(offset: Int, count: Int)
  /// The size was set: bytes above it are gone, new bytes below it are zeros.
  case resize(Int)
  /// The range reads as zeros now (punch hole, zero range).
  case zero(ByteRange)
}

/// The outcome of an operation on one inode's data, attributes and extended attributes: one record, never half of it.
package struct ContentChange: Hashable, Sendable {
  package var inode: InodeNumber
  package var data: DataChange?
  /// The file's size after the change; meaningless without `data`.
  package var sizeAfter: Int
  package var attributes: AttributeChange
  package var extendedAttributes: [ExtendedAttributeChange]

  package init(
    inode: InodeNumber, data: DataChange? = nil, sizeAfter: Int = 0, attributes: AttributeChange = AttributeChange(),
    extendedAttributes: [ExtendedAttributeChange] = []
  ) {
    self.inode = inode
    self.data = data
    self.sizeAfter = sizeAfter
    self.attributes = attributes
    self.extendedAttributes = extendedAttributes
  }
}

/// What tells one state of a backing file's bytes from another (P5).
package struct BackingVersion: Hashable, Sendable {
  /// Bytes.
  package var size: Int
  package var modified: Timestamp

  package init(size: Int, modified: Timestamp) {
    self.size = size
    self.modified = modified
  }
}

/// Who a backing file is, as far as its filesystem tells: enough to see that two names are one file.
package struct BackingIdentity: Hashable, Sendable {
  /// Whether the file lies on the device of the backing directory itself (device numbers change at every mount).
  package var isOnRootDevice: Bool
  package var inode: UInt64
  package var linkCount: UInt32
  /// The state of the file as this mount last knew it; `nil` when it is not known, or means nothing.
  package var version: BackingVersion?

  package init(isOnRootDevice: Bool, inode: UInt64, linkCount: UInt32, version: BackingVersion? = nil) {
    self.isOnRootDevice = isOnRootDevice
    self.inode = inode
    self.linkCount = linkCount
    self.version = version
  }

  /// Whether both are one file, where inode numbers can be believed.
  package func isSameFile(as other: BackingIdentity) -> Bool {
    inode == other.inode && isOnRootDevice == other.isOnRootDevice
  }
}

/// Where a known inode is in the backing directory: a BIND record, or a row of a checkpoint's table.
package struct Binding: Hashable, Sendable {
  package var inode: InodeNumber
  package var kind: FileKind
  /// All known names in the backing directory; none for an inode that is not there yet.
  package var locations: [Location]
  package var identity: BackingIdentity?

  package init(inode: InodeNumber, kind: FileKind, locations: [Location], identity: BackingIdentity? = nil) {
    self.inode = inode
    self.kind = kind
    self.locations = locations
    self.identity = identity
  }
}
