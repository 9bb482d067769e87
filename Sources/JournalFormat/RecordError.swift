/// Why bytes are not a record. None of these says whether they were one once: that is decided by what follows (PROTOCOL.md R19).
package enum RecordError: Error, Hashable, Sendable {
  /// The bytes end before the record does.
  case truncated
  /// The length field is below the header's size or above the limit.
  case badLength
  case badChecksum
  /// Left over from, or copied from, another segment or another journal.
  case foreignSegment
  case unknownType
  /// A reserved field is not zero, or a field has a value that the encoder never writes.
  case badField
  /// The payload goes on after its last field.
  case trailingBytes
}

/// Why bytes are not a segment's header.
package enum SegmentHeaderError: Error, Hashable, Sendable {
  /// All zeros: the segment is prepared and not used yet.
  case blank
  /// No magic, a checksum that does not fit, or fields that no encoder writes.
  case damaged
  /// Written by a newer ebbfs; nothing else in it can be relied on, but the oldest release that reads it, if it is told.
  case newerVersion(UInt32, neededRelease: String?)
}
