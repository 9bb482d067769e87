/// Reads a little-endian integer at `offset`; traps when it does not lie inside the array.
func load<Value: FixedWidthInteger>(_ type: Value.Type, from bytes: [UInt8], at offset: Int) -> Value {
  precondition(offset >= 0 && offset <= bytes.count - MemoryLayout<Value>.size)
  // SAFETY: the value lies inside the array by the precondition; the load needs no alignment; any bits are a valid integer.
  return unsafe bytes.withUnsafeBytes { all in
    unsafe Value(littleEndian: all.loadUnaligned(fromByteOffset: offset, as: Value.self))
  }
}

/// Overwrites a little-endian integer at `offset`; traps when it does not lie inside the array.
func store<Value: FixedWidthInteger>(_ value: Value, to bytes: inout [UInt8], at offset: Int) {
  precondition(offset >= 0 && offset <= bytes.count - MemoryLayout<Value>.size)
  // SAFETY: the value lies inside the array by the precondition; the store needs no alignment.
  unsafe bytes.withUnsafeMutableBytes { all in
    unsafe all.storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
  }
}

extension RecordHeader {
  /// The first index from `start`, in steps of `RecordLayout.alignment`, at which `tag` stands where a record has it.
  ///
  /// - Complexity: O(n), made for searching a whole segment.
  package static func trace(in bytes: [UInt8], from start: Int, tag: UInt32) -> Int? {
    precondition(start >= 0)
    // SAFETY: `index + tagOffset + 4 <= headerBytes + index <= count` for every index visited.
    return unsafe bytes.withUnsafeBytes { all in
      var index = start
      while index <= all.count - RecordLayout.headerBytes {
        let found = unsafe UInt32(
          littleEndian: all.loadUnaligned(fromByteOffset: index + RecordLayout.tagOffset, as: UInt32.self))
        if found == tag { return index }
        index += RecordLayout.alignment
      }
      return nil
    }
  }
}

/// The index of the last byte that is not zero, at or above `start`; `nil` when all are zeros.
///
/// - Complexity: O(n), made for searching a whole segment.
package func lastNonzero(in bytes: [UInt8], from start: Int) -> Int? {
  precondition(start >= 0)
  let wordBytes = MemoryLayout<UInt64>.size
  var end = bytes.count
  // SAFETY: `start <= end - wordBytes` and `end <= count` for every word visited.
  unsafe bytes.withUnsafeBytes { all in
    while end - wordBytes >= start, unsafe all.loadUnaligned(fromByteOffset: end - wordBytes, as: UInt64.self) == 0 {
      end -= wordBytes
    }
  }
  guard start < end else { return nil }
  return bytes[max(start, end - wordBytes)..<end].lastIndex { $0 != 0 }
}

/// Moves what is from `start` on to the front of an array, whose length stays; what is behind it then means nothing.
///
/// - Complexity: O(bytes moved), with nothing allocated.
package func moveToFront(_ bytes: inout [UInt8], from start: Int) {
  precondition(start >= 0 && start <= bytes.count)
  // SAFETY: the ranges lie inside the array, whose elements are bytes, and may overlap.
  unsafe bytes.withUnsafeMutableBytes { all in unsafe all.copyMemory(from: UnsafeRawBufferPointer(rebasing: all[start...])) }
}
