import CLinux

/// CRC32C of the bytes in `range` of an array.
///
/// - Complexity: O(n), several GB/s where the processor has the instruction.
func crc32c(_ bytes: [UInt8], in range: Range<Int>) -> UInt32 {
  precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
  // SAFETY: the range lies inside the array, whose storage stays put for the closure; the C function reads `count` bytes.
  return unsafe bytes.withUnsafeBytes { all in
    guard let base = all.baseAddress, !range.isEmpty else { return 0 }
    return unsafe ebbfs_crc32c(0, base + range.lowerBound, range.count)
  }
}
