import FilesystemModel

/// The number of a block in the arena.
typealias ArenaSlot = Int32

/// A fixed number of 4 KiB blocks of memory, given out one by one.
///
/// The address space is reserved once; the kernel gives a page only when it is first written. Used slots are reused before
/// untouched ones. The only file of this target with unsafe pointers. Not locked: used under the owner's lock.
@safe final class BlockArena {
  // SAFETY: `memory` spans `slotsTotal` blocks from `init` to `deinit`. Every access goes through `address(of:)`, which checks
  // that the slot was given out, and checks its range against the block; bytes enter and leave by copying only.
  private let memory: UnsafeMutableRawPointer
  let slotsTotal: Int
  /// Slots from this one on were never given out; their pages may be untouched.
  private var firstUntouched = 0
  /// Slots that were given back, the last one first.
  private var returned: [ArenaSlot] = []

  static let blockBytes = 4096

  /// An arena of `bytes` rounded down to whole blocks.
  init(bytes: Int) {
    slotsTotal = min(bytes / Self.blockBytes, Int(ArenaSlot.max))
    precondition(slotsTotal > 0, "an arena has at least one block")
    unsafe memory = .allocate(byteCount: slotsTotal * Self.blockBytes, alignment: Self.blockBytes)
  }

  deinit { unsafe memory.deallocate() }

  var slotsUsed: Int { firstUntouched - returned.count }
  var slotsFree: Int { slotsTotal - slotsUsed }

  /// Takes a free slot. Its bytes are undefined until they are stored. There must be a free one.
  func take() -> ArenaSlot {
    if let slot = returned.popLast() { return slot }
    precondition(firstUntouched < slotsTotal, "the arena has no free block: the caller must ask hasRoom first")
    firstUntouched += 1
    return ArenaSlot(firstUntouched - 1)
  }

  func giveBack(_ slot: ArenaSlot) {
    precondition(slot >= 0 && slot < firstUntouched)
    returned.append(slot)
  }

  /// Copies `count` bytes from `start` of `bytes` into the slot at `offset`.
  func store(_ bytes: [UInt8], from start: Int, count: Int, in slot: ArenaSlot, at offset: Int) {
    precondition(start >= 0 && count >= 0 && start + count <= bytes.count)
    let target = unsafe address(of: slot, offset: offset, count: count)
    // SAFETY: the range of `bytes` and the range of the block were checked above; array and arena never overlap.
    unsafe bytes.withUnsafeBytes { source in
      guard count > 0, let base = source.baseAddress else { return }
      unsafe target.copyMemory(from: base + start, byteCount: count)
    }
  }

  /// Appends `count` bytes of the slot from `offset` to `bytes`.
  func append(_ slot: ArenaSlot, from offset: Int, count: Int, to bytes: inout [UInt8]) {
    // SAFETY: the range of the block is checked by `address`; these bytes were stored before, so they are initialised.
    let source = unsafe UnsafeRawBufferPointer(start: address(of: slot, offset: offset, count: count), count: count)
    unsafe bytes.append(contentsOf: source)
  }

  /// Copies the bytes of an in-block range from one slot to another.
  func copy(_ range: Range<Int>, from source: ArenaSlot, to target: ArenaSlot) {
    precondition(source != target)
    let bytes = unsafe address(of: source, offset: range.lowerBound, count: range.count)
    // SAFETY: `address` checks the range in both blocks, which are two.
    unsafe address(of: target, offset: range.lowerBound, count: range.count).copyMemory(from: bytes, byteCount: range.count)
  }

  private func address(of slot: ArenaSlot, offset: Int, count: Int) -> UnsafeMutableRawPointer {
    precondition(slot >= 0 && slot < firstUntouched && offset >= 0 && count >= 0 && offset + count <= Self.blockBytes)
    return unsafe memory + (Int(slot) * Self.blockBytes + offset)
  }

  /// All slots that are given back, for checks.
  var returnedSlots: [ArenaSlot] { returned }
}
