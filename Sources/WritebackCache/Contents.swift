import FilesystemModel

/// Where to get some bytes of a file, in the order of the file.
package enum ReadPiece: Hashable, Sendable {
  case bytes([UInt8])
  /// `count` bytes are in the journal from the position on.
  case journal(JournalPosition, count: Int)
  /// As many zeros.
  case zeros(Int)
  /// What the backing file has in this range; zeros beyond its end.
  case backing(ByteRange)

  package var count: Int {
    switch self {
    case .bytes(let bytes): bytes.count
    case .journal(_, let count): count
    case .zeros(let count): count
    case .backing(let range): range.count
    }
  }
}

/// What kind of contents a part of a file has, without its bytes.
package struct ContentsPart: Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    /// Written and not yet written back.
    case dirty
    /// Zeros without data: punched, cut off or never written.
    case zeros
    /// What the backing file has there: data, a hole, or nothing.
    case backing
  }

  package var range: ByteRange
  package var kind: Kind

  package init(range: ByteRange, kind: Kind) {
    self.range = range
    self.kind = kind
  }
}

/// What a write-back writes to one inode: the sealed layer. Its order is that of R18: resize to `smallestSize`, zero `zeroed`,
/// write `extents`, resize to `sizeAfter`, then extended attributes and attributes.
package struct SealedContents: Hashable, Sendable {
  package var inode: InodeNumber
  /// The smallest size the file was cut to; `nil` when it was not.
  package var smallestSize: Int?
  /// The size at the end; `nil` without a change of data.
  package var sizeAfter: Int?
  /// Sorted, disjoint; extents that lie in them win.
  package var zeroed: [ByteRange]
  /// Sorted, disjoint; `readSealed` gives their bytes.
  package var extents: [ByteRange]
  package var attributes: AttributeChange
  /// One change per name, sorted by name.
  package var extendedAttributes: [ExtendedAttributeChange]
  package var firstLSN: LSN
  /// Written back, the inode's data and attribute records are complete through this one (R17).
  package var through: LSN
}
