import FilesystemModel
import JournalFormat

/// libFuzzer's target: whatever the bytes, the reader neither traps nor accepts anything that the encoder would not have written.
///
/// The first byte chooses: a segment header, a record as it is, or a record whose checksum, length and tag are made to fit, so
/// that the payload's fields are reached. Built with CANARY it fails on an action on a socket, which the corpus has not, to
/// prove that it can find something.
@_cdecl("LLVMFuzzerTestOneInput")
public func readJournalBytes(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  // SAFETY: libFuzzer hands over `count` readable bytes.
  let input = unsafe Array(UnsafeBufferPointer(start: start, count: count))
  guard let choice = input.first else { return 0 }
  let bytes = Array(input.dropFirst())
  switch choice % 3 {
  case 0: readHeader(bytes)
  case 1: readRecords(bytes)
  default: readSealedRecord(bytes)
  }
  return 0
}

private let tag: UInt32 = 0xa1b2_c3d4

private func readHeader(_ bytes: [UInt8]) {
  guard let header = try? SegmentHeader(decoding: bytes) else { return }
  precondition((try? SegmentHeader(decoding: header.encoded())) == header)
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
  precondition(Array(encoded[..<length]) == Array(bytes[start..<start + decoded.header.length]))
  precondition(decoded.record.encodedBytes == encoded.count)
  #if CANARY
    if case .intent(let actions) = decoded.record, actions.contains(where: { $0.fileKind == .socket }) {
      preconditionFailure("the canary: the target can fail")
    }
  #endif
}
