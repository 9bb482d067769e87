import FilesystemModel

/// Changes of one inode's contents relative to what lies below: the sealed layer, or the backing file.
///
/// What a byte reads as: the dirty block's byte if there is a valid one; else zero if it is in `zeroed` or at or above
/// `smallestSize`; else what the layer below has.
struct Layer {
  let inode: InodeNumber
  private(set) var blocks: [Int: DirtyBlock] = [:]
  /// Ranges that read as zeros where there are no dirty bytes. All below `smallestSize`, above which everything does.
  private(set) var zeroed = ByteRanges()
  /// The smallest size the file was cut to within this layer (R18).
  private(set) var smallestSize: Int?
  /// The file's size; `nil` without a change of data.
  private(set) var sizeAfter: Int?
  private(set) var attributes = AttributeChange()
  /// The last change of each extended attribute, sorted by name.
  private(set) var extendedAttributes: [ExtendedAttributeChange] = []
  private(set) var byteCount = 0
  let firstLSN: LSN
  private(set) var lastLSN: LSN

  init(inode: InodeNumber, firstLSN: LSN) {
    self.inode = inode
    self.firstLSN = firstLSN
    lastLSN = firstLSN
  }

  /// Takes a change on top of this layer. `sizeBefore` is the file's size where a layer knows it.
  mutating func apply(_ change: ContentChange, _ written: WrittenBytes, sizeBefore: Int?, memory: inout BlockMemory) {
    precondition(change.inode == inode && written.lsn >= lastLSN)
    lastLSN = written.lsn
    if let data = change.data {
      precondition(change.sizeAfter >= 0)
      apply(data, written, sizeBefore: sizeBefore, sizeAfter: change.sizeAfter, memory: &memory)
      sizeAfter = change.sizeAfter
    }
    attributes.merge(change.attributes)
    for change in change.extendedAttributes { extendedAttributes.merge(change) }
  }

  private mutating func apply(
    _ data: DataChange, _ written: WrittenBytes, sizeBefore: Int?, sizeAfter: Int, memory: inout BlockMemory
  ) {
    switch data {
    case .write(let offset, let count):
      precondition(offset >= 0 && count >= 0 && offset + count <= sizeAfter, "a write ends within the size after it")
      precondition(written.bytes.map { $0.count == count } ?? true, "the bytes of a write are as many as it says")
      write(offset..<offset + count, written, memory: &memory)
    case .resize(let size):
      precondition(size == sizeAfter)
      if sizeBefore.map({ size < $0 }) ?? true { cut(to: size, memory: &memory) }
    case .zero(let range):
      zero(range.clamped(to: 0..<sizeAfter), memory: &memory)
    }
  }

  private mutating func write(_ range: ByteRange, _ written: WrittenBytes, memory: inout BlockMemory) {
    guard !range.isEmpty else { return }
    for block in range.blockIndexes {
      let part = range.clamped(to: block.blockRange)
      byteCount += blocks[block, default: DirtyBlock()].write(
        part.inBlock(block), written, from: part.lowerBound - range.lowerBound,
        owner: BlockOwner(inode: inode, block: block), memory: &memory)
    }
    zeroed.trim(range)
  }

  private mutating func cut(to size: Int, memory: inout BlockMemory) {
    removeBytes(in: size..<Int.max, memory: &memory)
    zeroed.trimEnd(from: size)
    smallestSize = min(size, smallestSize ?? size)
  }

  private mutating func zero(_ range: ByteRange, memory: inout BlockMemory) {
    removeBytes(in: range, memory: &memory)
    zeroed.insert(range.clamped(to: 0..<(smallestSize ?? Int.max)))
  }

  /// Makes dirty bytes of a range invalid. O(blocks in the range or in the layer, whichever are fewer).
  private mutating func removeBytes(in range: ByteRange, memory: inout BlockMemory) {
    guard !range.isEmpty, !blocks.isEmpty else { return }
    for block in dirtyBlockIndexes(in: range) {
      let part = range.clamped(to: block.blockRange).inBlock(block)
      byteCount -= blocks[block]?.remove(part, memory: &memory) ?? 0
      if blocks[block]?.isEmpty == true { blocks[block] = nil }
    }
  }

  /// The indexes of blocks with valid bytes that a range touches, ascending.
  /// O(blocks in the range), or O(n log n) of the layer's blocks where these are fewer.
  func dirtyBlockIndexes(in range: ByteRange) -> [Int] {
    guard !range.isEmpty, !blocks.isEmpty else { return [] }
    let indexes = range.blockIndexes
    if indexes.count <= blocks.count { return indexes.filter { blocks[$0] != nil } }
    return blocks.keys.filter(indexes.contains).sorted()
  }

  /// Bytes of a range lie in the journal at `target`, no more at `source`.
  mutating func move(_ range: ByteRange, from source: JournalPosition, to target: JournalPosition) {
    for index in dirtyBlockIndexes(in: range) {
      let part = range.clamped(to: index.blockRange)
      let start = part.lowerBound - range.lowerBound
      blocks[index]?.move(part.inBlock(index), from: source.advanced(by: start), to: target.advanced(by: start))
    }
  }

  mutating func evict(_ block: Int, memory: inout BlockMemory) { blocks[block]?.evict(memory: &memory) }

  /// Frees the memory of all blocks; the layer is not used afterwards.
  func discard(memory: inout BlockMemory) {
    for block in blocks.values { block.discard(memory: &memory) }
  }
}

extension ByteRange {
  /// The indexes of the blocks that a range that is not empty touches.
  var blockIndexes: Range<Int> {
    lowerBound / BlockArena.blockBytes..<(upperBound - 1) / BlockArena.blockBytes + 1
  }

  /// This range of the file, which lies within `block`, as in-block offsets.
  func inBlock(_ block: Int) -> Range<Int> {
    lowerBound - block * BlockArena.blockBytes..<upperBound - block * BlockArena.blockBytes
  }
}

extension Int {
  /// The bytes of the block with this index; the last block of all ends at `Int.max`.
  var blockRange: ByteRange {
    let start = self * BlockArena.blockBytes
    let (end, overflows) = start.addingReportingOverflow(BlockArena.blockBytes)
    return start..<(overflows ? Int.max : end)
  }
}

extension [ExtendedAttributeChange] {
  /// Puts a later change into an array sorted by name, in place of an earlier one of the same name.
  mutating func merge(_ change: ExtendedAttributeChange) {
    let index = firstIndex { !$0.name.lexicographicallyPrecedes(change.name) } ?? endIndex
    if index < endIndex, self[index].name == change.name {
      self[index] = change
    } else {
      insert(change, at: index)
    }
  }
}
