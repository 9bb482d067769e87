import FilesystemModel

/// The block that an arena slot belongs to.
struct BlockOwner: Hashable {
  var inode: InodeNumber
  var block: Int
}

/// The arena slots whose blocks may be evicted, the one written longest ago first, and those of clean blocks, the one clean for
/// longest first: two lists linked through one array. All O(1).
struct EvictionOrder {
  enum List {
    /// The journal has their bytes.
    case journaled
    /// The backing file has them.
    case clean
  }

  private struct Link {
    var owner: BlockOwner
    var previous: ArenaSlot
    var next: ArenaSlot
    var list: List?
  }

  private struct Ends {
    var oldest: ArenaSlot?
    var newest: ArenaSlot?
  }

  private static let end: ArenaSlot = -1
  private var links: [Link] = []
  private var journaled = Ends()
  private var clean = Ends()
  private(set) var cleanCount = 0

  var oldest: ArenaSlot? { journaled.oldest }
  var oldestClean: ArenaSlot? { clean.oldest }

  func owner(of slot: ArenaSlot) -> BlockOwner { links[Int(slot)].owner }
  func contains(_ slot: ArenaSlot) -> Bool { links[Int(slot)].list != nil }
  func isClean(_ slot: ArenaSlot) -> Bool { links[Int(slot)].list == .clean }

  func next(after slot: ArenaSlot) -> ArenaSlot? {
    let next = links[Int(slot)].next
    return next == Self.end ? nil : next
  }

  /// Notes whom a slot belongs to that was just taken. It is not yet in a list.
  mutating func setOwner(_ owner: BlockOwner, of slot: ArenaSlot) {
    let link = Link(owner: owner, previous: Self.end, next: Self.end, list: nil)
    if Int(slot) == links.count {
      links.append(link)
    } else {
      precondition(links[Int(slot)].list == nil)
      links[Int(slot)] = link
    }
  }

  /// Puts a slot at the end of a list, out of the other.
  mutating func moveToEnd(_ slot: ArenaSlot, of list: List = .journaled) {
    if self[list].newest == slot { return }
    remove(slot)
    links[Int(slot)].list = list
    links[Int(slot)].previous = self[list].newest ?? Self.end
    if let newest = self[list].newest { links[Int(newest)].next = slot } else { self[list].oldest = slot }
    self[list].newest = slot
    if list == .clean { cleanCount += 1 }
  }

  /// Takes a slot out of its list if it is in one.
  mutating func remove(_ slot: ArenaSlot) {
    let link = links[Int(slot)]
    guard let list = link.list else { return }
    if link.previous == Self.end {
      self[list].oldest = link.next == Self.end ? nil : link.next
    } else {
      links[Int(link.previous)].next = link.next
    }
    if link.next == Self.end {
      self[list].newest = link.previous == Self.end ? nil : link.previous
    } else {
      links[Int(link.next)].previous = link.previous
    }
    links[Int(slot)].previous = Self.end
    links[Int(slot)].next = Self.end
    links[Int(slot)].list = nil
    if list == .clean { cleanCount -= 1 }
  }

  private subscript(list: List) -> Ends {
    get { list == .journaled ? journaled : clean }
    set { if list == .journaled { journaled = newValue } else { clean = newValue } }
  }
}
