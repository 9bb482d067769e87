import FilesystemModel

extension PendingGraph {
  mutating func addToIndexes(_ item: PendingItem) {
    counts[item.urgency] += 1
    for name in item.names { keysByName[name, default: []].append(item.key) }
    for inode in item.inodes { keysByInode[inode, default: []].append(item.key) }
    for parent in item.parents {
      if keysByParent[parent] == nil { settledParents.append(parent) }
      keysByParent[parent, default: []].insert(item.key)
    }
    if item.kind == .create { creations[item.inode] = item.key }
    if item.reparentsDirectory { directoryRenames.insert(item.key) }
    oldestFirst.push(OldestFirst.Entry(lsn: item.firstLSN, key: item.key))
  }

  mutating func removeFromIndexes(_ item: PendingItem) {
    counts[item.urgency] -= 1
    for name in item.names { keysByName.remove(item.key, from: name) }
    for inode in item.inodes { keysByInode.remove(item.key, from: inode) }
    for parent in item.parents where keysByParent.remove(item.key, from: parent) { settledParents.append(parent) }
    if creations[item.inode] == item.key { creations[item.inode] = nil }
    directoryRenames.remove(item.key)
  }

  /// Changes what an item does, not what it waits for.
  mutating func modify(_ key: Stage, _ change: (inout PendingItem) -> Void) {
    guard var item = items[key] else { return }
    removeFromIndexes(item)
    noteRewritten(item)
    item.isParked = false
    change(&item)
    items[key] = item
    addToIndexes(item)
    updateReadiness(key)
    dropOutdatedAges()
  }

  /// Takes out an item that will never be carried out; what waited for it waits for its dependencies.
  mutating func remove(_ key: Stage) {
    guard let (item, waiting) = takeOut(key) else { return }
    noteRewritten(item)
    for dependent in waiting {
      items[dependent]?.dependencies.remove(key)
      for dependency in item.dependencies where dependency != dependent { addEdge(from: dependent, to: dependency) }
      updateReadiness(dependent)
    }
    dropOutdatedAges()
  }

  /// Enters an item in place of an earlier one that is carried out together with it, whose edges it inherits in both directions.
  mutating func replace(_ earlier: PendingItem, by item: PendingItem) {
    var item = item
    item.urgency = min(item.urgency, earlier.urgency)
    item.dependencies.formUnion(earlier.dependencies)
    item.dependencies.remove(earlier.key)
    let waiting = takeOut(earlier.key)?.waiting
    noteRewritten(earlier)
    insert(item)
    for dependent in waiting ?? [] {
      items[dependent]?.dependencies.remove(earlier.key)
      addEdge(from: dependent, to: item.key)
    }
    dropOutdatedAges()
  }

  /// - Returns: The item, and those that waited for it, which do not know yet that it is gone.
  mutating func takeOut(_ key: Stage) -> (item: PendingItem, waiting: Set<Stage>)? {
    guard let item = items.removeValue(forKey: key) else { return nil }
    removeFromIndexes(item)
    readyKeys.remove(key, item.urgency)
    for dependency in item.dependencies { removeDependent(key, of: dependency) }
    return (item, dependents.removeValue(forKey: key) ?? [])
  }

  private mutating func noteRewritten(_ item: PendingItem) {
    if item.isParked { rewrittenLetters.append(item.key) }
  }

  mutating func addEdge(from dependent: Stage, to dependency: Stage) {
    guard items[dependency] != nil else { return }
    items[dependent]?.dependencies.insert(dependency)
    dependents[dependency, default: []].insert(dependent)
    if let urgency = items[dependent]?.urgency { raise([dependency], to: urgency) }
  }
}

/// One lookup each: hashing a name takes longer than all the rest.
extension Dictionary where Value == [Stage] {
  /// Takes an item out of a list, and an empty list out of the index.
  fileprivate mutating func remove(_ stage: Stage, from key: Key) {
    guard let index = index(forKey: key) else { return }
    values[index].removeAll { $0 == stage }
    if values[index].isEmpty { remove(at: index) }
  }
}

extension Dictionary where Value == Set<Stage> {
  /// Takes an item out of a set, and an empty set out of the index; answers whether it was that.
  mutating func remove(_ stage: Stage, from key: Key) -> Bool {
    guard let index = index(forKey: key) else { return false }
    values[index].remove(stage)
    guard values[index].isEmpty else { return false }
    remove(at: index)
    return true
  }
}
