import FilesystemModel

extension PendingGraph {
  /// The pending creation or rename that the new rename or removal continues, where both can be carried out as one action that is
  /// the same for everybody else (R13).
  func foldable(into item: PendingItem, _ facts: ChangeFacts) -> PendingItem? {
    guard let source = item.source, item.kind == .rename || facts.losesLastName else { return nil }
    let candidates = (keysByInode[item.inode] ?? []).compactMap { items[$0] }.filter { earlier in
      earlier.inode == item.inode && earlier.target == source && isFree(earlier)
        && (earlier.kind == .create || earlier.kind == .rename)
    }
    guard candidates.count == 1, let earlier = candidates.first, canFold(earlier, item, facts) else { return nil }
    return isUndone(earlier, by: item) && item.replaced != nil ? nil : earlier
  }

  private func isUndone(_ earlier: PendingItem, by item: PendingItem) -> Bool {
    earlier.kind == .rename && earlier.source == item.target
  }

  /// Enters the later one in place of the earlier one, or neither where it undoes that.
  mutating func fold(_ earlier: PendingItem, into later: PendingItem) -> AddResult {
    let completes = (earlier.completes + later.completes).sorted()
    let discards = earlier.discards + later.discards
    if isUndone(earlier, by: later) {
      remove(earlier.key)
      return AddResult(completed: completes, contents: discards)
    }
    var merged = later
    merged.source = earlier.source
    if earlier.kind == .create {
      merged.kind = .create
      merged.movesDirectory = false
    }
    merged.completes = completes
    merged.discards = discards
    merged.firstMilliseconds = min(earlier.firstMilliseconds, later.firstMilliseconds)
    replace(earlier, by: merged)
    return AddResult()
  }

  /// The earlier one replaced nothing, a creation does not come to replace anything, the direct edge is the only path between the
  /// two, and what is replaced is not a directory that the earlier one needs.
  private func canFold(_ earlier: PendingItem, _ item: PendingItem, _ facts: ChangeFacts) -> Bool {
    guard earlier.replaced == nil, earlier.completes.count + item.completes.count <= Self.mergedRecordsMax else { return false }
    if earlier.kind == .create, item.kind != .rename || item.replaced != nil { return false }
    guard rules.foldsOnlyDirectEdges else { return true }
    // The order of those that give a directory another parent is that of their keys.
    guard earlier.kind == .create || earlier.reparentsDirectory == item.reparentsDirectory else { return false }
    if let replaced = item.replaced, earlier.parents.contains(replaced) { return false }
    if let target = item.target, item.movesDirectory, facts.isBelow(target.parent, item.inode) { return false }
    return !hasDetour(from: item, to: earlier.key)
  }

  /// Whether the item waits for the earlier one also through others. A search that becomes long answers yes: folding is never
  /// necessary.
  private func hasDetour(from item: PendingItem, to earlier: Stage) -> Bool {
    var pending = item.dependencies.filter { $0 != earlier }
    var seen = pending
    while let key = pending.popFirst() {
      for dependency in items[key]?.dependencies ?? [] {
        if dependency == earlier { return true }
        if seen.insert(dependency).inserted { pending.insert(dependency) }
      }
      if seen.count > 1000 { return true }
    }
    return false
  }
}
