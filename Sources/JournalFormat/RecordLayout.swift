import FilesystemModel

/// Where the fields of a record's header are. All integers are little-endian; OnDiskFormat.md draws the picture.
package enum RecordLayout {
  /// u32: CRC32C of all bytes of the record after this field.
  package static let checksumOffset = 0
  /// u32: bytes of the record, header and payload, without padding.
  package static let lengthOffset = 4
  /// u64: the record's LSN.
  package static let lsnOffset = 8
  /// u64: the mount that wrote it.
  package static let epochOffset = 16
  /// u64: the durable LSN known when it was encoded (PROTOCOL.md R19).
  package static let durableOffset = 24
  /// u8: `RecordType`.
  package static let typeOffset = 32
  /// Three zero bytes.
  package static let reservedOffset = 33
  /// u32: `SegmentHeader.tag` of the segment it was written to.
  package static let tagOffset = 36
  /// The payload begins here.
  package static let headerBytes = 40
  /// Records begin at multiples of this many bytes; the bytes between are zeros.
  package static let alignment = 8
  /// The longest record, header included.
  package static let recordBytesMax = 2 << 20

  /// The offset at which the record after one of `length` bytes begins.
  package static func padded(_ length: Int) -> Int { (length + alignment - 1) & ~(alignment - 1) }
}

/// What a record carries besides its contents.
package struct RecordPlacement: Hashable, Sendable {
  package var lsn: LSN
  package var epoch: UInt64
  /// The durable LSN known when the record was encoded; below the record's own.
  package var durable: LSN
  /// `SegmentHeader.tag` of the segment it is in.
  package var tag: UInt32

  package init(lsn: LSN, epoch: UInt64, durable: FilesystemModel.LSN, tag: UInt32) {
    self.lsn = lsn
    self.epoch = epoch
    self.durable = durable
    self.tag = tag
  }
}
