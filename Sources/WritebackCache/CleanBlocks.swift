import FilesystemModel

/// The state of a backing file that its clean blocks are of.
package struct CleanBasis: Hashable, Sendable {
  /// With the version that the write-back left.
  package var identity: BackingIdentity
  /// Its ctime then.
  package var changed: Timestamp

  package init(identity: BackingIdentity, changed: Timestamp) {
    self.identity = identity
    self.changed = changed
  }
}

/// A block of a file whose bytes are in memory and the same in the backing file.
struct CleanBlock {
  var slot: ArenaSlot
  /// The valid bytes, from the beginning of the block: all, or up to the file's end as it was. Never 0.
  var count: Int32
}

/// What is in memory of a file besides its dirty layers and below them: it was written back.
struct CleanContents {
  var basis: CleanBasis
  /// Never empty.
  var blocks: [Int: CleanBlock] = [:]

  /// Calls `body` with the parts of `range` in ascending order, covering it exactly.
  func forEachPart(of range: ByteRange, _ body: (ByteRange, ByteSource) -> Void) {
    guard !range.isEmpty else { return }
    var position = range.lowerBound
    for index in range.blockIndexes {
      guard let block = blocks[index] else { continue }
      let start = index * BlockArena.blockBytes
      let part = (start..<start + Int(block.count)).clamped(to: range)
      guard !part.isEmpty else { continue }
      if position < part.lowerBound { body(position..<part.lowerBound, .below) }
      body(part, .arena(block.slot, inBlockOffset: part.lowerBound - start))
      position = part.upperBound
    }
    if position < range.upperBound { body(position..<range.upperBound, .below) }
  }

  /// Drops what the written back layer has cut off or zeroed.
  fileprivate mutating func cut(by layer: Layer, memory: inout BlockMemory) {
    if let size = layer.smallestSize {
      for (index, block) in blocks where index * BlockArena.blockBytes + Int(block.count) > size {
        let count = size - index * BlockArena.blockBytes
        if count > 0 { blocks[index]?.count = Int32(count) } else { drop(index, &memory) }
      }
    }
    for range in layer.zeroed.ranges {
      if range.blockIndexes.count <= blocks.count {
        for index in range.blockIndexes { drop(index, &memory) }
      } else {
        for index in blocks.keys.filter(range.blockIndexes.contains) { drop(index, &memory) }
      }
    }
  }

  /// Takes the memory of a block that was written back.
  fileprivate mutating func take(_ written: DirtyBlock, _ index: Int, size: Int, memory: inout BlockMemory) {
    let wanted = min(BlockArena.blockBytes, size - index * BlockArena.blockBytes)
    if let slot = written.slot, written.segments.isInArena(upTo: wanted) {
      drop(index, &memory)
      memory.order.moveToEnd(slot, of: .clean)
      blocks[index] = CleanBlock(slot: slot, count: Int32(wanted))
      return
    }
    defer { written.discard(memory: &memory) }
    guard let old = blocks[index] else { return }
    let count = merge(written, into: old, memory.arena)
    guard count == wanted else { return drop(index, &memory) }
    blocks[index]?.count = Int32(count)
    memory.order.moveToEnd(old.slot, of: .clean)
  }

  /// Puts written bytes over those that the block had.
  ///
  /// - Returns: How many bytes are valid then, from the beginning.
  private func merge(_ written: DirtyBlock, into old: CleanBlock, _ arena: BlockArena) -> Int {
    var count = Int(old.count)
    for segment in written.segments.all where segment.range.lowerBound <= count {
      guard segment.isInArena, let slot = written.slot else { return segment.range.lowerBound }
      arena.copy(segment.range, from: slot, to: old.slot)
      count = max(count, segment.range.upperBound)
    }
    return count
  }

  private mutating func drop(_ index: Int, _ memory: inout BlockMemory) {
    if let block = blocks.removeValue(forKey: index) { memory.giveBack(block.slot) }
  }
}

extension BlockMemory {
  /// Frees a layer that is written back; what it has in memory stays there as clean blocks.
  ///
  /// - Parameter carriesOver: Whether the write-back found the file as the clean blocks have it. Else these go.
  mutating func keep(_ layer: Layer, _ basis: CleanBasis, carriesOver: Bool) {
    if !carriesOver { dropClean(layer.inode) }
    var contents = clean.removeValue(forKey: layer.inode) ?? CleanContents(basis: basis)
    contents.basis = basis
    contents.cut(by: layer, memory: &self)
    if contents.blocks.isEmpty { contents.blocks.reserveCapacity(layer.blocks.count) }
    for index in layer.blocks.keys.sorted() {
      guard let block = layer.blocks[index] else { continue }
      contents.take(block, index, size: layer.sizeAfter ?? 0, memory: &self)
    }
    if !contents.blocks.isEmpty { clean[layer.inode] = contents }
  }

  /// Frees an inode's clean blocks.
  mutating func dropClean(_ inode: InodeNumber) {
    guard !clean.isEmpty, let contents = clean.removeValue(forKey: inode) else { return }
    for block in contents.blocks.values { giveBack(block.slot) }
  }

  /// Frees the block that is clean for longest. There must be one.
  mutating func dropOldestClean() {
    guard let slot = order.oldestClean else { preconditionFailure("a full arena has clean blocks: the caller must ask hasRoom") }
    let owner = order.owner(of: slot)
    clean[owner.inode]?.blocks[owner.block] = nil
    if clean[owner.inode]?.blocks.isEmpty == true { clean[owner.inode] = nil }
    giveBack(slot)
  }
}

extension BlockSegments {
  /// Whether all bytes before an in-block offset are in the arena.
  fileprivate func isInArena(upTo end: Int) -> Bool {
    var position = 0
    for index in 0..<count {
      let segment = self[index]
      guard segment.isInArena, segment.range.lowerBound == position else { return false }
      position = segment.range.upperBound
    }
    return position == end
  }
}

extension DirtyContents {
  /// The state of the backing file that an inode's clean blocks are of; `nil` when there are none.
  package func cleanBasis(of inode: InodeNumber) -> CleanBasis? { memory.clean[inode]?.basis }

  /// Blocks in memory that are the same in the backing directory. A write that needs memory takes theirs, the oldest first.
  package var cleanBlocks: Int { memory.order.cleanCount }
}
