/// Distinct keys in ascending order, in one array: made for keys that mostly arrive in order and leave in groups.
///
/// - Complexity: `insert` of the greatest key O(1), else O(n) of memory moved; `remove(contentsOf:)` O(n) once for the whole
/// group.
struct SortedKeys<Key: Comparable> {
  private(set) var keys: [Key] = []

  var isEmpty: Bool { keys.isEmpty }
  var count: Int { keys.count }

  /// The index of the first key that is not less than `key`.
  private func position(of key: Key) -> Int {
    var low = 0
    var high = keys.count
    while low < high {
      let middle = (low + high) / 2
      if keys[middle] < key { low = middle + 1 } else { high = middle }
    }
    return low
  }

  func contains(_ key: Key) -> Bool {
    let index = position(of: key)
    return index < keys.count && keys[index] == key
  }

  mutating func insert(_ key: Key) {
    guard let last = keys.last, !(last < key) else { return keys.append(key) }
    let index = position(of: key)
    if keys[index] != key { keys.insert(key, at: index) }
  }

  /// - Complexity: O(k log k) for k new keys, plus the keys that are greater than the least of them.
  mutating func insert(contentsOf others: [Key]) {
    let added = others.sorted()
    guard let first = added.first else { return }
    let start = position(of: first)
    var merged: [Key] = []
    merged.reserveCapacity(keys.count - start + added.count)
    var next = start
    for key in added where merged.last != key {
      while next < keys.count, keys[next] < key {
        merged.append(keys[next])
        next += 1
      }
      if next == keys.count || keys[next] != key { merged.append(key) }
    }
    merged += keys[next...]
    keys.replaceSubrange(start..., with: merged)
  }

  mutating func shrink() { keys.shrink() }

  mutating func remove(_ key: Key) {
    let index = position(of: key)
    if index < keys.count, keys[index] == key { keys.remove(at: index) }
  }

  mutating func remove(contentsOf others: [Key]) {
    let removed = others.sorted()
    guard let first = removed.first else { return }
    var next = 0
    var kept = position(of: first)
    for index in kept..<keys.count {
      while next < removed.count, removed[next] < keys[index] { next += 1 }
      if next < removed.count, removed[next] == keys[index] { continue }
      keys[kept] = keys[index]
      kept += 1
    }
    keys.removeLast(keys.count - kept)
  }
}
