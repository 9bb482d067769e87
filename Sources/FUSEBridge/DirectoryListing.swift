import CFUSE
import FilesystemModel
import Glibc

// SAFETY: the bytes of a local structure without padding are copied while it lives.

/// Directory entries as the kernel reads them (`struct fuse_dirent`, `struct fuse_direntplus`).
struct DirectoryListing {
  /// Bytes of a record before its name, and before the name of one with attributes: `FUSE_NAME_OFFSET`,
  /// `FUSE_NAME_OFFSET_DIRENTPLUS`.
  static let bytesBeforeName = MemoryLayout<DirentHeader>.size
  static let bytesBeforeNameWithAttributes = MemoryLayout<fuse_entry_out>.size + MemoryLayout<DirentHeader>.size

  private(set) var bytes = [UInt8]()
  /// Inodes whose lookup counts the handler raised: for entries the kernel gets here, and for entries that did not fit.
  private(set) var included = [InodeNumber]()
  private(set) var omitted = [InodeNumber]()

  init(_ entries: [DirectoryEntry], for asked: DirectoryRequest, timeouts: FUSESession.Timeouts) {
    let header = asked.withAttributes ? Self.bytesBeforeNameWithAttributes : Self.bytesBeforeName
    bytes.reserveCapacity(asked.bytesMax)
    var isFull = false
    for entry in entries {
      let size = (header + entry.name.count + 7) & ~7
      isFull = isFull || bytes.count + size > asked.bytesMax
      if let found = entry.entry {
        if isFull { omitted.append(found.inode) } else { included.append(found.inode) }
      }
      guard !isFull else { continue }
      if asked.withAttributes { append(entry.entry, timeouts) }
      append(
        DirentHeader(
          inode: entry.inode.rawValue, cookie: entry.cookie, nameBytes: UInt32(entry.name.count), type: entry.kind.modeBits >> 12)
      )
      bytes += entry.name
      bytes += repeatElement(0, count: -bytes.count & 7)
    }
  }

  /// A node id of 0 tells the kernel that nothing was looked up.
  private mutating func append(_ entry: Entry?, _ timeouts: FUSESession.Timeouts) {
    append(entry.map { entryOut($0, timeouts: timeouts) } ?? fuse_entry_out())
  }

  private mutating func append<Record: BitwiseCopyable>(_ record: Record) {
    unsafe withUnsafeBytes(of: record) { unsafe bytes.append(contentsOf: $0) }
  }
}

/// `struct fuse_dirent` without the name that follows it.
private struct DirentHeader: BitwiseCopyable {
  var inode: UInt64
  var cookie: UInt64
  var nameBytes: UInt32
  /// `DT_REG` and the like: the type bits of the mode.
  var type: UInt32
}

/// A time to live as the protocol has it.
func split(_ seconds: Double) -> (seconds: UInt64, nanoseconds: UInt32) {
  let whole = max(0, seconds.rounded(.down))
  return (UInt64(min(whole, 1e15)), UInt32((max(0, seconds) - whole) * 1e9))
}

/// An entry as the protocol has it.
func entryOut(_ entry: Entry, timeouts: FUSESession.Timeouts) -> fuse_entry_out {
  let names = split(timeouts.entry)
  let attributes = split(timeouts.attributes)
  var out = fuse_entry_out()
  out.nodeid = entry.inode.rawValue
  out.generation = entry.generation
  out.entry_valid = names.seconds
  out.entry_valid_nsec = names.nanoseconds
  out.attr_valid = attributes.seconds
  out.attr_valid_nsec = attributes.nanoseconds
  out.attr = attributesOut(entry.inode, entry.attributes)
  return out
}

private func attributesOut(_ inode: InodeNumber, _ attributes: Attributes) -> fuse_attr {
  var out = fuse_attr()
  out.ino = inode.rawValue
  out.size = UInt64(attributes.size)
  out.blocks = UInt64(attributes.blocks512)
  out.atime = UInt64(bitPattern: attributes.accessed.seconds)
  out.mtime = UInt64(bitPattern: attributes.modified.seconds)
  out.ctime = UInt64(bitPattern: attributes.changed.seconds)
  out.atimensec = attributes.accessed.nanoseconds
  out.mtimensec = attributes.modified.nanoseconds
  out.ctimensec = attributes.changed.nanoseconds
  out.mode = attributes.kind.modeBits | mode_t(attributes.permissions)
  out.nlink = attributes.linkCount
  out.uid = attributes.owner
  out.gid = attributes.group
  out.rdev = UInt32(truncatingIfNeeded: attributes.device)
  out.blksize = UInt32(preferredBlockBytes)
  return out
}
