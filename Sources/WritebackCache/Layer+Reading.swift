import FilesystemModel

/// Where the bytes of a part of a file are.
enum ByteSource {
  case arena(ArenaSlot, inBlockOffset: Int)
  case journal(JournalPosition)
  case zeros
  /// Not changed by this layer.
  case below
}

extension Layer {
  /// Calls `body` with the parts of `range` in ascending order, covering it exactly.
  func forEachPart(of range: ByteRange, _ body: (ByteRange, ByteSource) -> Void) {
    var position = range.lowerBound
    for index in dirtyBlockIndexes(in: range) {
      guard let block = blocks[index] else { continue }
      let start = index * BlockArena.blockBytes
      for number in 0..<block.segments.count {
        let segment = block.segments[number]
        let part = (start + segment.range.lowerBound..<start + segment.range.upperBound).clamped(to: range)
        guard !part.isEmpty else { continue }
        forEachGapPart(of: position..<part.lowerBound, body)
        body(part, source(of: segment, in: block, from: part.lowerBound - start))
        position = part.upperBound
      }
    }
    forEachGapPart(of: position..<range.upperBound, body)
  }

  private func source(of segment: BlockSegment, in block: DirtyBlock, from offset: Int) -> ByteSource {
    if segment.isInArena {
      guard let slot = block.slot else { preconditionFailure("a block with bytes in the arena has a slot") }
      return .arena(slot, inBlockOffset: offset)
    }
    guard let position = segment.position else { preconditionFailure("bytes that are not in the arena are in the journal") }
    return .journal(position.advanced(by: offset - segment.range.lowerBound))
  }

  /// The same for a range without dirty bytes.
  private func forEachGapPart(of range: ByteRange, _ body: (ByteRange, ByteSource) -> Void) {
    guard !range.isEmpty else { return }
    let kept = range.clamped(to: 0..<(smallestSize ?? Int.max))
    zeroed.forEachPart(of: kept) { part, isZeroed in body(part, isZeroed ? .zeros : .below) }
    let cut = range.clamped(to: (smallestSize ?? Int.max)..<Int.max)
    if !cut.isEmpty { body(cut, .zeros) }
  }

  /// The ranges with dirty bytes, ascending; adjacent ones joined up to `bytesMax` each. O(n log n).
  func extents(bytesMax: Int) -> [ByteRange] {
    var extents: [ByteRange] = []
    for index in blocks.keys.sorted() {
      guard let block = blocks[index] else { continue }
      for number in 0..<block.segments.count {
        let segment = block.segments[number].range
        let start = index * BlockArena.blockBytes
        extents.appendJoining(start + segment.lowerBound..<start + segment.upperBound, bytesMax: bytesMax)
      }
    }
    return extents
  }
}

extension [ByteRange] {
  /// Appends a range behind the last one, or lengthens that up to `bytesMax`. No range is ever split: the last may stay shorter.
  fileprivate mutating func appendJoining(_ range: ByteRange, bytesMax: Int) {
    if let last, last.upperBound == range.lowerBound, last.count + range.count <= bytesMax {
      self[count - 1] = last.lowerBound..<range.upperBound
    } else {
      append(range)
    }
  }
}
