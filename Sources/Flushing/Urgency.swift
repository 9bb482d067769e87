/// Which of several pending changes is written back first, the most urgent first; among equals the oldest is.
package enum Urgency: Int, Hashable, Comparable, Sendable, CaseIterable {
  /// Somebody waits for it: due at once.
  case pressed
  case high
  case normal
  case low

  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

  /// As statistics have it.
  var name: String {
    switch self {
    case .pressed: "awaited"
    case .high: "high"
    case .normal: "normal"
    case .low: "low"
    }
  }
}

/// How many there are of each urgency.
struct CountsByUrgency {
  private var counts = [Int](repeating: 0, count: Urgency.allCases.count)

  subscript(urgency: Urgency) -> Int {
    get { counts[urgency.rawValue] }
    set { counts[urgency.rawValue] = newValue }
  }
}

/// Distinct keys in ascending order for each urgency.
struct KeysByUrgency<Key: Comparable> {
  private var lists = Urgency.allCases.map { _ in SortedKeys<Key>() }

  subscript(urgency: Urgency) -> ArraySlice<Key> { lists[urgency.rawValue].keys }

  /// The least key of all. O(1).
  var first: Key? { lists.compactMap(\.keys.first).min() }

  /// All keys, ascending. O(n log n) where there are several urgencies.
  var all: [Key] {
    let full = lists.filter { !$0.isEmpty }
    return full.count == 1 ? Array(full[0].keys) : full.flatMap(\.keys).sorted()
  }

  mutating func insert(_ key: Key, _ urgency: Urgency) { lists[urgency.rawValue].insert(key) }

  mutating func insert(contentsOf keys: [Key], _ urgency: Urgency) { lists[urgency.rawValue].insert(contentsOf: keys) }

  mutating func shrink() { for index in lists.indices { lists[index].shrink() } }

  mutating func remove(_ key: Key, _ urgency: Urgency) { lists[urgency.rawValue].remove(key) }

  mutating func remove(contentsOf keys: [Key], _ urgency: Urgency) { lists[urgency.rawValue].remove(contentsOf: keys) }
}

/// Goes through several ascending lists as if they were one.
struct MergedKeys<Key: Comparable> {
  private var lists: [ArraySlice<Key>]

  init(_ keys: KeysByUrgency<Key>, _ urgencies: [Urgency]) { lists = urgencies.map { keys[$0] } }

  private var leading: Int? {
    var best: Int?
    for index in lists.indices {
      guard let key = lists[index].first else { continue }
      if let known = best, !(key < lists[known].first!) { continue }
      best = index
    }
    return best
  }

  var first: Key? { leading.flatMap { lists[$0].first } }

  mutating func popFirst() -> Key? { leading.flatMap { lists[$0].popFirst() } }

  mutating func removeAll() { lists = [] }
}
