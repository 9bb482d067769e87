import FilesystemModel
import JournalFormat

/// Whatever the bytes, the reader neither traps nor accepts anything that the encoder would not have written.
///
/// The first byte chooses: a segment header, a record as it is, or a record whose checksum, length and tag are made to fit, so
/// that the payload's fields are reached. The canary is a remainder of an inode number that the corpus has not.
func examine(_ input: [UInt8]) {
  guard let choice = input.first else { return }
  let bytes = Array(input.dropFirst())
  switch choice % 3 {
  case 0: readHeader(bytes)
  case 1: readRecords(bytes)
  default: readSealedRecord(bytes)
  }
}

private let tag: UInt32 = 0xa1b2_c3d4

private func readHeader(_ bytes: [UInt8]) {
  guard let header = try? SegmentHeader(decoding: bytes) else { return }
  require((try? SegmentHeader(decoding: header.encoded())) == header, "a header that was accepted is encoded differently")
}

private func readRecords(_ bytes: [UInt8]) {
  var offset = 0
  while let found = RecordHeader.trace(in: bytes, from: offset, tag: tag) {
    check(try? DecodedRecord(in: bytes, at: found, tag: tag), bytes, at: found)
    offset = found + RecordLayout.alignment
  }
}

private func readSealedRecord(_ bytes: [UInt8]) {
  var bytes = bytes
  guard bytes.count >= RecordLayout.headerBytes, bytes.count <= RecordLayout.recordBytesMax else { return }
  for index in 0..<4 {
    bytes[RecordLayout.lengthOffset + index] = UInt8(truncatingIfNeeded: bytes.count >> (8 * index))
    bytes[RecordLayout.tagOffset + index] = UInt8(truncatingIfNeeded: tag >> (8 * UInt32(index)))
  }
  _ = Record.seal(in: &bytes, at: 0)
  check(try? DecodedRecord(in: bytes, at: 0, tag: tag), bytes, at: 0)
}

/// A record that was accepted must be, byte for byte, what encoding it again gives.
private func check(_ decoded: DecodedRecord?, _ bytes: [UInt8], at start: Int) {
  guard let decoded else { return }
  var encoded: [UInt8] = []
  let length = decoded.record.encode(into: &encoded, placement: decoded.header.placement).length
  _ = Record.seal(in: &encoded, at: 0)
  require(
    encoded[..<length] == bytes[start..<start + decoded.header.length], "a record that was accepted is encoded differently")
  require(decoded.record.encodedBytes == encoded.count, "a record is not as long as it says")
  #if CANARY
    if case .intent(let actions) = decoded.record { canary(actions.contains { $0.inode.rawValue % 977 == 700 }) }
  #endif
}
