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
    var outcomes: [ConflictOutcome] = []
    for index in run.aborted {
      guard case .aborted(_, let reason)? = run.outcomes[index], let kind = run.actions[index].conflict(reason),
        rootFailure() == nil
      else { continue }
      do throws(Errno) {
        if let outcome = try resolve(run.actions[index], kind, reason, index) { outcomes.append(outcome) }
      } catch {
        note("conflict at \(run.actions[index].disputed(kind)?.path.text ?? "")", error)
      }
    }
    return outcomes
  }

  private func note(_ what: String, _ errno: Errno) {
    shared.withLock { shared in
      shared.lastFailure = WritebackFailure(
        errno: errno, reason: "\(what): error \(errno.rawValue), will be tried again", milliseconds: clock.uptimeMilliseconds())
    }
  }

  /// - Returns: `nil` when there is nothing that could be done: the action waits and is tried again.
  private func resolve(
    _ action: ExecutableAction, _ kind: Conflict.Kind, _ reason: AbortReason, _ index: Int
  ) throws(Errno) -> ConflictOutcome? {
    guard let (location, path) = action.disputed(kind), let status = try statusIfThere(path) else { return nil }
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
    guard let resolution = try settle(dispute, keeper, &outcome) else { return nil }
    if case .kept(let name) = resolution {
      let isDirectory = kind == .removeDirectory || status.attributes.kind == .directory
      outcome.kept = (Location(location.parent, name), isDirectory ? .directory : status.attributes.kind)
    }
    let bytes = Array(path.components.map(\.bytes).joined(separator: [UInt8(ascii: "/")]))
    outcome.conflict = Conflict(kind: kind, path: bytes, time: clock.now(), resolution: resolution)
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
  }

  private func settle(
    _ dispute: Dispute, _ keeper: ConflictKeeper, _ outcome: inout ConflictOutcome
  ) throws(Errno) -> Conflict.Resolution? {
    let (path, status) = (dispute.path, dispute.status)
    switch dispute.kind {
    case .overwrite, .truncate:
      // Ours cannot be written to another kind of file.
      guard status.attributes.kind == dispute.action.action.fileKind else { return nil }
      outcome.basis = (dispute.action.action.inode, status)
      outcome.givesUp = configuration.conflicts == .theirs
      return try resolution { () throws(Errno) in try keeper.copy(path, status) }
    case .unlink:
      // The file that was to go is gone.
      outcome.givesUp = configuration.conflicts == .theirs || dispute.isDirectory
      if outcome.givesUp { return .theirs }
      outcome.basis = (dispute.action.action.inode, status)
      return try resolution { () throws(Errno) in try keeper.link(path, status) }
    case .removeDirectory:
      outcome.givesUp = configuration.conflicts == .theirs
      // A tree of somebody else's is never removed.
      return outcome.givesUp ? .theirs : .kept(as: try keeper.moveEntries(of: path, status))
    case .renameOver:
      if dispute.isDirectory || dispute.action.action.fileKind == .directory {
        return .kept(as: try keeper.setAside(path, status))
      }
      if let replaced = dispute.action.action.replaced { outcome.basis = (replaced, status) }
      return configuration.conflicts == .ours ? .ours : .kept(as: try keeper.link(path, status))
    case .newName: return try settleNewName(dispute, keeper, &outcome)
    }
  }

  private func resolution(_ keep: () throws(Errno) -> EntryName) throws(Errno) -> Conflict.Resolution {
    switch configuration.conflicts {
    case .keepBoth: .kept(as: try keep())
    case .ours: .ours
    case .theirs: .theirs
    }
  }

  private func settleNewName(
    _ dispute: Dispute, _ keeper: ConflictKeeper, _ outcome: inout ConflictOutcome
  ) throws(Errno) -> Conflict.Resolution {
    let (path, action) = (dispute.path, dispute.action.action)
    if configuration.conflicts == .theirs, action.kind == .create, !dispute.isDirectory,
      action.fileKind == dispute.status.attributes.kind
    {
      outcome.basis = (action.inode, dispute.status)
      outcome.givesUp = true
      return .theirs
    }
    if configuration.conflicts == .ours, !dispute.isDirectory {
      try backing.removeFile(path)
      try backing.synchronizeDirectory(path.parent)
      return .ours
    }
    return .kept(as: try keeper.setAside(path, dispute.status))
  }

  /// What replaces the target may be what somebody else has changed: it is moved as it is.
  private func resolveMovedSource(
    _ action: ExecutableAction, _ target: BackingStatus, _ reason: AbortReason, _ index: Int
  ) throws(Errno) -> ConflictOutcome? {
    guard reason == .identityDiffers || reason == .contentsDiffer, isAsKnown(target, action.expectedTarget),
      let path = action.source,
      let source = try statusIfThere(path), source.attributes.kind == action.action.fileKind
    else { return nil }
    return ConflictOutcome(index: index, basis: (action.action.inode, source))
  }

  private func isAsKnown(_ status: BackingStatus, _ expected: BackingIdentity?) -> Bool {
    guard let expected else { return true }
    return (status.identity.isSameFile(as: expected) || !backing.abilities.hasStableInodes)
      && (expected.version == nil || expected.version == status.known.version)
  }

  private func statusIfThere(_ path: BackingPath) throws(Errno) -> BackingStatus? {
    do throws(Errno) { return try backing.status(path) } catch { if error == .noEntry { return nil } else { throw error } }
  }
}

extension Engine.Shared {
  /// Takes what was done about conflicts of a plan that has just been released into memory.
  ///
  /// - Returns: what the kernel must forget.
  mutating func take(_ outcomes: [ConflictOutcome], of run: PlanRun) -> [Invalidation] {
    var invalidations: [Invalidation] = []
    for outcome in outcomes {
      let action = run.actions[outcome.index].action
      if let basis = outcome.basis { state.rebase(basis.inode, on: basis.status) }
      if outcome.givesUp { invalidations += state.giveUp(action, outcome.basis?.status) }
      if let kept = outcome.kept {
        parking.taintListing(of: kept.location.parent)
        invalidations += state.show(kept.kind, at: kept.location)
      }
      if action.kind == .writeContents { invalidations.append(.inode(action.inode)) }
      state.queue.hasten(action)
      if let conflict = outcome.conflict { conflicts.add(conflict) }
    }
    return invalidations
  }
}

extension BackingPath {
  /// For people.
  var text: String { components.map(\.description).joined(separator: "/") }
}
