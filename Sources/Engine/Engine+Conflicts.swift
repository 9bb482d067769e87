import FilesystemModel
import Flushing
import StorageInterface

/// What is done when write-back meets a change that somebody else has made (P5).
///
/// The plan's outcome, which gives the action back, is durable by then: no redo of it can follow. Its names are not yet released:
/// nobody moves what is on the way. A crash in between finds the conflict again.
extension Engine {
  /// Resolves the conflicts that actions of a plan were given back for. May hang as long as the backing directory does.
  func resolveConflicts(of run: PlanRun) -> [ConflictOutcome] {
    guard !salvage.isDoubtful else { return [] }
    var outcomes: [ConflictOutcome] = []
    for index in run.aborted {
      guard case .aborted(_, let reason)? = run.outcomes[index], let kind = run.actions[index].conflict(reason),
        rootFailure() == nil
      else { continue }
      do throws(Errno) {
        if let outcome = try resolve(run.actions[index], kind, reason, index) { outcomes.append(outcome) }
      } catch {
        note(run.actions[index].disputed(kind)?.path, error)
      }
    }
    return outcomes
  }

  /// Whether a removal finds nothing to remove, since somebody else has done it: then it is done, and nobody has lost anything.
  /// That a directory on the way is missing is another thing, unless the mount has removed that too. To be asked once the root is
  /// known to be there; may hang as long as the backing directory does.
  func isRemovedByOthers(_ run: PlanRun, _ index: Int) -> Bool {
    let action = run.actions[index].action
    guard configuration.rules.absentNamesAreRemoved, action.isRemoval,
      case .aborted(_, .sourceMissing)? = run.outcomes[index], let path = run.actions[index].source,
      let parent = action.source?.parent
    else { return false }
    do throws(Errno) {
      if try backing.status(path.parent).attributes.kind == .directory { return true }
    } catch {
      guard error == .noEntry || error == .notDirectory else { return false }
    }
    return shared.withLock { $0.state.inodes[parent]?.isOrphan ?? false }
  }

  /// Where intents were lost (`recovery=skip-corrupt`) nobody can tell what an earlier mount has done from what others have:
  /// nothing is compared, and nothing is a conflict.
  var executionRules: ProtocolRules {
    var rules = configuration.rules
    if salvage.isDoubtful { rules.versionsAreCompared = false }
    return rules
  }

  private func note(_ path: BackingPath?, _ errno: Errno) {
    shared.withLock { shared in
      shared.lastFailure = WritebackFailure(
        errno: errno, reason: "conflict at \(path?.text ?? ""): error \(errno.rawValue), will be tried again",
        milliseconds: clock.uptimeMilliseconds())
    }
    observe(.conflictRemains(path: path?.components.relativePathBytes ?? [], errno))
  }

  /// - Returns: `nil` when there is nothing that could be done: the action waits and is tried again.
  private func resolve(
    _ action: ExecutableAction, _ kind: Conflict.Kind, _ reason: AbortReason, _ index: Int
  ) throws(Errno) -> ConflictOutcome? {
    guard let (location, path) = action.disputed(kind), let status = try backing.statusIfThere(path) else { return nil }
    if kind == .renameOver, let outcome = try resolveMovedSource(action, status, reason, index) { return outcome }
    let (keeper, isOurs) = shared.withLock { shared in
      (
        ConflictKeeper(storage: backing, temporaryName: shared.state.nameOfUnfinishedCopy(for: action.action.inode)),
        kind == .newName && shared.state.isOurs(status, at: location)
      )
    }
    if isOurs { return nil }
    let dispute = Dispute(action: action, kind: kind, location: location, path: path, status: status)
    var outcome = ConflictOutcome(index: index)
    let resolution: Conflict.Resolution
    if isGivenUp(dispute) {
      outcome.winner = (location, status)
      resolution = .theirs
    } else if let settled = try settle(dispute, keeper, &outcome) {
      resolution = settled
    } else {
      return nil
    }
    if case .kept(let name) = resolution {
      let isDirectory = kind == .removeDirectory || status.attributes.kind == .directory
      outcome.kept = (Location(location.parent, name), isDirectory ? .directory : status.attributes.kind)
    }
    outcome.conflict = Conflict(kind: kind, path: path.components.relativePathBytes, time: clock.now(), resolution: resolution)
    return outcome
  }

  /// A name with theirs under it, and the action that met it.
  private struct Dispute {
    let action: ExecutableAction
    let kind: Conflict.Kind
    let location: Location
    let path: BackingPath
    let status: BackingStatus
    var isDirectory: Bool { status.attributes.kind == .directory }
    /// Whether a file was to be removed that is a directory now, or the other way round: what was to go is gone.
    var isOfNothing: Bool { kind == .unlink && isDirectory || kind == .removeDirectory && !isDirectory }
  }

  /// Whether ours is given up; with `conflict=theirs` everything is that can be, in one record of the journal.
  private func isGivenUp(_ dispute: Dispute) -> Bool {
    let subject = dispute.action.action.subject
    return (configuration.conflicts == .theirs || dispute.isOfNothing) && shared.withLock { $0.state.canGiveUp(subject) }
  }

  private func settle(
    _ dispute: Dispute, _ keeper: ConflictKeeper, _ outcome: inout ConflictOutcome
  ) throws(Errno) -> Conflict.Resolution? {
    let (path, status, action) = (dispute.path, dispute.status, dispute.action.action)
    switch dispute.kind {
    case .overwrite, .truncate:
      // Ours cannot be written to another kind of file.
      guard status.attributes.kind == action.fileKind else { return nil }
      outcome.basis = (action.inode, status)
      return try resolution { () throws(Errno) in try keeper.copy(path, status) }
    case .unlink:
      if dispute.isOfNothing { return nil }
      outcome.basis = (action.inode, status)
      return try resolution { () throws(Errno) in try keeper.link(path, status) }
    case .removeDirectory:
      if dispute.isOfNothing { return nil }
      outcome.basis = (action.inode, status)
      // A tree of somebody else's is never removed.
      return .kept(as: try keeper.moveEntries(of: path, status))
    case .renameOver:
      if dispute.isDirectory || action.fileKind == .directory { return .kept(as: try keeper.setAside(path, status)) }
      if let replaced = action.replaced { outcome.basis = (replaced, status) }
      return try resolution { () throws(Errno) in try keeper.link(path, status) }
    case .newName:
      if configuration.conflicts == .ours, !dispute.isDirectory {
        try backing.removeFile(path)
        try backing.synchronizeDirectory(path.parent)
        return .ours
      }
      return .kept(as: try keeper.setAside(path, status))
    }
  }

  private func resolution(_ keep: () throws(Errno) -> EntryName) throws(Errno) -> Conflict.Resolution {
    configuration.conflicts == .ours ? .ours : .kept(as: try keep())
  }

  /// What replaces the target may be what somebody else has changed: it is moved as it is.
  private func resolveMovedSource(
    _ action: ExecutableAction, _ target: BackingStatus, _ reason: AbortReason, _ index: Int
  ) throws(Errno) -> ConflictOutcome? {
    guard reason == .identityDiffers || reason == .contentsDiffer, isAsKnown(target, action.expectedTarget),
      let path = action.source,
      let source = try backing.statusIfThere(path), source.attributes.kind == action.action.fileKind
    else { return nil }
    return ConflictOutcome(index: index, basis: (action.action.inode, source))
  }

  private func isAsKnown(_ status: BackingStatus, _ expected: BackingIdentity?) -> Bool {
    guard let expected else { return true }
    return (status.identity.isSameFile(as: expected) || !backing.abilities.hasStableInodes)
      && (expected.version == nil || expected.version == status.known.version)
  }
}

extension Engine.Shared {
  /// Takes what was done about conflicts of a plan that has just been released into memory.
  ///
  /// - Returns: what the kernel must forget.
  mutating func take(
    _ outcomes: [ConflictOutcome], of run: PlanRun, _ metrics: EngineMetrics, _ observe: EngineObserver
  ) -> [Invalidation] {
    var invalidations: [Invalidation] = []
    for outcome in outcomes {
      let action = run.actions[outcome.index].action
      if let basis = outcome.basis { state.rebase(basis.inode, on: basis.status) }
      if let winner = outcome.winner {
        // What waits for it is being written back: it is found again.
        guard let given = state.giveUp(action, to: winner.status, at: winner.location) else { continue }
        invalidations += given
      }
      if let kept = outcome.kept {
        parking.taintListing(of: kept.location.parent)
        invalidations += state.show(kept.kind, at: kept.location)
      }
      if action.kind == .writeContents { invalidations.append(.inode(action.inode)) }
      state.queue.hasten(action)
      if let conflict = outcome.conflict {
        conflicts.add(conflict)
        metrics.conflicts[conflict.kind].add()
        observe(.conflict(conflict))
      }
    }
    return invalidations
  }
}

extension BackingPath {
  /// For people.
  var text: String { components.map(\.description).joined(separator: "/") }
}
