import FilesystemModel

/// Where an encoded record and its parts are, in bytes from the record's first.
package struct EncodedRecord: Hashable, Sendable {
  /// Header and payload, without padding.
  package let length: Int
  /// The first byte of a write's data; the data ends the record.
  package let dataOffset: Int?
}

extension Record {
  /// Appends the record and its padding to `bytes`, whose count must be a multiple of `RecordLayout.alignment`.
  ///
  /// The checksum is left zero: `seal` computes it, so that it need not be done under a lock. Traps when the record is longer
  /// than `RecordLayout.recordBytesMax` or a field has a value that could not be read back.
  ///
  /// - Complexity: O(length); a write's bytes are copied once.
  package func encode(into bytes: inout [UInt8], placement: RecordPlacement) -> EncodedRecord {
    let start = bytes.count
    precondition(start % RecordLayout.alignment == 0 && placement.durable < placement.lsn)
    var writer = FieldWriter(bytes: [])
    swap(&writer.bytes, &bytes)
    writer.put(0 as UInt64)
    writer.put(placement.lsn)
    writer.put(placement.epoch)
    writer.put(placement.durable)
    writer.put(UInt32(type.rawValue))
    writer.put(placement.tag)
    putPayload(into: &writer)
    swap(&writer.bytes, &bytes)
    let length = bytes.count - start
    precondition(length <= RecordLayout.recordBytesMax, "a record is longer than \(RecordLayout.recordBytesMax) bytes")
    store(UInt32(length), to: &bytes, at: start + RecordLayout.lengthOffset)
    for _ in length..<RecordLayout.padded(length) { bytes.append(0) }
    return EncodedRecord(length: length, dataOffset: writtenBytes.map { length - $0 })
  }

  /// How many bytes of data end the record; `nil` when it is not that of a write, or a copy of one.
  var writtenBytes: Int? {
    switch self {
    case .content(let change, _, _, _): if case .write(_, let count)? = change.data { count } else { nil }
    case .copy(_, let record): record.writtenBytes
    case .namespace, .binding, .intent, .outcome, .checkpointBegin, .checkpointTable, .checkpointEnd, .deadLetter,
      .deadLetterRetry, .discard:
      nil
    }
  }

  /// Computes the checksum of the record that begins at `start`, and gives the offset of the record after it.
  package static func seal(in bytes: inout [UInt8], at start: Int) -> Int {
    let length = Int(load(UInt32.self, from: bytes, at: start + RecordLayout.lengthOffset))
    precondition(length >= RecordLayout.headerBytes && length <= bytes.count - start)
    let checksum = crc32c(bytes, in: start + RecordLayout.lengthOffset..<start + length)
    store(checksum, to: &bytes, at: start + RecordLayout.checksumOffset)
    return start + RecordLayout.padded(length)
  }

  /// Moves a record that is not sealed yet to another segment.
  package static func retag(in bytes: inout [UInt8], at start: Int, tag: UInt32) {
    store(tag, to: &bytes, at: start + RecordLayout.tagOffset)
  }

  /// Bytes that the record takes in a segment, padding included.
  ///
  /// - Complexity: O(fields); a write's bytes are not touched.
  package var encodedBytes: Int {
    var counter = FieldCounter(count: RecordLayout.headerBytes)
    putPayload(into: &counter)
    return RecordLayout.padded(counter.count)
  }

  private func putPayload(into sink: inout some FieldSink) {
    switch self {
    case .namespace(let change, let time, let request):
      sink.put(time)
      sink.put(request)
      sink.put(change)
    case .content(let change, let bytes, let time, let request):
      precondition(bytes.count == change.bytesWritten)
      sink.put(time)
      sink.put(request)
      sink.put(change)
      sink.put(bytes)
    case .binding(let binding): sink.put(binding)
    case .intent(let actions): sink.put(actions)
    case .outcome(let outcome): sink.put(outcome)
    case .checkpointBegin(let lowWater, let nextInode):
      sink.put(lowWater)
      sink.put(nextInode)
    case .checkpointTable(let bindings): sink.put(bindings)
    case .checkpointEnd(let begin): sink.put(begin)
    case .copy(let original, let record):
      precondition(record.type.isCopied)
      sink.put(original)
      sink.put(record.type.rawValue)
      record.putPayload(into: &sink)
    case .deadLetter(let letter): sink.put(letter)
    case .deadLetterRetry(let subject): sink.put(subject)
    case .discard(let discard): sink.put(discard)
    }
  }
}

extension ContentChange {
  /// Bytes that follow the fields of the change in its record.
  var bytesWritten: Int {
    if case .write(_, let count)? = data { count } else { 0 }
  }
}
