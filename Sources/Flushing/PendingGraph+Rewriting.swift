import FilesystemModel

extension PendingGraph {
  /// Looks whether the new item undoes or continues earlier ones, so that less is to be done in the backing directory (R11-R14).
  ///
  /// - Parameter gone: The inode that lost a name: removed or replaced.
  mutating func rewrite(_ key: Stage, gone: InodeNumber?, _ facts: ChangeFacts) -> AddResult {
    let countBefore = items.count
    defer { cancelledCount += countBefore - items.count }
    guard rules.rewrites, let kind = items[key]?.kind else { return AddResult() }
    if let gone, let group = cancellable(gone, by: key, facts) {
      if let result = cancel(gone, group, by: key) { return result }
    }
    guard items[key]?.kind == kind else { return AddResult() }
    return fold(key, facts)
  }

  /// The pending items of an inode that was created and is gone again, if all of them can be forgotten (R11): its last name went,
  /// nothing of it is in a plan or an exchange, nothing is inside it, and at most one action remains of what they replaced (R12).
  private func cancellable(_ gone: InodeNumber, by key: Stage, _ facts: ChangeFacts) -> [Stage]? {
    guard let item = items[key], let creation = creations[gone] else { return nil }
    let keys = (keysByInode[gone] ?? []).filter { $0 != key }.sorted()
    var group = keys.compactMap { items[$0] }
    guard group.allSatisfy({ $0.inode == gone && isFree($0) }), keysByParent[gone] == nil else { return nil }
    guard group.reduce(item.completes.count, { $0 + $1.completes.count }) <= Self.mergedRecordsMax else { return nil }
    if !facts.losesLastName {
      guard !rules.cancelsOnlyLastName, item.kind == .removeFile, items[creation]?.target == item.source else { return nil }
      group.removeAll { $0.key != creation }
    }
    if rules.rewritesKeepReplacement {
      let replacing = group.filter { $0.replaced != nil }
      guard replacing.count <= 1 else { return nil }
      guard item.kind != .rename || replacing.allSatisfy({ $0.target == item.target }) else { return nil }
    }
    return group.map(\.key)
  }

  /// Forgets the items of a created and removed inode.
  ///
  /// - Returns: The records that complete now; `nil` when the item itself still has something to do.
  private mutating func cancel(_ gone: InodeNumber, _ group: [Stage], by key: Stage) -> AddResult? {
    var lost = AddResult()
    var remainder: Stage?
    let isRename = items[key]?.kind == .rename
    for member in group {
      guard let item = items[member] else { continue }
      if rules.rewritesKeepReplacement, item.replaced != nil {
        if isRename {
          takeReplacement(of: item, into: key)
          remove(member)
        } else {
          becomeRemovalOfReplaced(member)
          remainder = member
        }
        continue
      }
      lost.completed += item.completes
      lost.contents += item.discards
      remove(member)
    }
    guard let item = items[key] else { return lost }
    if isRename {
      modify(key) { item in
        if item.replaced == gone {
          item.replaced = nil
          item.replacedKind = nil
        }
        item.completes = (lost.completed + item.completes).sorted()
        item.discards += lost.contents
      }
      return nil
    }
    lost.completed += item.completes
    lost.contents += item.discards
    remove(key)
    guard let remainder else { return AddResult(completed: lost.completed.sorted(), contents: lost.contents) }
    modify(remainder) { item in
      item.completes = (item.completes + lost.completed).sorted()
      item.discards += lost.contents
    }
    return AddResult()
  }

  /// The rename replaces what an earlier, now forgotten one would have replaced at the same name. If that is another name of the
  /// inode that is moved, rename(2) would do nothing: only the source goes (R14).
  private mutating func takeReplacement(of earlier: PendingItem, into key: Stage) {
    let rules = rules
    modify(key) { item in
      item.replaced = earlier.replaced
      item.replacedKind = earlier.replacedKind
      item.completes = (earlier.completes + item.completes).sorted()
      item.discards += earlier.discards
      item.firstMilliseconds = min(item.firstMilliseconds, earlier.firstMilliseconds)
      if rules.sameInodeRenameIsRemoval, item.replaced == item.inode {
        item.kind = .removeFile
        item.target = nil
        item.replaced = nil
        item.replacedKind = nil
      }
    }
  }

  /// The forgotten rename leaves behind that what it replaced is gone (R12).
  private mutating func becomeRemovalOfReplaced(_ key: Stage) {
    modify(key) { item in
      guard let replaced = item.replaced else { return }
      item.kind = item.fileKind == .directory ? .removeDirectory : .removeFile
      item.inode = replaced
      item.fileKind = item.replacedKind ?? item.fileKind
      item.replaced = nil
      item.replacedKind = nil
      item.source = item.target
      item.target = nil
      item.movesDirectory = false
    }
  }

  /// Whether an item may be rewritten: it is in no plan (R3) and no stage of an exchange (R10).
  func isFree(_ item: PendingItem) -> Bool { !(item.isPlanned && rules.plannedItemsStay) && item.exchange == nil }
}
