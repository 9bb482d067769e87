import FilesystemModel
import Flushing
import Inodes

/// Building the state of the mount from what the journal says. No call of the backing directory is made.
extension EngineState {
  mutating func recover(_ recovery: Recovery) {
    inodes.reserveNumbers(through: recovery.lastNumber)
    // In this order, which is mostly that in which they came, they are found quickest.
    let numbers = recovery.knownInodes
    bound.reserveCapacity(numbers.count)
    queue.reserveCapacity(operations: recovery.pendingOperations)
    insertKnownInodes(recovery, numbers)
    showBackingNames(recovery, numbers)
    // Contents of open plans that are not complete yet, and sealed when they are.
    var sealing = Set(recovery.contentsInDoubt.keys)
    for step in recovery.steps {
      switch step.change {
      case .namespace(let change): replay(change, step, recovery, &sealing)
      case .contents(let change, let position): replay(change, position: position, step, recovery, &sealing)
      case .names(let names): setNames(names)
      }
      if !configuration.rules.orphansAreDecidedLast { dropOrphans(recovery, numbers) }
    }
    for (location, number) in recovery.lastingNames {
      if let inode = inodes[number], inodes.inode(at: location) !== inode { inodes.setName(location, to: inode) }
    }
    for inode in sealing.sorted() { _ = cache.seal(inode) }
    dropOrphans(recovery, numbers)
  }

  private mutating func insertKnownInodes(_ recovery: Recovery, _ numbers: [InodeNumber]) {
    for number in numbers {
      guard let creation = recovery.created[number] else { continue }
      let inode = insert(creation.inode)
      inode.lastReference = creation.reference
      if recovery.isMade(creation) {
        inode.attributes = nil
        // Others may have put something into it meanwhile.
        inode.directory?.isComplete = false
      }
      inode.isBeingMade = recovery.isBeingMade(inode.number)
    }
    for number in numbers where number != .root {
      guard let binding = recovery.bindings[number] else { continue }
      let inode = inodes[number] ?? inodes.insert(number, binding.kind, isNew: false)
      inode.isBound = true
      bound.insert(number)
      if let identity = recovery.identitiesInDoubt[number] ?? binding.identity { _ = inodes.identify(inode, as: identity) }
      inode.identity = binding.identity
      inode.lastReference = journal.lastLSN
    }
  }

  /// The tree to replay over: every known inode where the backing directory has it, once the open plans are redone.
  private mutating func showBackingNames(_ recovery: Recovery, _ numbers: [InodeNumber]) {
    for number in numbers {
      // A file whose last known name an open plan removes is still known by its identity until then.
      guard let binding = recovery.bindings[number], !binding.locations.isEmpty, let inode = inodes[number] else { continue }
      inodes.setBackingNames(binding.locations, of: inode)
      for location in binding.locations where !location.name.starts(with: temporaryNamePrefix) {
        inodes.setName(location, to: inode)
      }
    }
  }

  private mutating func replay(
    _ change: NamespaceChange, _ step: Recovery.Step, _ recovery: Recovery, _ sealing: inout Set<InodeNumber>
  ) {
    if recovery.isReplayed(step.lsn) { applyToTree(change, time: step.time, lsn: step.lsn) }
    for parent in change.parents {
      let times = ContentChange(inode: parent, attributes: AttributeChange(modified: step.time, changed: step.time))
      replay(times, position: nil, step, recovery, &sealing)
    }
    if recovery.fate(of: step.lsn) == .pending {
      let lost = recovery.inodeLosingLastName(step.lsn).flatMap { inodes[$0] }
      enterGraph(
        change, lsn: step.lsn, lost: lost.flatMap { $0.hasUnknownNames ? nil : $0 },
        recoveredStages: recovery.stagesDone(of: step.lsn))
    }
  }

  private mutating func replay(
    _ change: ContentChange, position: JournalPosition?, _ step: Recovery.Step, _ recovery: Recovery,
    _ sealing: inout Set<InodeNumber>
  ) {
    switch recovery.fate(ofContentsOf: change.inode, step.lsn) {
    case .completed: return
    case .inDoubt:
      // Redone with its plan: it does not wait for a turn of its own.
      remember(change, bytes: nil, position: position, lsn: step.lsn)
    case .pending:
      if sealing.remove(change.inode) != nil { _ = cache.seal(change.inode) }
      remember(change, bytes: nil, position: position, lsn: step.lsn)
      guard let inode = inodes[change.inode] else { return }
      // Half way it can be without the name that it has in the end (C25).
      let isKept = inode.isKept || recovery.isNamed(inode.number)
      if isKept { contentsChanged(inode, lsn: step.lsn) }
    }
  }

  /// Only now it is certain which inodes have no name (C25).
  private mutating func dropOrphans(_ recovery: Recovery, _ numbers: [InodeNumber]) {
    for inode in numbers.compactMap({ inodes[$0] }) where !inode.isKept {
      queue.contentsGone(inode.number)
      unnamed.remove(inode.number)
      // What an open plan names is needed until that is redone.
      if !recovery.isInDoubt(inode.number) { discardOrphan(inode) }
    }
  }
}

extension Recovery {
  /// All inodes that the journal tells of, each once, ascending.
  fileprivate var knownInodes: [InodeNumber] { (bindings.keys.filter { created[$0] == nil } + created.keys).sorted() }

  /// How many changes of names wait for write-back.
  fileprivate var pendingOperations: Int {
    steps.count { step in if case .namespace = step.change { fate(of: step.lsn) == .pending } else { false } }
  }
}
