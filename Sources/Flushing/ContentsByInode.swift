import FilesystemModel

/// Dirty contents that no open plan has sealed, counted by urgency.
struct ContentsByInode: Sequence {
  private var values: [InodeNumber: WritebackQueue.DirtyContents] = [:]
  private(set) var counts = CountsByUrgency()

  func makeIterator() -> Dictionary<InodeNumber, WritebackQueue.DirtyContents>.Iterator { values.makeIterator() }
  var count: Int { values.count }
  var isEmpty: Bool { values.isEmpty }

  subscript(inode: InodeNumber) -> WritebackQueue.DirtyContents? {
    get { values[inode] }
    set {
      if let old = values[inode] { counts[old.urgency] -= 1 }
      if let newValue { counts[newValue.urgency] += 1 }
      values[inode] = newValue
    }
  }

  mutating func removeValue(forKey inode: InodeNumber) -> WritebackQueue.DirtyContents? {
    defer { self[inode] = nil }
    return values[inode]
  }
}
