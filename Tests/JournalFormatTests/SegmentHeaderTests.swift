import FilesystemModel
import JournalFormat
import Testing

@Suite struct SegmentHeaderTests {
  let bytes = RecordSamples.header.encoded()

  @Test func aHeaderReadsBackAsItWasWritten() throws {
    #expect(bytes.count == SegmentHeader.bytes)
    #expect(try SegmentHeader(decoding: bytes) == RecordSamples.header)
  }

  @Test func theLongestDescriptionFits() throws {
    var header = RecordSamples.header
    header.backingDescription = String(repeating: "x", count: SegmentHeader.descriptionBytesMax)
    #expect(try SegmentHeader(decoding: header.encoded()) == header)
  }

  @Test func noFlippedBitGoesUnseen() {
    for index in bytes.indices {
      var damaged = bytes
      damaged[index] ^= 1 << (index % 8)
      #expect(throws: SegmentHeaderError.damaged, "byte \(index)") { try SegmentHeader(decoding: damaged) }
    }
  }

  @Test func zerosAreBlankAndShortBytesAreDamaged() {
    #expect(throws: SegmentHeaderError.blank) { try SegmentHeader(decoding: [UInt8](repeating: 0, count: SegmentHeader.bytes)) }
    for count in [0, 1, 511, SegmentHeader.bytes - 1] {
      #expect(throws: SegmentHeaderError.damaged) { try SegmentHeader(decoding: Array(bytes[..<count])) }
    }
  }

  @Test func aNewerVersionIsTold() throws {
    let newer = Self.withVersion(2, bytes)
    #expect(throws: SegmentHeaderError.newerVersion(2, neededRelease: nil)) { try SegmentHeader(decoding: newer) }
    #expect(try SegmentHeader(decoding: newer, newest: 2).version == 2, "an ebbfs that knows it")
    let telling = Self.withVersion(2, bytes, release: [7, 20, 1])
    #expect(throws: SegmentHeaderError.newerVersion(2, neededRelease: "1.20.7")) { try SegmentHeader(decoding: telling) }
    #expect(throws: SegmentHeaderError.damaged) { try SegmentHeader(decoding: Self.withVersion(0, bytes)) }
  }

  @Test func countersFromWhichCountingOnWouldOverflowAreDamage() {
    var header = RecordSamples.header
    header.epoch = .max
    #expect(throws: SegmentHeaderError.damaged) { try SegmentHeader(decoding: header.encoded()) }
    header = RecordSamples.header
    header.firstLSN = LSN(.max)
    #expect(throws: SegmentHeaderError.damaged) { try SegmentHeader(decoding: header.encoded()) }
  }

  @Test func theTagTellsSegmentsAndJournalsApart() {
    var other = RecordSamples.header
    other.number += 1
    #expect(other.tag != RecordSamples.header.tag)
    other = RecordSamples.header
    other.journalUUID[15] ^= 1
    #expect(other.tag != RecordSamples.header.tag)
  }

  /// The header with another version and a checksum that fits.
  private static func withVersion(_ version: UInt8, _ bytes: [UInt8], release: [UInt8] = []) -> [UInt8] {
    var bytes = bytes
    bytes[8] = version
    for (index, byte) in release.enumerated() { bytes[68 + index] = byte }
    let checksum = ChecksumTests.checksum(Array(bytes[..<4092]))
    for index in 0..<4 { bytes[4092 + index] = UInt8(truncatingIfNeeded: checksum >> (8 * UInt32(index))) }
    return bytes
  }
}
