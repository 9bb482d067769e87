import FilesystemModel

/// The memory that blocks share: the arena, the order in which blocks leave it, and those that stay there until their memory is
/// needed, since they are written back.
struct BlockMemory {
  let arena: BlockArena
  var order = EvictionOrder()
  var clean: [InodeNumber: CleanContents] = [:]

  init(bytes: Int) { arena = BlockArena(bytes: bytes) }

  /// Takes a block: a free one, or the one that is clean for longest. There must be one.
  mutating func take(for owner: BlockOwner) -> ArenaSlot {
    if arena.slotsFree == 0 { dropOldestClean() }
    let slot = arena.take()
    order.setOwner(owner, of: slot)
    return slot
  }

  /// Blocks that can be taken.
  var slotsAvailable: Int { arena.slotsFree + order.cleanCount }

  mutating func giveBack(_ slot: ArenaSlot) {
    order.remove(slot)
    arena.giveBack(slot)
  }
}

/// Bytes that a change writes: the whole write, and which part of it falls on one block.
struct WrittenBytes {
  /// All bytes of the write; `nil` when they are in the journal alone.
  var bytes: [UInt8]?
  /// Where the first byte of the write lies in the journal.
  var position: JournalPosition?
  var lsn: LSN
}

/// One 4 KiB block of a file with bytes that the backing file has not. The bytes that are not valid here are those of the layer
/// below: a block is never completed by reading.
struct DirtyBlock {
  private(set) var segments = BlockSegments()
  /// Where the segments in the arena are. Present exactly when there are such.
  private(set) var slot: ArenaSlot?
  /// The newest record with bytes in this block.
  private(set) var lastLSN = LSN.zero

  var isEmpty: Bool { segments.isEmpty }

  /// Takes the bytes of `written` from `start` on into the in-block range. Returns by how many bytes the block grew.
  mutating func write(
    _ range: Range<Int>, _ written: WrittenBytes, from start: Int, owner: BlockOwner, memory: inout BlockMemory
  ) -> Int {
    let position = written.position?.advanced(by: start)
    if let bytes = written.bytes {
      let slot = self.slot ?? memory.take(for: owner)
      self.slot = slot
      memory.arena.store(bytes, from: start, count: range.count, in: slot, at: range.lowerBound)
    } else {
      precondition(position != nil, "bytes that are not given must be in the journal")
    }
    let segment = BlockSegment(range, position: position, isInArena: written.bytes != nil)
    let replaced = segments.replace(with: segment)
    lastLSN = written.lsn
    settleSlot(isNewest: written.bytes != nil, &memory)
    return range.count - replaced
  }

  /// Makes the bytes of an in-block range invalid. Returns how many were valid.
  mutating func remove(_ range: Range<Int>, memory: inout BlockMemory) -> Int {
    let removed = segments.remove(range)
    settleSlot(isNewest: false, &memory)
    return removed
  }

  /// The bytes of an in-block range lie in the journal at `target`, no more at `source`.
  mutating func move(_ range: Range<Int>, from source: JournalPosition, to target: JournalPosition) {
    segments.move(range, from: source, to: target)
  }

  /// Frees the arena slot; the bytes stay valid in the journal.
  mutating func evict(memory: inout BlockMemory) {
    segments.leaveArena()
    settleSlot(isNewest: false, &memory)
  }

  /// Frees the arena slot of a block that goes away.
  func discard(memory: inout BlockMemory) {
    if let slot { memory.giveBack(slot) }
  }

  /// Gives back a slot without bytes, and keeps the eviction order true.
  private mutating func settleSlot(isNewest: Bool, _ memory: inout BlockMemory) {
    guard let slot else { return }
    if !segments.usesArena {
      memory.giveBack(slot)
      self.slot = nil
    } else if !segments.isWholeInJournal {
      memory.order.remove(slot)
    } else if isNewest || !memory.order.contains(slot) {
      memory.order.moveToEnd(slot)
    }
  }
}
