import FilesystemModel

/// Inodes by their numbers: a hash table with open addressing, whose slots are references and nothing else.
///
/// All operations are O(1), amortised.
struct InodeIndex {
  private(set) var count = 0
  /// As many as a power of two, at most seven of eight taken. An inode is where its number leads, or in the first slot behind
  /// that was free.
  private var slots: [Inode?] = Array(repeating: nil, count: slotsMin)

  private static let slotsMin = 16

  /// In no order.
  var all: some Sequence<Inode> { slots.lazy.compactMap(\.self) }

  subscript(number: InodeNumber) -> Inode? { slots[slot(of: number)] }

  /// Adds an inode whose number is new.
  mutating func insert(_ inode: Inode) {
    if (count + 1) * 8 > slots.count * 7 { resize(to: slots.count * 2) }
    slots[slot(of: inode.number)] = inode
    count += 1
  }

  mutating func remove(_ number: InodeNumber) {
    var vacant = slot(of: number)
    guard slots[vacant] != nil else { return }
    slots[vacant] = nil
    count -= 1
    // What lies behind moves up as far as its number allows, so that no search ends too early.
    var slot = next(vacant)
    while let inode = slots[slot] {
      let wanted = home(of: inode.number)
      if (slot &- wanted) & (slots.count - 1) >= (slot &- vacant) & (slots.count - 1) {
        slots.swapAt(vacant, slot)
        vacant = slot
      }
      slot = next(slot)
    }
    if count * 4 < slots.count, slots.count > Self.slotsMin { resize(to: slots.count / 2) }
  }

  private mutating func resize(to slotCount: Int) {
    let old = slots
    slots = Array(repeating: nil, count: slotCount)
    for inode in old { if let inode { slots[slot(of: inode.number)] = inode } }
  }

  /// Where an inode is; for one that is not here, where it belongs.
  private func slot(of number: InodeNumber) -> Int {
    var slot = home(of: number)
    while let inode = slots[slot], inode.number != number { slot = next(slot) }
    return slot
  }

  private func next(_ slot: Int) -> Int { (slot + 1) & (slots.count - 1) }

  /// Consecutive numbers, and those with equal distances, spread evenly (Knuth, The Art of Computer Programming, 6.4: Fibonacci
  /// hashing).
  private func home(of number: InodeNumber) -> Int {
    Int(truncatingIfNeeded: (number.rawValue &* 0x9e37_79b9_7f4a_7c15) >> UInt64(64 - slots.count.trailingZeroBitCount))
  }
}
