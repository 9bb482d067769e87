/// A point of time since 1970-01-01 UTC, as `struct timespec` has it. `nanoseconds` is 0 ..< 1,000,000,000.
package struct Timestamp: Hashable, Comparable, Sendable {
  package var seconds: Int64
  package var nanoseconds: UInt32

  package init(seconds: Int64, nanoseconds: UInt32 = 0) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  package static func < (left: Timestamp, right: Timestamp) -> Bool {
    (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
  }
}

/// The type of a file. Raw values are written to the journal.
package enum FileKind: UInt8, Hashable, Sendable, CaseIterable {
  case regular = 1
  case directory = 2
  case symlink = 3
  case fifo = 4
  case socket = 5
  case characterDevice = 6
  case blockDevice = 7
}

/// What `stat(2)` tells of a file.
package struct Attributes: Hashable, Sendable {
  package var kind: FileKind
  /// The twelve lowest bits of `st_mode`: set-id bits, sticky bit and permissions.
  package var permissions: UInt16
  package var owner: UInt32
  package var group: UInt32
  /// Bytes.
  package var size: Int
  package var linkCount: UInt32
  /// `st_rdev` of a device file, as the kernel encodes it; 0 else.
  package var device: UInt64
  /// Space taken, in units of 512 bytes.
  package var blocks512: Int
  package var accessed: Timestamp
  package var modified: Timestamp
  package var changed: Timestamp
  /// Birth time; `nil` where the backing directory does not tell.
  package var born: Timestamp?

  package init(
    kind: FileKind, permissions: UInt16, owner: UInt32, group: UInt32, size: Int = 0, linkCount: UInt32 = 1,
    device: UInt64 = 0, blocks512: Int = 0, accessed: Timestamp, modified: Timestamp, changed: Timestamp,
    born: Timestamp? = nil
  ) {
    self.kind = kind
    self.permissions = permissions
    self.owner = owner
    self.group = group
    self.size = size
    self.linkCount = linkCount
    self.device = device
    self.blocks512 = blocks512
    self.accessed = accessed
    self.modified = modified
    self.changed = changed
    self.born = born
  }
}

/// New absolute values for some attributes; `nil` leaves the attribute as it is.
package struct AttributeChange: Hashable, Sendable {
  package var permissions: UInt16?
  package var owner: UInt32?
  package var group: UInt32?
  package var accessed: Timestamp?
  package var modified: Timestamp?
  /// Kept in memory and in the journal; a backing directory cannot be told.
  package var changed: Timestamp?

  package init(
    permissions: UInt16? = nil, owner: UInt32? = nil, group: UInt32? = nil, accessed: Timestamp? = nil,
    modified: Timestamp? = nil, changed: Timestamp? = nil
  ) {
    self.permissions = permissions
    self.owner = owner
    self.group = group
    self.accessed = accessed
    self.modified = modified
    self.changed = changed
  }

  package var isEmpty: Bool { self == AttributeChange() }

  /// Adds a later change on top of this one.
  package mutating func merge(_ later: AttributeChange) {
    permissions = later.permissions ?? permissions
    owner = later.owner ?? owner
    group = later.group ?? group
    accessed = later.accessed ?? accessed
    modified = later.modified ?? modified
    changed = later.changed ?? changed
  }

  package func apply(to attributes: inout Attributes) {
    if let permissions { attributes.permissions = permissions }
    if let owner { attributes.owner = owner }
    if let group { attributes.group = group }
    if let accessed { attributes.accessed = accessed }
    if let modified { attributes.modified = modified }
    if let changed { attributes.changed = changed }
  }
}

/// An extended attribute's name (`user.comment`), 1 to 255 bytes without NUL, and its value.
package struct ExtendedAttribute: Hashable, Sendable {
  package var name: [UInt8]
  package var value: [UInt8]

  package init(name: [UInt8], value: [UInt8]) {
    self.name = name
    self.value = value
  }
}

extension ExtendedAttribute {
  /// No less than what filesystems take that keep all attributes of a file in one block: an entry, then name and value in units
  /// of four bytes (ext4, `fs/ext4/xattr.h`).
  package static func bytesTaken(name: [UInt8], value: [UInt8]) -> Int {
    16 + (name.count + 3) / 4 * 4 + (value.count + 3) / 4 * 4
  }
}

/// A new value of an extended attribute, or its removal.
package struct ExtendedAttributeChange: Hashable, Sendable {
  package var name: [UInt8]
  /// `nil` removes the attribute.
  package var value: [UInt8]?

  package init(name: [UInt8], value: [UInt8]?) {
    self.name = name
    self.value = value
  }
}

/// What `statvfs(3)` tells of a filesystem. Counts of blocks are in units of `fragmentBytes`.
package struct FilesystemStatistics: Hashable, Sendable {
  package var blockBytes: Int
  package var fragmentBytes: Int
  package var blocks: UInt64
  package var blocksFree: UInt64
  package var blocksAvailable: UInt64
  package var files: UInt64
  package var filesFree: UInt64
  package var nameBytesMax: Int

  package init(
    blockBytes: Int, fragmentBytes: Int, blocks: UInt64, blocksFree: UInt64, blocksAvailable: UInt64, files: UInt64,
    filesFree: UInt64, nameBytesMax: Int
  ) {
    self.blockBytes = blockBytes
    self.fragmentBytes = fragmentBytes
    self.blocks = blocks
    self.blocksFree = blocksFree
    self.blocksAvailable = blocksAvailable
    self.files = files
    self.filesFree = filesFree
    self.nameBytesMax = nameBytesMax
  }
}
