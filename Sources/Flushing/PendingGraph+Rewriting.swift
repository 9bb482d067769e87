import FilesystemModel

extension PendingGraph {
  /// Enters a new item, or less where it undoes or continues earlier ones, so that less is to be done in the backing directory
  /// (R11-R14).
  ///
  /// - Parameter gone: The inode that lost a name: removed or replaced.
  mutating func rewrite(_ item: PendingItem, gone: InodeNumber?, _ facts: ChangeFacts) -> AddResult {
    let countBefore = items.count + 1
    defer { cancelledCount += countBefore - items.count }
    var item = item
    let group = rules.rewrites ? gone.flatMap { cancellable($0, by: item, facts) } : nil
    if let group, item.kind != .rename { return cancelRemoved(group, by: item) }
    item.dependencies = dependencies(of: item)
    if let gone, let group { cancelReplaced(gone, group, by: &item) }
    if rules.rewrites, group == nil || item.kind == .rename, let earlier = foldable(into: item, facts) {
      return fold(earlier, into: item)
    }
    insert(item)
    return AddResult()
  }

  /// The pending items of an inode that was created and is gone again, if all of them can be forgotten (R11): its last name went,
  /// nothing of it is in a plan or an exchange, nothing is inside it, and at most one action remains of what they replaced (R12).
  private func cancellable(_ gone: InodeNumber, by item: PendingItem, _ facts: ChangeFacts) -> [PendingItem]? {
    guard let creation = creations[gone], keysByParent[gone] == nil else { return nil }
    var group = pending(inode: gone)
    guard group.allSatisfy({ $0.inode == gone && isFree($0) }) else { return nil }
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
    return group
  }

  /// Forgets the items of a created and removed inode, and its removal with them.
  ///
  /// - Returns: The records that complete now.
  private mutating func cancelRemoved(_ group: [PendingItem], by removal: PendingItem) -> AddResult {
    var lost = AddResult()
    var remainder: Stage?
    for member in group {
      if rules.rewritesKeepReplacement, member.replaced != nil {
        becomeRemovalOfReplaced(member.key)
        remainder = member.key
        continue
      }
      lost.completed += member.completes
      lost.contents += member.discards
      remove(member.key)
    }
    lost.completed += removal.completes
    lost.contents += removal.discards
    guard let remainder else { return AddResult(completed: lost.completed.sorted(), contents: lost.contents) }
    raise([remainder], to: removal.urgency)
    modify(remainder) { item in
      item.completes = (item.completes + lost.completed).sorted()
      item.discards += lost.contents
    }
    return AddResult()
  }

  /// Forgets the items of a created inode that the rename replaces: it completes them.
  private mutating func cancelReplaced(_ gone: InodeNumber, _ group: [PendingItem], by rename: inout PendingItem) {
    var lost = AddResult()
    for member in group {
      if rules.rewritesKeepReplacement, member.replaced != nil {
        takeReplacement(of: member, into: &rename)
      } else {
        lost.completed += member.completes
        lost.contents += member.discards
      }
      if rename.dependencies.remove(member.key) != nil {
        rename.dependencies.formUnion(items[member.key]?.dependencies ?? [])
      }
      remove(member.key)
    }
    if rename.replaced == gone {
      rename.replaced = nil
      rename.replacedKind = nil
    }
    rename.completes = (lost.completed + rename.completes).sorted()
    rename.discards += lost.contents
  }

  /// The rename replaces what an earlier, now forgotten one would have replaced at the same name. If that is another name of the
  /// inode that is moved, rename(2) would do nothing: only the source goes (R14).
  private func takeReplacement(of earlier: PendingItem, into item: inout PendingItem) {
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
