import FilesystemModel

/// The pending items by the age of their oldest record: a binary heap whose outdated entries are dropped when they come up.
///
/// - Complexity: `push` O(log n); `removeOutdated` O(log n) amortised.
struct OldestFirst {
  struct Entry {
    var lsn: LSN
    var key: Stage
  }

  private var entries: [Entry] = []

  var first: Entry? { entries.first }

  mutating func push(_ entry: Entry) {
    entries.append(entry)
    var child = entries.count - 1
    while child > 0, entries[child].lsn < entries[(child - 1) / 2].lsn {
      entries.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func shrink() { entries.shrink() }

  /// Drops entries that describe no item any more, until the first one does.
  ///
  /// - Parameter liveCount: How many items there are; with too many outdated entries below the top the heap is built anew.
  mutating func removeOutdated(liveCount: Int, isCurrent: (Entry) -> Bool) {
    while let entry = entries.first, !isCurrent(entry) { removeFirst() }
    guard entries.count > 2 * liveCount + 64 else { return }
    let current = entries.filter(isCurrent)
    entries.removeAll(keepingCapacity: true)
    for entry in current { push(entry) }
  }

  private mutating func removeFirst() {
    entries.swapAt(0, entries.count - 1)
    entries.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < entries.count {
        if entries[child].lsn < entries[least].lsn { least = child }
      }
      if least == parent { return }
      entries.swapAt(parent, least)
      parent = least
    }
  }
}
