import FilesystemModel

/// The layers in the order in which they became dirty. Entries of layers that are gone are dropped when they come to the front,
/// or when they are more than the others.
struct AgeOrder {
  struct Entry: Hashable {
    var inode: InodeNumber
    var firstLSN: LSN
  }

  private var entries: [Entry] = []
  private var front = 0

  var count: Int { entries.count - front }
  var oldest: Entry? { front < entries.count ? entries[front] : nil }

  /// Adds a layer whose first record is not older than that of any other.
  mutating func append(_ entry: Entry) {
    precondition(front == entries.count || entries[entries.count - 1].firstLSN <= entry.firstLSN)
    entries.append(entry)
  }

  mutating func shrink() { entries.shrink() }

  /// Drops entries that are not live. Amortised O(1).
  ///
  /// - Parameter liveMax: no more entries than this are live.
  mutating func drop(liveMax: Int, where isGone: (Entry) -> Bool) {
    while front < entries.count, isGone(entries[front]) { front += 1 }
    if front > 64, front * 2 > entries.count {
      entries.removeFirst(front)
      front = 0
    }
    guard count > 2 * liveMax + 64 else { return }
    entries.removeAll(where: isGone)
    front = 0
  }
}
