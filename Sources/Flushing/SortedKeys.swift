/// Distinct keys in ascending order, in one array: made for keys that mostly arrive in order and leave in groups or in order.
///
/// - Complexity: `insert` of the greatest key O(1), else O(n) of memory moved; `remove` of the least key O(1), amortised, else of
/// memory moved for what lies between it and the nearer end; `remove(contentsOf:)` O(n) once for the whole group.
struct SortedKeys<Key: Comparable> {
  private var storage: [Key] = []
  /// What lies before is gone.
  private var start = 0

  /// The keys, ascending.
  var keys: ArraySlice<Key> { storage[start...] }
  var isEmpty: Bool { count == 0 }
  var count: Int { storage.count - start }

  /// The index of the first key that is not less than `key`.
  private func position(of key: Key) -> Int {
    var low = start
    var high = storage.count
    while low < high {
      let middle = (low + high) / 2
      if storage[middle] < key { low = middle + 1 } else { high = middle }
    }
    return low
  }

  func contains(_ key: Key) -> Bool {
    let index = position(of: key)
    return index < storage.count && storage[index] == key
  }

  mutating func insert(_ key: Key) {
    guard let last = keys.last, !(last < key) else { return storage.append(key) }
    let index = position(of: key)
    if storage[index] != key { storage.insert(key, at: index) }
  }

  /// - Complexity: O(k log k) for k new keys, plus the keys that are greater than the least of them.
  mutating func insert(contentsOf others: [Key]) {
    let added = others.sorted()
    guard let first = added.first else { return }
    let least = position(of: first)
    var merged: [Key] = []
    merged.reserveCapacity(storage.count - least + added.count)
    var next = least
    for key in added where merged.last != key {
      while next < storage.count, storage[next] < key {
        merged.append(storage[next])
        next += 1
      }
      if next == storage.count || storage[next] != key { merged.append(key) }
    }
    merged += storage[next...]
    storage.replaceSubrange(least..., with: merged)
  }

  mutating func shrink() {
    dropGone()
    storage.shrink()
  }

  private mutating func dropGone() {
    storage.removeFirst(start)
    start = 0
  }

  mutating func remove(_ key: Key) {
    var index = position(of: key)
    guard index < storage.count, storage[index] == key else { return }
    guard index - start < storage.count - index else {
      storage.remove(at: index)
      return
    }
    // The nearer end moves: that is the beginning.
    while index > start {
      storage[index] = storage[index - 1]
      index -= 1
    }
    start += 1
    if start > storage.count / 2 { dropGone() }
  }

  mutating func remove(contentsOf others: [Key]) {
    let removed = others.sorted()
    guard let first = removed.first else { return }
    var next = 0
    var kept = position(of: first)
    for index in kept..<storage.count {
      while next < removed.count, removed[next] < storage[index] { next += 1 }
      if next < removed.count, removed[next] == storage[index] { continue }
      storage[kept] = storage[index]
      kept += 1
    }
    storage.removeLast(storage.count - kept)
  }
}
