import FilesystemModel
import Flushing
import Inodes
import StorageInterface

/// Taking journaled namespace changes into memory: the same way when they happen and when they are replayed.
extension EngineState {
  /// Takes a change into the logical tree, the times of its directories and the pending graph.
  mutating func take(_ change: NamespaceChange, lsn: LSN, time: Timestamp) {
    applyToTree(change, time: time, lsn: lsn)
    for parent in change.parents { touch(parent, time: time, lsn: lsn) }
    let lost = inodeLosingLastName(change)
    enterGraph(change, lsn: lsn, lost: lost, recoveredStages: 0)
    if let lost { discardOrphan(lost) }
  }

  /// Gives names to inodes and frees names, with absolute meaning (R4).
  mutating func applyToTree(_ change: NamespaceChange, time: Timestamp, lsn: LSN) {
    for number in change.inodes { inodes[number]?.lastChange = lsn }
    switch change {
    case .create(let new, let location):
      if let location, let inode = inodes[new.number] { inodes.setName(location, to: inode) }
    case .link(let number, let location):
      if let inode = inodes[number] { inodes.setName(location, to: inode) }
    case .remove(let number, let location):
      inodes.clearName(location)
      if let inode = inodes[number] { inode.attributes?.changed = time }
    case .rename(let number, let source, let target, let replaced):
      inodes.clearName(source)
      if let inode = inodes[number] { inodes.setName(target, to: inode) }
      if let replaced { inodes[replaced]?.attributes?.changed = time }
    case .exchange(let number, let location, let other, let otherLocation):
      inodes.clearName(location)
      inodes.clearName(otherLocation)
      if let inode = inodes[number] { inodes.setName(otherLocation, to: inode) }
      if let inode = inodes[other] { inodes.setName(location, to: inode) }
    }
    for number in change.movedInodes { inodes[number]?.attributes?.changed = time }
    policiesChanged(by: change)
  }

  /// The entries of a directory changed: its times follow, and are written back after the entries (R20).
  mutating func touch(_ number: InodeNumber, time: Timestamp, lsn: LSN) {
    let times = ContentChange(inode: number, attributes: AttributeChange(modified: time, changed: time))
    remember(times, bytes: nil, position: nil, lsn: lsn)
    if let inode = inodes[number], inode.isKept { contentsChanged(inode, lsn: lsn, byEntry: true) }
  }

  /// Enters a change into the graph of what waits for write-back. `lost`: the inode whose last name goes with it; its pending
  /// contents need no write-back, and stay readable while it is open (R16).
  mutating func enterGraph(_ change: NamespaceChange, lsn: LSN, lost: Inode?, recoveredStages: Int) {
    let facts = ChangeFacts(
      fileKind: kind(of: change), otherKind: otherKind(of: change), losesLastName: lost != nil,
      discardedThrough: lost.flatMap { cache.lastLSN(of: $0.number) }, unnamedCreation: unnamedCreation(change, lsn: lsn),
      stagesDone: recoveredStages, urgency: urgency(of: change.inodes.first.flatMap { inodes[$0] }),
      isBelow: { [inodes] in inodes.isBelow($0, $1) })
    let cancelledBefore = queue.graph.cancelledCount
    let result = queue.add(change, lsn: lsn, facts: facts, nowMilliseconds: clock.uptimeMilliseconds())
    metrics.operationsCancelled.add(queue.graph.cancelledCount - cancelledBefore)
    if !result.isEmpty {
      _ = journal.append(.outcome(PlanOutcome(plan: .zero, completes: result.completed, contents: result.contents)))
    }
    guard let lost else { return }
    queue.contentsGone(lost.number)
    reserve(lost)
  }

  /// Frees what an orphan that nobody holds has in memory.
  mutating func discardOrphan(_ inode: Inode) {
    guard !inode.isKept, inode.lookupCount == 0, !queue.isClaimedByOpenPlan(inode.number) else { return }
    let bytesBefore = cache.dirtyBytes
    _ = cache.discard(inode.number)
    metrics.bytesCancelled.add(bytesBefore - cache.dirtyBytes)
    reserve(inode)
    unnamed.remove(inode.number)
    if inode.backingNames.isEmpty, queue.graph.pending(inode: inode.number).isEmpty { inodes.drop(inode) }
  }

  private func inodeLosingLastName(_ change: NamespaceChange) -> Inode? {
    guard let number = change.inodeLosingName, let inode = inodes[number], !inode.isKept else {
      return nil
    }
    return inode
  }

  /// An `O_TMPFILE` has no item of its own: the link that names it creates it in the backing directory.
  private mutating func unnamedCreation(_ change: NamespaceChange, lsn: LSN) -> LSN? {
    switch change {
    case .create(let new, at: nil):
      inodes[new.number]?.unnamedCreation = lsn
      unnamed.insert(new.number)
    case .link(let number, _):
      guard unnamed.remove(number) != nil else { return nil }
      defer { inodes[number]?.unnamedCreation = nil }
      return inodes[number]?.unnamedCreation
    case .create, .remove, .rename, .exchange: break
    }
    return nil
  }

  private func kind(of change: NamespaceChange) -> FileKind {
    switch change {
    case .create(let new, _): new.attributes.kind
    case .link(let number, _), .remove(let number, _), .rename(let number, _, _, _), .exchange(let number, _, _, _):
      inodes[number]?.kind ?? .regular
    }
  }

  private func otherKind(of change: NamespaceChange) -> FileKind? {
    switch change {
    case .rename(_, _, _, let replaced): replaced.flatMap { inodes[$0]?.kind }
    case .exchange(_, _, let other, _): inodes[other]?.kind
    case .create, .link, .remove: nil
    }
  }
}

extension NamespaceChange {
  /// The inode that is removed or replaced.
  var inodeLosingName: InodeNumber? {
    switch self {
    case .remove(let inode, _): inode
    case .rename(_, _, _, let replaced): replaced
    case .create, .link, .exchange: nil
    }
  }

  /// Inodes whose own status changes: they get a new ctime.
  fileprivate var movedInodes: [InodeNumber] {
    switch self {
    case .create: []
    case .link(let inode, _), .remove(let inode, _), .rename(let inode, _, _, _): [inode]
    case .exchange(let inode, _, let other, _): [inode, other]
    }
  }
}
