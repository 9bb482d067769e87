import FilesystemModel

/// The first 4096 bytes of a segment: which journal, which place in it, which backing directory.
package struct SegmentHeader: Hashable, Sendable {
  /// `EBBFSJNL`.
  static let magic: [UInt8] = Array("EBBFSJNL".utf8)
  package static let bytes = 4096
  package static let uuidBytes = 16
  /// UTF-8 bytes of a backing description.
  package static let descriptionBytesMax = SegmentHeader.bytes - Offset.description - 4

  private enum Offset {
    static let magic = 0
    static let version = 8
    static let flags = 12
    static let uuid = 16
    static let epoch = 32
    static let number = 40
    static let firstLSN = 48
    static let durable = 56
    static let descriptionCount = 64
    /// Zero in version 1; in newer ones the release that is needed.
    static let release = 68
    static let description = 72
    static let checksum = 4092
  }

  private static let recycledFlag: UInt32 = 1

  /// Of the format. Magic, version, needed release and checksum stay where they are in every later one.
  package var version: UInt32
  /// 16 random bytes that tell this journal from all others.
  package var journalUUID: [UInt8]
  /// Counts the mounts of the journal; 1 is the first.
  package var epoch: UInt64
  package var number: UInt64
  /// The LSN of the segment's first record.
  package var firstLSN: LSN
  /// The durable LSN known when the header was written.
  package var durable: LSN
  /// Whether the file was used before, so that bytes after the last record may be others than zeros.
  package var isRecycled: Bool
  /// What tells the backing directory from others, for people too: filesystem type, mount source, path.
  package var backingDescription: String

  package init(
    version: UInt32 = FormatVersion.newest, journalUUID: [UInt8], epoch: UInt64, number: UInt64, firstLSN: LSN, durable: LSN,
    isRecycled: Bool, backingDescription: String
  ) {
    precondition(journalUUID.count == Self.uuidBytes && backingDescription.utf8.count <= Self.descriptionBytesMax)
    self.version = version
    self.journalUUID = journalUUID
    self.epoch = epoch
    self.number = number
    self.firstLSN = firstLSN
    self.durable = durable
    self.isRecycled = isRecycled
    self.backingDescription = backingDescription
  }

  /// What each record of the segment carries, so that bytes left over or copied from elsewhere are never taken for one.
  package var tag: UInt32 { Self.tag(journalUUID: journalUUID, number: number) }

  package static func tag(journalUUID: [UInt8], number: UInt64) -> UInt32 {
    var writer = FieldWriter(bytes: journalUUID)
    writer.put(number)
    return crc32c(writer.bytes, in: 0..<writer.bytes.count)
  }

  package func encoded() -> [UInt8] {
    var writer = FieldWriter(bytes: Self.magic)
    writer.put(version)
    writer.put(isRecycled ? Self.recycledFlag : 0)
    writer.put(journalUUID)
    writer.put(epoch)
    writer.put(number)
    writer.put(firstLSN)
    writer.put(durable)
    let description = Array(backingDescription.utf8)
    writer.put(UInt32(description.count))
    writer.put(0 as UInt32)
    writer.put(description)
    var bytes = writer.bytes + [UInt8](repeating: 0, count: Self.bytes - writer.bytes.count)
    store(crc32c(bytes, in: 0..<Offset.checksum), to: &bytes, at: Offset.checksum)
    return bytes
  }

  /// Reads and checks the first 4096 bytes of a segment.
  ///
  /// - Parameter newest: the newest version that is understood.
  /// - Throws: what is wrong with them; never traps, whatever the bytes.
  package init(decoding bytes: [UInt8], newest: UInt32 = FormatVersion.newest) throws(SegmentHeaderError) {
    guard bytes.count >= Self.bytes else { throw .damaged }
    guard bytes[..<Self.bytes].contains(where: { $0 != 0 }) else { throw .blank }
    guard Array(bytes[..<Self.magic.count]) == Self.magic,
      load(UInt32.self, from: bytes, at: Offset.checksum) == crc32c(bytes, in: 0..<Offset.checksum)
    else { throw .damaged }
    version = load(UInt32.self, from: bytes, at: Offset.version)
    let release = load(UInt32.self, from: bytes, at: Offset.release)
    guard version <= newest else { throw .newerVersion(version, neededRelease: FormatVersion.release(release)) }
    let flags = load(UInt32.self, from: bytes, at: Offset.flags)
    let count = Int(load(UInt32.self, from: bytes, at: Offset.descriptionCount))
    guard version >= FormatVersion.readable[0].version, flags & ~Self.recycledFlag == 0, count <= Self.descriptionBytesMax,
      release == 0,
      let description = String(validating: bytes[Offset.description..<Offset.description + count], as: UTF8.self)
    else { throw .damaged }
    journalUUID = Array(bytes[Offset.uuid..<Offset.uuid + Self.uuidBytes])
    epoch = load(UInt64.self, from: bytes, at: Offset.epoch)
    number = load(UInt64.self, from: bytes, at: Offset.number)
    firstLSN = LSN(load(UInt64.self, from: bytes, at: Offset.firstLSN))
    durable = LSN(load(UInt64.self, from: bytes, at: Offset.durable))
    isRecycled = flags & Self.recycledFlag != 0
    backingDescription = description
    guard durable < firstLSN, max(epoch, number, firstLSN.rawValue) <= FieldLimits.counterMax else { throw .damaged }
  }
}
