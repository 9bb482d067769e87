// Collections keep the room of what was in them; what waits for write-back can be a million changes now and none in a minute.

/// Whether so much more room is taken than is needed that giving it back is worth a copy.
private func isSpacious(capacity: Int, count: Int) -> Bool { capacity > max(4 * count, 1024) }

extension Dictionary {
  /// Gives back the room of what is gone, where it is much. O(n) in what is left.
  package mutating func shrink() {
    guard isSpacious(capacity: capacity, count: count) else { return }
    var smaller = Self(minimumCapacity: count)
    for (key, value) in self { smaller.updateValue(value, forKey: key) }
    self = smaller
  }
}

extension Set {
  /// Gives back the room of what is gone, where it is much. O(n) in what is left.
  package mutating func shrink() {
    guard isSpacious(capacity: capacity, count: count) else { return }
    var smaller = Self(minimumCapacity: count)
    for element in self { smaller.insert(element) }
    self = smaller
  }
}

extension Array {
  /// Gives back the room of what is gone, where it is much. O(n) in what is left.
  package mutating func shrink() {
    guard isSpacious(capacity: capacity, count: count) else { return }
    self = map { $0 }
  }
}
