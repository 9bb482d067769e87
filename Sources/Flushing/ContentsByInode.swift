import FilesystemModel

/// Dirty contents that no open plan has sealed, counted by urgency. Idle times are among them, but do not count.
struct ContentsByInode: Sequence {
  private var values: [InodeNumber: WritebackQueue.DirtyContents] = [:]
  private(set) var counts = CountsByUrgency()
  /// How many are part of a long stream.
  private(set) var streamCount = 0
  /// Directories with idle times.
  private(set) var idle: Set<InodeNumber> = []

  func makeIterator() -> Dictionary<InodeNumber, WritebackQueue.DirtyContents>.Iterator { values.makeIterator() }
  var count: Int { values.count - idle.count }
  var isEmpty: Bool { count == 0 }

  subscript(inode: InodeNumber) -> WritebackQueue.DirtyContents? {
    get { values[inode] }
    set {
      let old = if let newValue { values.updateValue(newValue, forKey: inode) } else { values.removeValue(forKey: inode) }
      if let old { add(-1, old, inode) }
      if let newValue { add(1, newValue, inode) }
    }
  }

  mutating func shrink() {
    values.shrink()
    idle.shrink()
  }

  private mutating func add(_ count: Int, _ contents: WritebackQueue.DirtyContents, _ inode: InodeNumber) {
    if contents.isStream { streamCount += count }
    if !contents.isIdle {
      counts[contents.urgency] += count
    } else if count > 0 {
      idle.insert(inode)
    } else {
      idle.remove(inode)
    }
  }

  mutating func removeValue(forKey inode: InodeNumber) -> WritebackQueue.DirtyContents? {
    defer { self[inode] = nil }
    return values[inode]
  }
}
