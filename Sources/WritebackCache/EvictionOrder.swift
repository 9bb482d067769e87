import FilesystemModel

/// The block that an arena slot belongs to.
struct BlockOwner: Hashable {
  var inode: InodeNumber
  var block: Int
}

/// The arena slots whose blocks may be evicted, the one written longest ago first: a list linked through an array. All O(1).
struct EvictionOrder {
  private struct Link {
    var owner: BlockOwner
    var previous: ArenaSlot
    var next: ArenaSlot
    var isLinked: Bool
  }

  private static let end: ArenaSlot = -1
  private var links: [Link] = []
  private(set) var oldest: ArenaSlot?
  private var newest: ArenaSlot?

  func owner(of slot: ArenaSlot) -> BlockOwner { links[Int(slot)].owner }
  func contains(_ slot: ArenaSlot) -> Bool { links[Int(slot)].isLinked }

  func next(after slot: ArenaSlot) -> ArenaSlot? {
    let next = links[Int(slot)].next
    return next == Self.end ? nil : next
  }

  /// Notes whom a slot belongs to that was just taken. It is not yet in the order.
  mutating func setOwner(_ owner: BlockOwner, of slot: ArenaSlot) {
    let link = Link(owner: owner, previous: Self.end, next: Self.end, isLinked: false)
    if Int(slot) == links.count {
      links.append(link)
    } else {
      precondition(!links[Int(slot)].isLinked)
      links[Int(slot)] = link
    }
  }

  /// Puts a slot at the end of the order.
  mutating func moveToEnd(_ slot: ArenaSlot) {
    if newest == slot { return }
    remove(slot)
    links[Int(slot)].isLinked = true
    links[Int(slot)].previous = newest ?? Self.end
    if let newest { links[Int(newest)].next = slot } else { oldest = slot }
    newest = slot
  }

  /// Takes a slot out of the order if it is in it.
  mutating func remove(_ slot: ArenaSlot) {
    let link = links[Int(slot)]
    guard link.isLinked else { return }
    if link.previous == Self.end {
      oldest = link.next == Self.end ? nil : link.next
    } else {
      links[Int(link.previous)].next = link.next
    }
    if link.next == Self.end {
      newest = link.previous == Self.end ? nil : link.previous
    } else {
      links[Int(link.next)].previous = link.previous
    }
    links[Int(slot)].previous = Self.end
    links[Int(slot)].next = Self.end
    links[Int(slot)].isLinked = false
  }
}
