import FilesystemModel

extension PendingGraph {
  /// Enters an item with its edges to those that it waits for (R15).
  mutating func insert(_ item: PendingItem) {
    items[item.key] = item
    for dependency in item.dependencies { dependents[dependency, default: []].insert(item.key) }
    addToIndexes(item)
    if item.dependencies.isEmpty, item.canBePlanned { readyKeys.insert(item.key, item.urgency) }
    raise(item.dependencies, to: item.urgency)
  }

  /// All pending items that the item must wait for: those that share a name, share an inode, or create its parent; for the
  /// removal or replacement of a directory all items inside it; where a directory gets another parent, all items that
  /// do so: the latest one, which waits for those before it as long as they are pending (n edges instead of n²). A renaming that
  /// leaves a directory where it is changes nobody's ancestors, so that no order of it with others can make a loop.
  ///
  /// - Complexity: O(k) in the number of those items.
  func dependencies(of item: PendingItem) -> Set<Stage> {
    var result = Set<Stage>()
    for name in item.names { result.formUnion(keysByName[name] ?? []) }
    for inode in item.inodes { result.formUnion(keysByInode[inode] ?? []) }
    for parent in item.parents { if let creation = creations[parent] { result.insert(creation) } }
    if rules.removalWaitsForChildren, let directory = item.removedDirectory {
      result.formUnion(keysByParent[directory] ?? [])
    }
    if rules.directoryRenamesAreOrdered, item.reparentsDirectory, let latest = directoryRenames.keys.last {
      result.insert(latest)
    }
    result.remove(item.key)
    if !rules.edgesToAllEarlier, let latest = result.max() { return [latest] }
    return result
  }

  /// Enters the item of an action that an open plan of an earlier mount gave back. Items that are newer than it get edges to it.
  package mutating func reenter(_ action: PhysicalAction, nowMilliseconds: Int) {
    guard let key = action.completes.max(), items[key] == nil, action.kind != .writeContents else { return }
    var item = PendingItem(
      key: key, kind: action.kind, inode: action.inode, fileKind: action.fileKind,
      source: action.kind == .link ? nil : action.source, target: action.target, replaced: action.replaced,
      replacedKind: action.replaced == nil ? nil : action.fileKind, completes: action.completes,
      movesDirectory: action.kind == .rename && action.fileKind == .directory)
    if let sibling = siblingStage(of: key) {
      item.exchange = key.lsn
      item.movesDirectory = sibling.movesDirectory
      item.claimedNames = sibling.claimedNames
      item.claimedInodes = sibling.claimedInodes
    }
    item.firstMilliseconds = nowMilliseconds
    item.lastMilliseconds = nowMilliseconds
    let later = items.keys.filter { key < $0 }.sorted().filter { later in items[later].map { depends($0, on: item) } ?? false }
    item.dependencies = dependencies(of: item).filter { $0 < key }
    insert(item)
    for dependent in later {
      addEdge(from: dependent, to: key)
      updateReadiness(dependent)
    }
  }

  private func siblingStage(of key: Stage) -> PendingItem? {
    [1, 2, 0].compactMap { items[Stage(key.lsn, stage: $0)] }.first { $0.exchange == key.lsn }
  }

  /// Whether the later of two items must wait for the earlier one.
  private func depends(_ later: PendingItem, on earlier: PendingItem) -> Bool {
    if !Set(later.names).isDisjoint(with: earlier.names) || !Set(later.inodes).isDisjoint(with: earlier.inodes) { return true }
    if earlier.kind == .create, later.parents.contains(earlier.inode) { return true }
    if let directory = later.removedDirectory, earlier.parents.contains(directory) { return true }
    return later.reparentsDirectory && earlier.reparentsDirectory
  }
}
