import FilesystemModel

/// The contents of a file: sectors of 512 bytes that were written, zeros elsewhere. Bytes at and above `size` are always zero.
package struct SparseBytes: Sendable {
  package static let sectorBytes = 512

  package private(set) var size = 0
  /// Written sectors by index, each of `sectorBytes`. May hold zeros.
  package private(set) var sectors: [Int: [UInt8]] = [:]

  package init() {}

  package init(_ bytes: [UInt8]) { write(bytes, at: 0) }

  /// The indexes of the sectors that a range of bytes touches.
  package static func sectorIndexes(of range: ByteRange) -> Range<Int> {
    range.isEmpty ? 0..<0 : range.lowerBound / sectorBytes..<(range.upperBound - 1) / sectorBytes + 1
  }

  /// The bytes of a range, shorter where the file ends.
  package func read(at offset: Int, count: Int) -> [UInt8] {
    guard offset < size, count > 0 else { return [] }
    let range = offset..<min(size, count > size ? size : offset + count)
    var bytes = [UInt8](repeating: 0, count: range.count)
    for index in Self.sectorIndexes(of: range) {
      guard let sector = sectors[index] else { continue }
      let start = index * Self.sectorBytes
      let part = range.clamped(to: start..<start + Self.sectorBytes)
      bytes.replaceSubrange(
        part.lowerBound - offset..<part.upperBound - offset, with: sector[part.lowerBound - start..<part.upperBound - start])
    }
    return bytes
  }

  package mutating func write(_ bytes: [UInt8], at offset: Int) {
    guard !bytes.isEmpty else { return }
    let range = offset..<offset + bytes.count
    size = max(size, range.upperBound)
    for index in Self.sectorIndexes(of: range) {
      let start = index * Self.sectorBytes
      let part = range.clamped(to: start..<start + Self.sectorBytes)
      let source = bytes[part.lowerBound - offset..<part.upperBound - offset]
      if part.count == Self.sectorBytes {
        sectors[index] = Array(source)
      } else {
        sectors[index, default: Self.zeroSector].replaceSubrange(
          part.lowerBound - start..<part.upperBound - start, with: source)
      }
    }
  }

  package mutating func resize(_ newSize: Int) {
    if newSize < size { zero(newSize..<size) }
    size = newSize
  }

  /// Makes a range read as zeros; the size stays. Sectors wholly inside become holes.
  package mutating func zero(_ range: ByteRange) {
    let range = range.clamped(to: 0..<size)
    guard !range.isEmpty else { return }
    let whole = Self.sectorIndexes(of: range)
    for index in existing(in: whole) {
      let start = index * Self.sectorBytes
      let part = range.clamped(to: start..<start + Self.sectorBytes)
      if part.count == Self.sectorBytes || part.upperBound == size && part.lowerBound == start {
        sectors[index] = nil
      } else {
        sectors[index]!.replaceSubrange(
          part.lowerBound - start..<part.upperBound - start, with: repeatElement(0, count: part.count))
      }
    }
  }

  /// Puts one whole sector in place, `nil` for a hole, as a disk does after a crash; what lies above the size is cut.
  package mutating func setSector(_ index: Int, _ bytes: [UInt8]?) {
    let start = index * Self.sectorBytes
    guard start < size else { return }
    sectors[index] = bytes
    if let bytes, size < start + Self.sectorBytes {
      let kept = bytes[..<(size - start)]
      sectors[index] = Array(kept) + repeatElement(0, count: Self.sectorBytes - kept.count)
    }
  }

  /// The first offset at or after `offset` that lies in a written sector; `nil` when only a hole follows.
  ///
  /// - Complexity: O(written sectors).
  package func nextData(from offset: Int) -> Int? {
    let first = offset / Self.sectorBytes
    guard offset < size, let index = sectors.keys.filter({ $0 >= first }).min() else { return nil }
    return max(offset, index * Self.sectorBytes)
  }

  /// The first offset at or after `offset` that lies in a hole or at the end of the file; `nil` at or beyond the end.
  package func nextHole(from offset: Int) -> Int? {
    guard offset < size else { return nil }
    var index = offset / Self.sectorBytes
    while sectors[index] != nil { index += 1 }
    return min(size, max(offset, index * Self.sectorBytes))
  }

  /// Whether all bytes of a range are zero, or above the end.
  package func isZero(in range: ByteRange) -> Bool {
    let range = range.clamped(to: 0..<size)
    return existing(in: Self.sectorIndexes(of: range)).allSatisfy { index in
      let start = index * Self.sectorBytes
      let part = range.clamped(to: start..<start + Self.sectorBytes)
      return sectors[index]![part.lowerBound - start..<part.upperBound - start].allSatisfy { $0 == 0 }
    }
  }

  /// The first offset at which two contents differ, within the shorter one.
  package func firstDifference(from other: SparseBytes) -> Int? {
    for index in Set(sectors.keys).union(other.sectors.keys).sorted() {
      let mine = sectors[index] ?? Self.zeroSector
      let theirs = other.sectors[index] ?? Self.zeroSector
      guard mine != theirs else { continue }
      let offset = index * Self.sectorBytes + zip(mine, theirs).enumerated().first { $1.0 != $1.1 }!.offset
      return offset < min(size, other.size) ? offset : nil
    }
    return nil
  }

  private static let zeroSector = [UInt8](repeating: 0, count: sectorBytes)

  private func existing(in indexes: Range<Int>) -> [Int] {
    indexes.count <= sectors.count ? indexes.filter { sectors[$0] != nil } : sectors.keys.filter(indexes.contains).sorted()
  }
}

extension SparseBytes: Hashable {
  /// Two contents are equal when they read alike: a hole equals written zeros.
  package static func == (left: SparseBytes, right: SparseBytes) -> Bool {
    guard left.size == right.size else { return false }
    return left.sectors.allSatisfy { index, sector in sector == right.sectors[index] ?? zeroSector }
      && right.sectors.allSatisfy { index, sector in left.sectors[index] != nil || sector == zeroSector }
  }

  package func hash(into hasher: inout Hasher) { hasher.combine(size) }
}
