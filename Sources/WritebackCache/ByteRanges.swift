import FilesystemModel

/// A set of bytes of a file: sorted ranges that neither overlap nor touch. O(log n) to find, O(n) to change.
struct ByteRanges: Hashable {
  private(set) var ranges: [ByteRange] = []

  var isEmpty: Bool { ranges.isEmpty }

  /// Adds a range, joined with those it overlaps or touches.
  mutating func insert(_ range: ByteRange) {
    guard !range.isEmpty else { return }
    let start = firstIndex { $0.upperBound >= range.lowerBound }
    let end = firstIndex { $0.lowerBound > range.upperBound }
    guard start < end else { return ranges.insert(range, at: start) }
    let lower = min(range.lowerBound, ranges[start].lowerBound)
    let upper = max(range.upperBound, ranges[end - 1].upperBound)
    ranges.replaceSubrange(start..<end, with: CollectionOfOne(lower..<upper))
  }

  /// Takes out what lies in `range`, but leaves a range whole that reaches beyond it on both sides, so that many small takings
  /// out of a large range do not leave many small ranges.
  mutating func trim(_ range: ByteRange) {
    guard !range.isEmpty, !ranges.isEmpty else { return }
    var start = firstIndex { $0.upperBound > range.lowerBound }
    let end = firstIndex { $0.lowerBound >= range.upperBound }
    guard start < end else { return }
    if ranges[start].lowerBound < range.lowerBound {
      if ranges[start].upperBound > range.upperBound { return }
      ranges[start] = ranges[start].lowerBound..<range.lowerBound
      start += 1
    }
    guard start < end else { return }
    if ranges[end - 1].upperBound > range.upperBound {
      ranges[end - 1] = range.upperBound..<ranges[end - 1].upperBound
      ranges.removeSubrange(start..<end - 1)
    } else {
      ranges.removeSubrange(start..<end)
    }
  }

  /// Takes out everything from `bound` on.
  mutating func trimEnd(from bound: Int) {
    ranges.removeSubrange(firstIndex { $0.lowerBound >= bound }...)
    if let last = ranges.last, last.upperBound > bound { ranges[ranges.count - 1] = last.lowerBound..<bound }
  }

  /// Calls `body` with the parts of `range` in ascending order, each all in the set or all outside.
  func forEachPart(of range: ByteRange, _ body: (_ part: ByteRange, _ isMember: Bool) -> Void) {
    var position = range.lowerBound
    var index = firstIndex { $0.upperBound > range.lowerBound }
    while position < range.upperBound, index < ranges.count, ranges[index].lowerBound < range.upperBound {
      let member = ranges[index].clamped(to: range)
      if position < member.lowerBound { body(position..<member.lowerBound, false) }
      body(member, true)
      position = member.upperBound
      index += 1
    }
    if position < range.upperBound { body(position..<range.upperBound, false) }
  }

  /// The first range that `predicate` holds for; it must hold for all after that one too.
  private func firstIndex(where predicate: (ByteRange) -> Bool) -> Int {
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if predicate(ranges[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
