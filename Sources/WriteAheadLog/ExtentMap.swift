import FilesystemModel

/// Where the bytes of a file come from: ranges that do not overlap, each with a source; what no range covers has none.
struct ExtentMap<Source> {
  struct Extent {
    var range: ByteRange
    var source: Source
    /// How far the range begins behind the first byte that the source was given for.
    var skipped: Int
  }

  /// Ascending.
  private(set) var extents: [Extent] = []

  /// Gives a range a source, in place of any that parts of it have.
  ///
  /// - Complexity: O(extents).
  mutating func set(_ range: ByteRange, _ source: Source) {
    guard !range.isEmpty else { return }
    remove(range)
    let index = extents.firstIndex { $0.range.lowerBound >= range.upperBound } ?? extents.count
    extents.insert(Extent(range: range, source: source, skipped: 0), at: index)
  }

  mutating func remove(_ range: ByteRange) {
    guard !range.isEmpty else { return }
    extents = extents.flatMap { extent -> [Extent] in
      guard extent.range.overlaps(range) else { return [extent] }
      var parts: [Extent] = []
      if extent.range.lowerBound < range.lowerBound {
        parts.append(
          Extent(range: extent.range.lowerBound..<range.lowerBound, source: extent.source, skipped: extent.skipped))
      }
      if extent.range.upperBound > range.upperBound {
        parts.append(
          Extent(
            range: range.upperBound..<extent.range.upperBound, source: extent.source,
            skipped: extent.skipped + range.upperBound - extent.range.lowerBound))
      }
      return parts
    }
  }

  /// The parts of a range that have no source, ascending.
  func uncovered(in range: ByteRange) -> [ByteRange] {
    var found: [ByteRange] = []
    var start = range.lowerBound
    for extent in extents where extent.range.upperBound > start && extent.range.lowerBound < range.upperBound {
      if extent.range.lowerBound > start { found.append(start..<extent.range.lowerBound) }
      start = extent.range.upperBound
    }
    if start < range.upperBound { found.append(start..<range.upperBound) }
    return found
  }
}
