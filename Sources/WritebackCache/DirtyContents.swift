import FilesystemModel

/// The contents of inodes that are journaled and not yet written back: bytes, sizes, attributes and extended attributes.
///
/// Per inode there are up to two layers: *current* takes new changes, *sealed* is being written back and never changes. Reads
/// see current over sealed over the backing file, or over the clean blocks that are kept of it. Bytes are in a fixed arena of
/// 4 KiB blocks, or, evicted or replayed, in the journal alone. Everything here is in the journal already; nothing has an effect
/// on durability. Used under the owner's lock, from any thread. A copy would share the arena, so there is exactly one of each.
package struct DirtyContents {
  struct Layers {
    var current: Layer?
    var sealed: Layer?
  }

  /// The unit of memory: a write needs one free block for each that it touches.
  package static let blockBytes = BlockArena.blockBytes
  /// The length of an extent that write-back gets, at most.
  package static let extentBytesMax = 1 << 20

  private let rules: ProtocolRules
  private(set) var inodes: [InodeNumber: Layers] = [:]
  private(set) var memory: BlockMemory
  private(set) var age = AgeOrder()
  private var lastLSN = LSN.zero
  /// Bytes of both layers of all inodes, in memory or only in the journal; a byte that both layers have counts twice.
  package private(set) var dirtyBytes = 0
  /// Blocks with such bytes; one that both layers have counts twice.
  package private(set) var dirtyBlocks = 0
  /// What overwriting has saved so far, of changes whose bytes were given or only in the journal alike.
  package private(set) var coalesced = Coalesced()

  /// Contents with an arena of `memoryBytes`, rounded down to whole blocks, at least one.
  package init(memoryBytes: Int, rules: ProtocolRules = ProtocolRules()) {
    memory = BlockMemory(bytes: memoryBytes)
    self.rules = rules
  }

  /// Gives back the room of what is written back, but the arena's. O(n) in what is dirty.
  package mutating func shrink() {
    inodes.shrink()
    age.shrink()
  }

  /// Takes one journaled change into the current layer.
  ///
  /// Changes come in the order of their LSNs, over all inodes. Needs `hasRoom` when `bytes` are given.
  /// - Parameters:
  ///   - bytes: the written bytes; `nil` when they are only in the journal (replay), or when nothing was written.
  ///   - position: where the first written byte lies in the journal; without it the bytes cannot be evicted.
  /// - Complexity: O(blocks written); a resize or zero range O(dirty blocks it removes or the inode has, whichever are fewer).
  package mutating func apply(_ change: ContentChange, bytes: [UInt8]?, position: JournalPosition?, lsn: LSN) {
    precondition(lsn >= lastLSN, "changes come in the order of the journal")
    lastLSN = lsn
    let sizeBefore = size(of: change.inode)
    let written = WrittenBytes(bytes: bytes, position: position, lsn: lsn)
    var newBytes = 0
    var newBlocks = 0
    var isNew = false
    with(&inodes[change.inode, default: Layers()].current) { current in
      isNew = current == nil
      if isNew { current = Layer(inode: change.inode, firstLSN: lsn) }
      with(&current!) { layer in
        (newBytes, newBlocks) = (-layer.byteCount, -layer.blocks.count)
        layer.apply(change, written, sizeBefore: sizeBefore, memory: &memory)
        newBytes += layer.byteCount
        newBlocks += layer.blocks.count
      }
    }
    if isNew { age.append(AgeOrder.Entry(inode: change.inode, firstLSN: lsn)) }
    dirtyBytes += newBytes
    dirtyBlocks += newBlocks
    if case .write(_, let count)? = change.data { coalesced.count(written: count, newBytes: newBytes, newBlocks: newBlocks) }
  }

  /// Whether free and clean blocks of the arena suffice for writing `range`, whatever there is already.
  package func hasRoom(forWriting range: ByteRange, of inode: InodeNumber) -> Bool {
    guard !range.isEmpty else { return true }
    let free = memory.slotsAvailable
    guard range.blockIndexes.count > free else { return true }
    guard let blocks = inodes[inode]?.current?.blocks else { return false }
    return range.blockIndexes.count { blocks[$0]?.slot == nil } <= free
  }

  /// Drops the arena's copy of up to `blocks` blocks whose bytes are all in the journal, those written longest ago first.
  ///
  /// - Parameter writtenThrough: records up to here are in the journal's files and can be read back.
  /// - Returns: how many blocks of the arena became free.
  /// - Complexity: O(blocks evicted).
  package mutating func evict(blocks: Int, writtenThrough: LSN) -> Int {
    var evicted = 0
    while evicted < blocks, let slot = memory.order.oldest {
      let owner = memory.order.owner(of: slot)
      guard let lastLSN = lastLSN(in: slot, of: owner) else { preconditionFailure("a slot belongs to a dirty block") }
      guard lastLSN <= writtenThrough else { break }
      if inodes[owner.inode]?.sealed?.blocks[owner.block]?.slot == slot {
        inodes[owner.inode]?.sealed?.evict(owner.block, memory: &memory)
      } else {
        inodes[owner.inode]?.current?.evict(owner.block, memory: &memory)
      }
      evicted += 1
    }
    return evicted
  }

  /// The newest record in the block that has a slot.
  private func lastLSN(in slot: ArenaSlot, of owner: BlockOwner) -> LSN? {
    if let block = inodes[owner.inode]?.sealed?.blocks[owner.block], block.slot == slot { return block.lastLSN }
    if let block = inodes[owner.inode]?.current?.blocks[owner.block], block.slot == slot { return block.lastLSN }
    return nil
  }

  /// Closes the current layer for write-back: it becomes the sealed one.
  ///
  /// - Returns: false when there is a sealed layer already, or nothing is dirty.
  package mutating func seal(_ inode: InodeNumber) -> Bool {
    guard let layers = inodes[inode], layers.sealed == nil, let current = layers.current else { return false }
    inodes[inode] = Layers(current: nil, sealed: current)
    return true
  }

  /// Changes where both layers of an inode have their bytes, and nothing else.
  mutating func changeLayers(of inode: InodeNumber, _ change: (inout Layer) -> Void) {
    guard inodes[inode] != nil else { return }
    with(&inodes[inode]!) { layers in
      if layers.sealed != nil { change(&layers.sealed!) }
      if layers.current != nil { change(&layers.current!) }
    }
  }

  /// Frees the sealed layer, which is written back and durable in the backing directory.
  ///
  /// - Parameters:
  ///   - basis: The state that the file is in now: what is in memory of it stays as clean blocks. `nil` when that is not known:
  ///     then nothing stays; but without a change of data, the clean blocks there are.
  ///   - carriesOver: Whether the file was in the state of the clean blocks there are before it was written to.
  /// - Complexity: O(its blocks, and the inode's clean ones).
  package mutating func release(_ inode: InodeNumber, keeping basis: CleanBasis? = nil, carriesOver: Bool = false) {
    guard let layers = inodes[inode], let sealed = layers.sealed else { return }
    if let basis {
      memory.keep(sealed, basis, carriesOver: carriesOver)
      uncount(sealed)
    } else {
      if sealed.sizeAfter != nil { memory.dropClean(inode) }
      free(sealed)
    }
    if layers.current == nil { inodes[inode] = nil } else { inodes[inode]?.sealed = nil }
    dropGoneFromAge()
  }

  /// Drops an inode's clean blocks: they may not be what the backing file has.
  ///
  /// - Complexity: O(the blocks).
  package mutating func dropClean(_ inode: InodeNumber) { memory.dropClean(inode) }

  /// Drops both layers and clean blocks: the inode's last name is gone (R16). It must not be in an open plan.
  ///
  /// - Returns: the last record whose change is dropped; `nil` when nothing was dirty.
  /// - Complexity: O(its blocks).
  package mutating func discard(_ inode: InodeNumber) -> LSN? {
    memory.dropClean(inode)
    guard let layers = inodes.removeValue(forKey: inode) else { return nil }
    if let sealed = layers.sealed { free(sealed) }
    if let current = layers.current { free(current) }
    dropGoneFromAge()
    return (layers.current ?? layers.sealed)?.lastLSN
  }

  private mutating func free(_ layer: Layer) {
    layer.discard(memory: &memory)
    uncount(layer)
  }

  private mutating func uncount(_ layer: Layer) {
    dirtyBytes -= layer.byteCount
    dirtyBlocks -= layer.blocks.count
  }

  private mutating func dropGoneFromAge() {
    age.drop(liveMax: 2 * inodes.count) { entry in
      let layers = inodes[entry.inode]
      return layers?.sealed?.firstLSN != entry.firstLSN && layers?.current?.firstLSN != entry.firstLSN
    }
  }

  /// What write-back has to write; `nil` when nothing is sealed.
  ///
  /// - Complexity: O(n log n) of the sealed blocks.
  package func sealed(_ inode: InodeNumber) -> SealedContents? {
    guard let layer = inodes[inode]?.sealed else { return nil }
    return SealedContents(
      inode: inode, smallestSize: rules.keepsSmallestSize ? layer.smallestSize : nil, sizeAfter: layer.sizeAfter,
      zeroed: layer.zeroed.ranges, extents: layer.extents(bytesMax: Self.extentBytesMax), attributes: layer.attributes,
      extendedAttributes: layer.extendedAttributes, firstLSN: layer.firstLSN, through: layer.lastLSN)
  }
}

private func with<Value>(_ value: inout Value, _ body: (inout Value) -> Void) { body(&value) }
