/// One request of the kernel, decoded. `Engine` answers it with a `Reply` or an `Errno`.
///
/// Source: `fuse_lowlevel.h` of libfuse, `fs/fuse` of Linux.
package enum Operation: Sendable {
  /// Find a name. Raises the inode's lookup count when it is found.
  case lookup(parent: InodeNumber, name: EntryName)
  /// Find an inode by number, as `lookup(".")` of a file handle asks (EXPORT_SUPPORT). Raises the lookup count.
  case lookupSelf(InodeNumber)
  /// Find the parent of a directory, as `lookup("..")` asks (EXPORT_SUPPORT). Raises the lookup count.
  case lookupParent(InodeNumber)
  case getAttributes(InodeNumber)
  case setAttributes(InodeNumber, AttributeRequest)
  case readLink(InodeNumber)
  /// mknod, mkdir, symlink, create. Raises the lookup count.
  case make(parent: InodeNumber, name: EntryName, MakeRequest)
  /// open(2) with O_TMPFILE: a regular file without a name. Raises the lookup count.
  case makeTemporary(parent: InodeNumber, MakeRequest)
  case unlink(parent: InodeNumber, name: EntryName)
  case removeDirectory(parent: InodeNumber, name: EntryName)
  case rename(from: Location, to: Location, RenameFlags)
  /// Give an inode a further name. Raises the lookup count.
  case link(InodeNumber, at: Location)
  /// Answers `bytes`, shorter than `count` only at the end of the file.
  case read(InodeNumber, offset: Int, count: Int)
  /// Answers `count`.
  case write(InodeNumber, offset: Int, bytes: [UInt8])
  /// fsync, fdatasync, fsync of a directory: everything acknowledged before is on stable storage when it is answered.
  case synchronize(InodeNumber, dataOnly: Bool)
  case readDirectory(InodeNumber, DirectoryRequest)
  case statistics
  case setExtendedAttribute(InodeNumber, ExtendedAttribute, ExtendedAttributeMode)
  /// Answers `bytes`.
  case getExtendedAttribute(InodeNumber, name: [UInt8])
  /// Answers `bytes`: the names, each ended by NUL.
  case listExtendedAttributes(InodeNumber)
  case removeExtendedAttribute(InodeNumber, name: [UInt8])
  case allocate(InodeNumber, AllocateMode, ByteRange)
  /// Answers `offset`; `noDeviceOrAddress` beyond the end.
  case seek(InodeNumber, offset: Int, SeekTarget)
  /// Answers `count`, which may be less than asked for.
  case copyRange(from: InodeNumber, sourceOffset: Int, to: InodeNumber, targetOffset: Int, count: Int)
}

/// What a `setattr` asks to change; `nil` leaves it.
package struct AttributeRequest: Hashable, Sendable {
  package enum Time: Hashable, Sendable {
    case now
    case at(Timestamp)
  }

  package var permissions: UInt16?
  package var owner: UInt32?
  package var group: UInt32?
  package var size: Int?
  package var accessed: Time?
  package var modified: Time?
  package var changed: Timestamp?
  /// Clear set-user-id, set-group-id (where group execution is allowed) and `security.capability` (KILLPRIV_V2).
  package var clearsSetID: Bool

  package init(
    permissions: UInt16? = nil, owner: UInt32? = nil, group: UInt32? = nil, size: Int? = nil, accessed: Time? = nil,
    modified: Time? = nil, changed: Timestamp? = nil, clearsSetID: Bool = false
  ) {
    self.permissions = permissions
    self.owner = owner
    self.group = group
    self.size = size
    self.accessed = accessed
    self.modified = modified
    self.changed = changed
    self.clearsSetID = clearsSetID
  }
}

/// What a new inode shall be.
package struct MakeRequest: Hashable, Sendable {
  package var kind: FileKind
  /// As the caller gave it: the umask is not yet applied (DONT_MASK).
  package var permissions: UInt16
  package var umask: UInt16
  package var device: UInt64
  /// The target of a symbolic link; empty else.
  package var target: [UInt8]

  package init(kind: FileKind, permissions: UInt16, umask: UInt16 = 0, device: UInt64 = 0, target: [UInt8] = []) {
    self.kind = kind
    self.permissions = permissions
    self.umask = umask
    self.device = device
    self.target = target
  }
}

/// `renameat2(2)` without WHITEOUT.
package enum RenameFlags: Hashable, Sendable {
  case replace
  case noReplace
  case exchange
}

/// `setxattr(2)`.
package enum ExtendedAttributeMode: Hashable, Sendable {
  case set
  case create
  case replace
}

/// `fallocate(2)` as far as it is supported.
package enum AllocateMode: Hashable, Sendable {
  case extend
  case keepSize
  case punchHole
  case zeroRange
  case zeroRangeKeepSize
}

package enum SeekTarget: Hashable, Sendable {
  case data
  case hole
}

/// A part of a directory's listing.
package struct DirectoryRequest: Hashable, Sendable {
  /// Entries with a greater cookie are wanted; 0 begins with `.` (cookie 1) and `..` (cookie 2).
  package var after: UInt64
  /// Entries are given while their names and `bytesPerEntry` each, rounded up to 8 bytes, fit in this.
  package var bytesMax: Int
  package var bytesPerEntry: Int
  /// readdirplus: attributes of each entry but `.` and `..`, whose lookup counts are raised.
  package var withAttributes: Bool

  package init(after: UInt64, bytesMax: Int, bytesPerEntry: Int, withAttributes: Bool) {
    self.after = after
    self.bytesMax = bytesMax
    self.bytesPerEntry = bytesPerEntry
    self.withAttributes = withAttributes
  }
}

/// Who makes a request.
package struct Caller: Hashable, Sendable {
  package var owner: UInt32
  package var group: UInt32
  package var process: UInt32
  /// Supplementary groups; only looked up for the operations that need them (chmod, clearing set-id bits, setting an access ACL).
  package var groups: [UInt32]
  /// The request's `unique`, kept in the journal for resent requests (DESIGN.md section 10).
  package var request: UInt64

  package init(owner: UInt32, group: UInt32, process: UInt32 = 0, groups: [UInt32] = [], request: UInt64 = 0) {
    self.owner = owner
    self.group = group
    self.process = process
    self.groups = groups
    self.request = request
  }
}
