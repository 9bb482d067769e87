import FilesystemModel

extension PendingGraph {
  /// Carries out a creation or rename and the rename or removal that continues it as one action, where that is the same for
  /// everybody else (R13).
  mutating func fold(_ key: Stage, _ facts: ChangeFacts) -> AddResult {
    guard let item = items[key], let source = item.source else { return AddResult() }
    let isRemoval = item.kind != .rename
    guard !isRemoval || facts.losesLastName else { return AddResult() }
    let candidates = (keysByInode[item.inode] ?? []).compactMap { items[$0] }.filter { earlier in
      earlier.key != key && earlier.inode == item.inode && earlier.target == source && isFree(earlier)
        && (earlier.kind == .create || earlier.kind == .rename)
    }
    guard candidates.count == 1, let earlier = candidates.first, canFold(earlier, item, facts) else { return AddResult() }
    if earlier.kind == .rename, earlier.source == item.target {
      guard item.replaced == nil else { return AddResult() }
      remove(key)
      remove(earlier.key)
      return AddResult(
        completed: (earlier.completes + item.completes).sorted(), contents: earlier.discards + item.discards)
    }
    absorb(earlier.key, into: key)
    modify(key) { merged in
      merged.source = earlier.source
      if earlier.kind == .create { merged.kind = .create }
      if earlier.kind == .create { merged.movesDirectory = false }
      merged.completes = (earlier.completes + item.completes).sorted()
      merged.discards = earlier.discards + item.discards
      merged.firstMilliseconds = min(earlier.firstMilliseconds, item.firstMilliseconds)
    }
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
