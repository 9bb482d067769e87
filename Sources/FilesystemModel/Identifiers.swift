/// The number of an inode: the FUSE node id and `st_ino` of the mount. A plain counter, never reused within a journal.
package struct InodeNumber: HashedAsNumber, Comparable, Sendable {
  package let rawValue: UInt64

  package init(_ rawValue: UInt64) { self.rawValue = rawValue }

  /// The root directory of the mount; FUSE fixes its node id.
  package static let root = InodeNumber(1)

  @inlinable package var hashedNumber: UInt64 { rawValue }

  package static func < (left: InodeNumber, right: InodeNumber) -> Bool { left.rawValue < right.rawValue }

  package var next: InodeNumber { InodeNumber(rawValue + 1) }
}

/// Log sequence number: the place of a record in the journal's order. The first record of a journal has 1; `zero` is before it.
package struct LSN: HashedAsNumber, Comparable, Sendable {
  package let rawValue: UInt64

  package init(_ rawValue: UInt64) { self.rawValue = rawValue }

  package static let zero = LSN(0)

  @inlinable package var hashedNumber: UInt64 { rawValue }

  package static func < (left: LSN, right: LSN) -> Bool { left.rawValue < right.rawValue }

  package var next: LSN { LSN(rawValue + 1) }
  package var previous: LSN { LSN(rawValue - 1) }
}

/// A namespace record, or one of the stages in which an exchange is written back (PROTOCOL.md R10).
///
/// Stage 0 is the whole record; an exchange completes stages 1, 2 and then 0.
package struct Stage: HashedAsNumber, Comparable, Sendable {
  package let lsn: LSN
  package let stage: UInt8

  package init(_ lsn: LSN, stage: UInt8 = 0) {
    self.lsn = lsn
    self.stage = stage
  }

  @inlinable package var hashedNumber: UInt64 { lsn.rawValue << 2 | UInt64(stage) }

  /// Orders by record, then in the order of execution: 1, 2, whole.
  package static func < (left: Stage, right: Stage) -> Bool {
    (left.lsn, left.stage == 0 ? 3 : left.stage) < (right.lsn, right.stage == 0 ? 3 : right.stage)
  }
}

/// A value that tables find by one number, hashed in one step: every change searches several tables, and hashed as Swift derives
/// it a recovery takes 8 % longer.
package protocol HashedAsNumber: Hashable {
  /// The same for equal values, and as good as never for others.
  var hashedNumber: UInt64 { get }
}

extension HashedAsNumber {
  @inlinable package func hash(into hasher: inout Hasher) { hasher.combine(hashedNumber) }
  /// What the standard library's tables ask for: public, though its name begins with an underscore.
  @inlinable package func _rawHashValue(seed: Int) -> Int { hashedNumber._rawHashValue(seed: seed) }
}

/// A range of bytes of a file: offsets from its beginning.
package typealias ByteRange = Range<Int>
