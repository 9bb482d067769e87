import FilesystemModel

extension DirtyContents {
  /// What is wrong with the data structure, for tests; empty when nothing is. O(everything).
  package func _checkInvariants() -> [String] {
    var violations = Violations()
    var slots: [ArenaSlot: BlockOwner] = [:]
    for (inode, layers) in inodes {
      violations.expect(layers.current != nil || layers.sealed != nil, "inode \(inode.rawValue) has a layer")
      if let sealed = layers.sealed, let current = layers.current {
        violations.expect(sealed.lastLSN <= current.firstLSN, "the sealed layer is older than the current one")
      }
      for layer in [layers.sealed, layers.current] {
        layer?.checkInvariants(order: memory.order, slots: &slots, &violations)
      }
    }
    for (inode, contents) in memory.clean {
      contents.checkInvariants(inode, order: memory.order, slots: &slots, &violations)
    }
    memory.checkInvariants(slots: slots, &violations)
    let layers = inodes.values.flatMap { [$0.sealed, $0.current].compactMap(\.self) }
    violations.expect(dirtyBytes == layers.reduce(0) { $0 + $1.byteCount }, "dirtyBytes is the sum over all layers")
    violations.expect(dirtyBlocks == layers.reduce(0) { $0 + $1.blocks.count }, "dirtyBlocks is the number of all blocks")
    violations.expect(oldestLSN() == layers.map(\.firstLSN).min(), "oldestLSN is the first LSN of all layers")
    if let oldest = oldestInode() { violations.expect(firstLSN(of: oldest) == oldestLSN(), "oldestInode has the oldest LSN") }
    return violations.texts
  }
}

struct Violations {
  private(set) var texts: [String] = []

  mutating func expect(_ condition: Bool, _ claim: @autoclosure () -> String) {
    if !condition { texts.append("not true: \(claim())") }
  }
}

extension Layer {
  func checkInvariants(order: EvictionOrder, slots: inout [ArenaSlot: BlockOwner], _ violations: inout Violations) {
    let size = sizeAfter ?? 0
    violations.expect(firstLSN <= lastLSN, "LSNs ascend")
    violations.expect(sizeAfter != nil || blocks.isEmpty && zeroed.isEmpty && smallestSize == nil, "changed data has a size")
    violations.expect(smallestSize ?? 0 <= size, "the size is not below the smallest one")
    violations.expect(byteCount == blocks.values.reduce(0) { $0 + $1.segments.byteCount }, "byteCount is the sum of the blocks")
    var end = -1
    for range in zeroed.ranges {
      violations.expect(range.lowerBound > end && !range.isEmpty, "zeroed ranges are sorted, disjoint, and do not touch")
      end = range.upperBound
    }
    violations.expect(end <= size && end <= smallestSize ?? Int.max, "zeroed ranges are below the sizes")
    for (index, block) in blocks {
      block.checkInvariants(order: order, &violations)
      if let last = block.segments.last {
        violations.expect(index * BlockArena.blockBytes + last.range.upperBound <= size, "dirty bytes are below the size")
      }
      if let slot = block.slot {
        let owner = BlockOwner(inode: inode, block: index)
        violations.expect(order.owner(of: slot) == owner, "a slot's owner is its block")
        violations.expect(slots.updateValue(owner, forKey: slot) == nil, "a slot belongs to one block")
      }
    }
  }
}

extension CleanContents {
  fileprivate func checkInvariants(
    _ inode: InodeNumber, order: EvictionOrder, slots: inout [ArenaSlot: BlockOwner], _ violations: inout Violations
  ) {
    violations.expect(!blocks.isEmpty, "clean contents have a block")
    for (index, block) in blocks {
      let owner = BlockOwner(inode: inode, block: index)
      violations.expect(block.count > 0 && block.count <= BlockArena.blockBytes, "a clean block has valid bytes")
      violations.expect(order.isClean(block.slot), "a clean block can be dropped")
      violations.expect(order.owner(of: block.slot) == owner, "a slot's owner is its clean block")
      violations.expect(slots.updateValue(owner, forKey: block.slot) == nil, "a slot belongs to one block")
    }
  }
}

extension BlockSegments {
  fileprivate var last: BlockSegment? { isEmpty ? nil : self[count - 1] }
}

extension DirtyBlock {
  fileprivate func checkInvariants(order: EvictionOrder, _ violations: inout Violations) {
    violations.expect(!segments.isEmpty, "a dirty block has valid bytes")
    var end = 0
    for index in 0..<segments.count {
      let segment = segments[index]
      violations.expect(segment.range.lowerBound >= end && segment.count > 0, "segments are sorted and disjoint")
      violations.expect(segment.isInArena || segment.position != nil, "bytes are in the arena or the journal")
      end = segment.range.upperBound
    }
    violations.expect(end <= BlockArena.blockBytes, "segments are within the block")
    violations.expect((slot != nil) == segments.usesArena, "a block has a slot exactly when bytes are in it")
    if let slot {
      violations.expect(
        order.contains(slot) == segments.isWholeInJournal, "a block is in the order exactly when it can be evicted")
    }
  }
}

extension BlockMemory {
  fileprivate func checkInvariants(slots: [ArenaSlot: BlockOwner], _ violations: inout Violations) {
    violations.expect(arena.slotsUsed == slots.count, "every used slot belongs to a block")
    let returned = Set(arena.returnedSlots)
    violations.expect(returned.count == arena.returnedSlots.count, "a slot is given back once")
    violations.expect(returned.isDisjoint(with: slots.keys), "a slot that was given back has no block")
    var listed = 0
    var slot = order.oldest
    while let current = slot, listed <= slots.count {
      violations.expect(order.contains(current) && slots[current] != nil, "the order lists used slots")
      listed += 1
      slot = order.next(after: current)
    }
    let clean = clean.values.reduce(0) { $0 + $1.blocks.count }
    violations.expect(listed == slots.keys.count { order.contains($0) } - clean, "the order lists each slot in it once")
    violations.expect(order.cleanCount == clean, "the order knows how many blocks are clean")
    var cleanSlot = order.oldestClean
    for _ in 0..<clean {
      violations.expect(cleanSlot.map { order.isClean($0) } == true, "the clean order lists clean slots")
      cleanSlot = cleanSlot.flatMap { order.next(after: $0) }
    }
    violations.expect(cleanSlot == nil, "the clean order lists each slot once")
  }
}
