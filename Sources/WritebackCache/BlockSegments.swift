import FilesystemModel

/// Some valid bytes of one dirty block, and where they are.
struct BlockSegment: Hashable {
  /// Where the first byte lies in the journal; `nil` when the bytes come from several records or were given without a position.
  var position: JournalPosition?
  /// In-block offsets, 0 ... 4096.
  private(set) var lower: UInt16
  private(set) var upper: UInt16
  /// Whether the bytes are in the block's arena slot, at their in-block offset. Else they are in the journal alone.
  var isInArena: Bool

  static let empty = BlockSegment(0..<0, position: nil, isInArena: false)

  init(_ range: Range<Int>, position: JournalPosition?, isInArena: Bool) {
    lower = UInt16(range.lowerBound)
    upper = UInt16(range.upperBound)
    self.position = position
    self.isInArena = isInArena
  }

  var range: Range<Int> { Int(lower)..<Int(upper) }
  var count: Int { Int(upper) - Int(lower) }

  /// The part from in-block offset `bound` on.
  func suffix(from bound: Int) -> BlockSegment {
    BlockSegment(bound..<Int(upper), position: position?.advanced(by: bound - Int(lower)), isInArena: isInArena)
  }

  /// The part before in-block offset `bound`.
  func prefix(upTo bound: Int) -> BlockSegment { BlockSegment(Int(lower)..<bound, position: position, isInArena: isInArena) }

  /// This segment and one that begins at its end as one segment, when that loses nothing: both of one record, or both in the
  /// arena and one without position, so that the block must stay there anyway.
  func joined(with next: BlockSegment) -> BlockSegment? {
    guard upper == next.lower, isInArena == next.isInArena else { return nil }
    if let position, let nextPosition = next.position {
      guard nextPosition == position.advanced(by: count) else { return nil }
      return BlockSegment(Int(lower)..<Int(next.upper), position: position, isInArena: isInArena)
    }
    return BlockSegment(Int(lower)..<Int(next.upper), position: nil, isInArena: isInArena)
  }
}

/// The valid bytes of one dirty block: disjoint segments in ascending order, the first one stored inline, so that the usual
/// block of one segment needs no memory of its own.
struct BlockSegments {
  private var first = BlockSegment.empty
  private var others: [BlockSegment] = []

  /// Above this many segments, touching ones in the arena are joined. They lose their journal positions, so the block cannot be
  /// evicted until the bytes are written anew or written back, but a block of tiny writes stays small.
  static let countMax = 64

  var count: Int { first.count == 0 ? 0 : 1 + others.count }
  var isEmpty: Bool { first.count == 0 }

  subscript(index: Int) -> BlockSegment {
    get { index == 0 ? first : others[index - 1] }
    set { if index == 0 { first = newValue } else { others[index - 1] = newValue } }
  }

  var all: some Sequence<BlockSegment> { (0..<count).lazy.map { self[$0] } }

  var byteCount: Int { others.reduce(first.count) { $0 + $1.count } }

  /// Whether any bytes are in the block's arena slot.
  var usesArena: Bool { first.isInArena || others.contains { $0.isInArena } }

  /// Whether all bytes are in the journal.
  var isWholeInJournal: Bool { (isEmpty || first.position != nil) && others.allSatisfy { $0.position != nil } }

  /// Makes the bytes of a segment valid; what was there before is replaced. Returns how many bytes were valid in its range.
  mutating func replace(with segment: BlockSegment) -> Int {
    if others.isEmpty, segment.lower <= first.lower, segment.upper >= first.upper {
      defer { first = segment }
      return first.count
    }
    let removed = remove(segment.range)
    insert(segment)
    if count > Self.countMax { joinInArena() }
    return removed
  }

  /// Makes the bytes of an in-block range invalid. Returns how many were valid.
  mutating func remove(_ range: Range<Int>) -> Int {
    var removed = 0
    var index = firstIndex(endingAfter: range.lowerBound)
    if index < count, self[index].range.lowerBound < range.lowerBound {
      let old = self[index]
      self[index] = old.prefix(upTo: range.lowerBound)
      if old.range.upperBound > range.upperBound {
        insertSegment(old.suffix(from: range.upperBound), at: index + 1)
        return range.count
      }
      removed += old.range.upperBound - range.lowerBound
      index += 1
    }
    var end = index
    while end < count, self[end].range.upperBound <= range.upperBound {
      removed += self[end].count
      end += 1
    }
    if end < count, self[end].range.lowerBound < range.upperBound {
      removed += range.upperBound - self[end].range.lowerBound
      self[end] = self[end].suffix(from: range.upperBound)
    }
    removeSegments(index..<end)
    return removed
  }

  /// Segments of an in-block range that lie in the journal at `source` lie at `target`. Others there are of other records.
  mutating func move(_ range: Range<Int>, from source: JournalPosition, to target: JournalPosition) {
    for index in 0..<count where range.contains(self[index].range.lowerBound) {
      let start = self[index].range.lowerBound - range.lowerBound
      if self[index].position == source.advanced(by: start) { self[index].position = target.advanced(by: start) }
    }
  }

  /// Turns the segments in the arena into segments in the journal. All must have positions.
  mutating func leaveArena() {
    for index in 0..<count {
      precondition(self[index].position != nil)
      self[index].isInArena = false
    }
    joinNeighbours()
  }

  private mutating func joinNeighbours() {
    for index in stride(from: count - 1, to: 0, by: -1) {
      guard let joined = self[index - 1].joined(with: self[index]) else { continue }
      self[index - 1] = joined
      removeSegments(index..<index + 1)
    }
  }

  private mutating func joinInArena() {
    for index in stride(from: count - 1, to: 0, by: -1) {
      guard self[index].isInArena, self[index - 1].isInArena, self[index - 1].upper == self[index].lower else { continue }
      self[index - 1] = BlockSegment(Int(self[index - 1].lower)..<Int(self[index].upper), position: nil, isInArena: true)
      removeSegments(index..<index + 1)
    }
  }

  /// Adds a segment whose range is free, joined with its neighbours where possible.
  private mutating func insert(_ segment: BlockSegment) {
    let index = firstIndex(endingAfter: segment.range.lowerBound)
    if index > 0, let joined = self[index - 1].joined(with: segment) {
      self[index - 1] = joined
      if index < count, let both = joined.joined(with: self[index]) {
        self[index - 1] = both
        removeSegments(index..<index + 1)
      }
    } else if index < count, let joined = segment.joined(with: self[index]) {
      self[index] = joined
    } else {
      insertSegment(segment, at: index)
    }
  }

  /// The first segment that ends after in-block offset `bound`.
  private func firstIndex(endingAfter bound: Int) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if self[middle].range.upperBound > bound { high = middle } else { low = middle + 1 }
    }
    return low
  }

  private mutating func insertSegment(_ segment: BlockSegment, at index: Int) {
    if isEmpty {
      first = segment
    } else if index == 0 {
      others.insert(first, at: 0)
      first = segment
    } else {
      others.insert(segment, at: index - 1)
    }
  }

  private mutating func removeSegments(_ range: Range<Int>) {
    guard !range.isEmpty else { return }
    if range.lowerBound > 0 {
      others.removeSubrange(range.lowerBound - 1..<range.upperBound - 1)
    } else if range.upperBound > others.count {
      first = .empty
      others = []
    } else {
      first = others[range.upperBound - 1]
      others.removeSubrange(0..<range.upperBound)
    }
  }
}
