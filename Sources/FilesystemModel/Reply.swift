/// The answer to an `Operation` that succeeded.
package enum Reply: Hashable, Sendable {
  case done
  case entry(Entry)
  case attributes(InodeNumber, Attributes)
  case bytes([UInt8])
  case count(Int)
  case offset(Int)
  case listing([DirectoryEntry])
  case statistics(FilesystemStatistics)
}

/// An inode as `lookup` and its like answer it.
package struct Entry: Hashable, Sendable {
  package var inode: InodeNumber
  package var generation: UInt64
  package var attributes: Attributes

  package init(inode: InodeNumber, generation: UInt64, attributes: Attributes) {
    self.inode = inode
    self.generation = generation
    self.attributes = attributes
  }
}

/// One entry of a listing.
package struct DirectoryEntry: Hashable, Sendable {
  /// `.` and `..` included, hence plain bytes.
  package var name: [UInt8]
  package var inode: InodeNumber
  package var kind: FileKind
  /// Stable for the life of the mount, greater than those of all entries before it.
  package var cookie: UInt64
  /// Present in a listing with attributes, absent for `.` and `..`.
  package var entry: Entry?

  package init(name: [UInt8], inode: InodeNumber, kind: FileKind, cookie: UInt64, entry: Entry? = nil) {
    self.name = name
    self.inode = inode
    self.kind = kind
    self.cookie = cookie
    self.entry = entry
  }
}
