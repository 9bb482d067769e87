import FilesystemModel

/// Which row of a directory has a name: a hash table with open addressing over rows that belong to the directory. A directory of
/// few rows has none, and is searched.
///
/// A row is found, added and removed in O(1), amortised.
struct NameIndex {
  /// As many as a power of two, at most seven of eight taken, or none. Each is 0, or the name's hash in the high half and the
  /// row's number, counted from 1, in the low half.
  private var slots: [UInt64] = []
  private var taken = 0

  private static let searchedRowsMax = 8

  func find(_ name: EntryName, in rows: [Directory.Row]) -> Int? {
    guard !slots.isEmpty else { return rows.firstIndex { $0.name == name } }
    var slot = home(of: name.hash)
    while slots[slot] != 0 {
      if UInt32(truncatingIfNeeded: slots[slot] >> 32) == name.hash, rows[row(at: slot)].name == name { return row(at: slot) }
      slot = next(slot)
    }
    return nil
  }

  /// Takes in the row that was added last.
  mutating func add(_ rows: [Directory.Row]) {
    guard !slots.isEmpty, (taken + 1) * 8 <= slots.count * 7 else {
      if rows.count > Self.searchedRowsMax { rebuild(rows) }
      return
    }
    enter(rows.count - 1, rows)
  }

  /// Leaves out a row, which still has its name.
  mutating func remove(_ row: Int, in rows: [Directory.Row]) {
    guard !slots.isEmpty, let name = rows[row].name else { return }
    var vacant = home(of: name.hash)
    while self.row(at: vacant) != row { vacant = next(vacant) }
    slots[vacant] = 0
    taken -= 1
    // What lies behind moves up as far as its hash allows, so that no search ends too early.
    var slot = next(vacant)
    while slots[slot] != 0 {
      let wanted = home(of: UInt32(truncatingIfNeeded: slots[slot] >> 32))
      if (slot &- wanted) & (slots.count - 1) >= (slot &- vacant) & (slots.count - 1) {
        slots.swapAt(vacant, slot)
        vacant = slot
      }
      slot = next(slot)
    }
  }

  /// Takes in all rows, those without a name left out, with room for some more.
  mutating func rebuild(_ rows: [Directory.Row]) {
    let named = rows.count { $0.name != nil }
    taken = 0
    slots = []
    guard rows.count > Self.searchedRowsMax else { return }
    var slotCount = 16
    while (named + 1) * 8 > slotCount * 7 { slotCount *= 2 }
    slots = Array(repeating: 0, count: slotCount)
    for row in rows.indices { enter(row, rows) }
  }

  private mutating func enter(_ row: Int, _ rows: [Directory.Row]) {
    guard let name = rows[row].name else { return }
    var slot = home(of: name.hash)
    while slots[slot] != 0 { slot = next(slot) }
    slots[slot] = UInt64(name.hash) << 32 | UInt64(row + 1)
    taken += 1
  }

  private func row(at slot: Int) -> Int { Int(UInt32(truncatingIfNeeded: slots[slot])) - 1 }
  private func next(_ slot: Int) -> Int { (slot + 1) & (slots.count - 1) }

  /// Fibonacci hashing, as in `InodeIndex`.
  private func home(of hash: UInt32) -> Int {
    Int(truncatingIfNeeded: (UInt64(hash) &* 0x9e37_79b9_7f4a_7c15) >> UInt64(64 - slots.count.trailingZeroBitCount))
  }
}
