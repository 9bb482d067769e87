import FilesystemModel

/// The header of a record, checked for being one of the given segment; the checksum is not looked at.
package struct RecordHeader: Hashable, Sendable {
  package let placement: RecordPlacement
  package let type: RecordType
  /// Header and payload, without padding.
  package let length: Int

  /// Reads the header at `start`.
  ///
  /// - Throws: what is wrong with it; never traps, whatever the bytes.
  package init(in bytes: [UInt8], at start: Int, tag: UInt32) throws(RecordError) {
    guard start >= 0, start <= bytes.count, bytes.count - start >= RecordLayout.headerBytes else { throw .truncated }
    guard load(UInt32.self, from: bytes, at: start + RecordLayout.tagOffset) == tag else { throw .foreignSegment }
    length = Int(load(UInt32.self, from: bytes, at: start + RecordLayout.lengthOffset))
    guard length >= RecordLayout.headerBytes, length <= RecordLayout.recordBytesMax else { throw .badLength }
    let typeAndReserved = load(UInt32.self, from: bytes, at: start + RecordLayout.typeOffset)
    guard typeAndReserved <= UInt8.max else { throw .badField }
    guard let type = RecordType(rawValue: UInt8(typeAndReserved)) else { throw .unknownType }
    self.type = type
    placement = RecordPlacement(
      lsn: LSN(load(UInt64.self, from: bytes, at: start + RecordLayout.lsnOffset)),
      epoch: load(UInt64.self, from: bytes, at: start + RecordLayout.epochOffset),
      durable: LSN(load(UInt64.self, from: bytes, at: start + RecordLayout.durableOffset)), tag: tag)
    guard placement.durable < placement.lsn else { throw .badField }
  }

  /// The tag of the header at `start`, all of which must be there.
  package static func tag(in bytes: [UInt8], at start: Int) -> UInt32 {
    load(UInt32.self, from: bytes, at: start + RecordLayout.tagOffset)
  }

  /// Whether the checksum fits; `false` too when the bytes end before the record does.
  ///
  /// - Complexity: O(length).
  package func isIntact(in bytes: [UInt8], at start: Int) -> Bool {
    guard length <= bytes.count - start else { return false }
    return crc32c(bytes, in: start + RecordLayout.lengthOffset..<start + length)
      == load(UInt32.self, from: bytes, at: start + RecordLayout.checksumOffset)
  }
}

/// A record read from a segment.
package struct DecodedRecord: Hashable, Sendable {
  package let header: RecordHeader
  package let record: Record
  /// The first byte of a write's data, from the record's first byte.
  package let dataOffset: Int?

  /// Reads and checks the record at `start`: header, checksum, every field.
  ///
  /// - Throws: what is wrong with it; never traps, whatever the bytes.
  /// - Complexity: O(length); a write's bytes are copied once.
  package init(in bytes: [UInt8], at start: Int, tag: UInt32) throws(RecordError) {
    let header = try RecordHeader(in: bytes, at: start, tag: tag)
    guard header.length <= bytes.count - start else { throw .truncated }
    guard header.isIntact(in: bytes, at: start) else { throw .badChecksum }
    try self.init(intact: header, in: bytes, at: start)
  }

  /// Reads the fields of a record whose header and checksum were found good.
  ///
  /// - Parameter withData: Whether the record gets the bytes of a write, which are all checked for being there.
  package init(intact header: RecordHeader, in bytes: [UInt8], at start: Int, withData: Bool = true) throws(RecordError) {
    guard header.length <= bytes.count - start else { throw .truncated }
    self.header = header
    var reader = FieldReader(bytes, in: start + RecordLayout.headerBytes..<start + header.length)
    record = try reader.takeRecord(header.type, withData: withData)
    guard reader.bytesLeft == 0 else { throw .trailingBytes }
    dataOffset = record.writtenBytes.map { header.length - $0 }
  }
}

extension FieldReader {
  fileprivate mutating func takeRecord(_ type: RecordType, withData: Bool) throws(RecordError) -> Record {
    switch type {
    case .namespace:
      let time = try takeTimestamp()
      let request = try take(UInt64.self)
      return .namespace(try takeNamespaceChange(), time: time, request: request)
    case .content:
      let time = try takeTimestamp()
      let request = try take(UInt64.self)
      let change = try takeContentChange()
      let bytes = withData ? try takeBytes(change.bytesWritten) : []
      if !withData { try skip(change.bytesWritten) }
      return .content(change, bytes: bytes, time: time, request: request)
    case .binding: return .binding(try takeBinding())
    case .intent: return .intent(try takeActions())
    case .outcome: return .outcome(try takeOutcome())
    case .checkpointBegin: return .checkpointBegin(lowWater: try takeLSN(), nextInode: try takeInode())
    case .checkpointTable: return .checkpointTable(try takeBindings())
    case .checkpointEnd: return .checkpointEnd(begin: try takeLSN())
    case .copy:
      let original = try takeLSN()
      guard let type = RecordType(rawValue: try take(UInt8.self)), type.isCopied else { throw .badField }
      return .copy(of: original, try takeRecord(type, withData: withData))
    case .deadLetter: return .deadLetter(try takeDeadLetter())
    case .deadLetterRetry: return .deadLetterRetry(try takeSubject())
    case .discard: return .discard(try takeDiscard())
    }
  }
}
