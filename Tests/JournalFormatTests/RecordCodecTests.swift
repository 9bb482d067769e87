import FilesystemModel
import JournalFormat
import Support
import Testing

@Suite struct RecordCodecTests {
  @Test(arguments: RecordSamples.all) func aRecordReadsBackAsItWasWritten(_ record: Record) throws {
    let bytes = RecordSamples.encoded(record)
    let decoded = try DecodedRecord(in: bytes, at: 0, tag: RecordSamples.tag)
    #expect(decoded.record == record)
    #expect(decoded.header.placement == RecordSamples.placement(0))
    #expect(bytes.count == RecordLayout.padded(decoded.header.length))
  }

  @Test(arguments: RecordSamples.all) func theSizeIsKnownBeforeEncoding(_ record: Record) {
    #expect(record.encodedBytes == RecordSamples.encoded(record).count)
  }

  @Test func theBytesOfAWriteLieTogetherWhereTheEncoderSays() throws {
    let data = (0..<5000).map { UInt8(truncatingIfNeeded: $0 * 7) }
    let change = ContentChange(inode: InodeNumber(2), data: .write(offset: 3, count: data.count), sizeAfter: 9000)
    var bytes: [UInt8] = []
    _ = RecordSamples.all[0].encode(into: &bytes, placement: RecordSamples.placement(0))
    let start = bytes.count
    let encoded = Record.content(change, bytes: data, time: RecordSamples.time, request: 1)
      .encode(into: &bytes, placement: RecordSamples.placement(1))
    _ = Record.seal(in: &bytes, at: start)
    let offset = try #require(encoded.dataOffset)
    #expect(Array(bytes[start + offset..<start + offset + data.count]) == data)
    #expect(try DecodedRecord(in: bytes, at: start, tag: RecordSamples.tag).dataOffset == offset)
  }

  @Test(arguments: RecordSamples.all) func noFlippedBitGoesUnseen(_ record: Record) throws {
    let bytes = RecordSamples.encoded(record)
    let length = try RecordHeader(in: bytes, at: 0, tag: RecordSamples.tag).length
    for index in 0..<length {
      for mask in [UInt8(1), 0x80, 0xff] {
        var damaged = bytes
        damaged[index] ^= mask
        #expect(throws: RecordError.self, "byte \(index), mask \(mask)") {
          try DecodedRecord(in: damaged, at: 0, tag: RecordSamples.tag)
        }
      }
    }
  }

  @Test(arguments: RecordSamples.all) func noTruncatedRecordIsRead(_ record: Record) throws {
    let bytes = RecordSamples.encoded(record)
    let length = try RecordHeader(in: bytes, at: 0, tag: RecordSamples.tag).length
    for count in 0..<length {
      #expect(throws: RecordError.self) {
        try DecodedRecord(in: Array(bytes[..<count]), at: 0, tag: RecordSamples.tag)
      }
    }
  }

  @Test func aRecordOfAnotherSegmentIsForeign() {
    let bytes = RecordSamples.encoded(RecordSamples.all[0])
    #expect(throws: RecordError.foreignSegment) { try DecodedRecord(in: bytes, at: 0, tag: RecordSamples.tag + 1) }
  }

  @Test func offsetsOutsideTheBytesAreTruncatedRecords() {
    let bytes = RecordSamples.encoded(RecordSamples.all[0])
    for start in [-1, -8, bytes.count - 1, bytes.count, bytes.count + 8, Int.max, Int.min] {
      #expect(throws: RecordError.truncated) { try DecodedRecord(in: bytes, at: start, tag: RecordSamples.tag) }
    }
  }

  /// Whatever an attacker with the right checksum writes is refused, or is exactly what the encoder writes.
  @Test func hostilePayloadsWithGoodChecksumsNeverTrap() throws {
    let seed = Seed.fromEnvironment
    var generator = SeededGenerator(seed: seed)
    var accepted = 0
    for round in 0..<6000 {
      var bytes = RecordSamples.encoded(RecordSamples.all.randomElement(using: &generator)!)
      let length = try RecordHeader(in: bytes, at: 0, tag: RecordSamples.tag).length
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        let index = Int.random(in: RecordLayout.typeOffset..<length, using: &generator)
        guard !(RecordLayout.tagOffset..<RecordLayout.headerBytes).contains(index) else { continue }
        bytes[index] = [0, 1, 0x7f, 0x80, 0xff, UInt8.random(in: 0...255, using: &generator)].randomElement(using: &generator)!
      }
      _ = Record.seal(in: &bytes, at: 0)
      guard let decoded = try? DecodedRecord(in: bytes, at: 0, tag: RecordSamples.tag) else { continue }
      accepted += 1
      #expect(RecordSamples.encoded(decoded.record) == bytes, "EBBFS_SEED=\(seed), round \(round)")
    }
    #expect(accepted > 100, "the mutations no longer make anything that decodes")
  }

  @Test func aCountThatTheBytesCannotHoldIsRefusedBeforeAnythingIsAllocated() throws {
    var bytes = RecordSamples.encoded(.checkpointTable([]))
    for index in 0..<4 { bytes[RecordLayout.headerBytes + index] = 0xff }
    _ = Record.seal(in: &bytes, at: 0)
    #expect(throws: RecordError.truncated) { try DecodedRecord(in: bytes, at: 0, tag: RecordSamples.tag) }
  }

  @Test func aPayloadLongerThanItsFieldsIsRefused() throws {
    var bytes = RecordSamples.encoded(.checkpointEnd(begin: LSN(1))) + [UInt8](repeating: 0, count: 8)
    bytes[RecordLayout.lengthOffset] += 8
    _ = Record.seal(in: &bytes, at: 0)
    #expect(throws: RecordError.trailingBytes) { try DecodedRecord(in: bytes, at: 0, tag: RecordSamples.tag) }
  }

  @Test func lengthsBeyondTheLimitsAreRefused() {
    for length in [UInt32(0), 39, UInt32(RecordLayout.recordBytesMax + 1), .max] {
      var bytes = RecordSamples.encoded(.checkpointEnd(begin: LSN(1)))
      for index in 0..<4 { bytes[RecordLayout.lengthOffset + index] = UInt8(truncatingIfNeeded: length >> (8 * UInt32(index))) }
      #expect(throws: RecordError.badLength) { try DecodedRecord(in: bytes, at: 0, tag: RecordSamples.tag) }
    }
  }

  @Test func aTraceIsFoundOnlyAtAlignedOffsets() {
    let record = RecordSamples.encoded(RecordSamples.all[0])
    for shift in 0..<24 {
      let bytes = [UInt8](repeating: 0, count: shift) + record
      let found = RecordHeader.trace(in: bytes, from: 0, tag: RecordSamples.tag)
      #expect(found == (shift % RecordLayout.alignment == 0 ? shift : nil))
    }
    #expect(RecordHeader.trace(in: [], from: 0, tag: RecordSamples.tag) == nil)
    #expect(RecordHeader.trace(in: record, from: 8, tag: RecordSamples.tag) == nil)
  }

  @Test func theLastByteThatIsNotZeroIsFoundAtEveryPlace() {
    for count in 0..<40 {
      for start in 0...count {
        let zeros = [UInt8](repeating: 0, count: count)
        #expect(lastNonzero(in: zeros, from: start) == nil)
        for place in 0..<count {
          var bytes = zeros
          bytes[place] = 1
          #expect(lastNonzero(in: bytes, from: start) == (place >= start ? place : nil))
        }
      }
    }
  }
}
