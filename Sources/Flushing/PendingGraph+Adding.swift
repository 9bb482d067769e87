import FilesystemModel

extension PendingGraph {
  /// Makes room for as many items as are about to be added: growing step by step costs more than adding.
  mutating func reserveCapacity(_ count: Int) {
    items.reserveCapacity(count)
    keysByName.reserveCapacity(count)
    keysByInode.reserveCapacity(count)
  }

  /// Enters a change whose record has just been appended, or is replayed at recovery. Records are added in ascending order.
  ///
  /// - Parameter nowMilliseconds: The uptime, for the age of the item.
  /// - Returns: Records that need no write-back any more, because the change undid them.
  package mutating func add(
    _ change: NamespaceChange, lsn: LSN, facts: ChangeFacts, nowMilliseconds: Int = 0
  ) -> AddResult {
    let whole = Stage(lsn)
    switch change {
    case .create(let inode, let location):
      guard let location else { return AddResult() }
      enter(
        PendingItem(
          key: whole, kind: .create, inode: inode.number, fileKind: facts.fileKind, target: location, completes: [whole]),
        facts, nowMilliseconds)
      return AddResult()
    case .link(let inode, let location):
      let creation = facts.unnamedCreation.map { [Stage($0)] } ?? []
      enter(
        PendingItem(
          key: whole, kind: creation.isEmpty ? .link : .create, inode: inode, fileKind: facts.fileKind, target: location,
          completes: creation + [whole]), facts, nowMilliseconds)
      return AddResult()
    case .remove(let inode, let location):
      let item = PendingItem(
        key: whole, kind: facts.fileKind == .directory ? .removeDirectory : .removeFile, inode: inode,
        fileKind: facts.fileKind, source: location, completes: [whole], discards: discards(of: inode, facts))
      return rewrite(item.entering(facts, nowMilliseconds), gone: inode, facts)
    case .rename(let inode, let source, let target, let replaced):
      let item = PendingItem(
        key: whole, kind: .rename, inode: inode, fileKind: facts.fileKind, source: source, target: target, replaced: replaced,
        replacedKind: facts.otherKind, completes: [whole], discards: replaced.map { discards(of: $0, facts) } ?? [],
        movesDirectory: facts.fileKind == .directory)
      return rewrite(item.entering(facts, nowMilliseconds), gone: replaced, facts)
    case .exchange(let inode, let location, let other, let otherLocation):
      enterExchange(lsn, (inode, location), (other, otherLocation), facts, nowMilliseconds)
      return AddResult()
    }
  }

  private mutating func enter(_ item: PendingItem, _ facts: ChangeFacts, _ nowMilliseconds: Int) {
    var item = item.entering(facts, nowMilliseconds)
    item.dependencies = dependencies(of: item)
    insert(item)
  }

  private func discards(of inode: InodeNumber, _ facts: ChangeFacts) -> [ContentsCompletion] {
    facts.discardedThrough.map { [ContentsCompletion(inode: inode, through: $0)] } ?? []
  }

  /// An exchange is three renames, each durable before the next (R10). The hidden name lies in a directory that the exchange
  /// changes in any case, so that no other directory's times suffer.
  private mutating func enterExchange(
    _ lsn: LSN, _ one: (inode: InodeNumber, location: Location), _ other: (inode: InodeNumber, location: Location),
    _ facts: ChangeFacts, _ nowMilliseconds: Int
  ) {
    let hidden = Location(one.location.parent, temporaryName(lsn))
    let otherKind = facts.otherKind ?? facts.fileKind
    let stages = [
      (Stage(lsn, stage: 1), one.inode, facts.fileKind, one.location, hidden),
      (Stage(lsn, stage: 2), other.inode, otherKind, other.location, one.location),
      (Stage(lsn), one.inode, facts.fileKind, hidden, other.location),
    ]
    for (key, inode, kind, source, target) in stages.dropFirst(rules.exchangeHasStages ? facts.stagesDone : 0) {
      let isCompletion = rules.exchangeHasStages || key.stage == 0
      enter(
        PendingItem(
          key: key, kind: .rename, inode: inode, fileKind: kind, source: source, target: target,
          completes: isCompletion ? [key] : [], exchange: lsn,
          movesDirectory: facts.fileKind == .directory || otherKind == .directory,
          claimedNames: [one.location, other.location], claimedInodes: [one.inode, other.inode]),
        facts, nowMilliseconds)
    }
  }
}

extension PendingItem {
  fileprivate func entering(_ facts: ChangeFacts, _ nowMilliseconds: Int) -> PendingItem {
    var item = self
    item.urgency = facts.urgency
    item.firstMilliseconds = nowMilliseconds
    item.lastMilliseconds = nowMilliseconds
    return item
  }
}
