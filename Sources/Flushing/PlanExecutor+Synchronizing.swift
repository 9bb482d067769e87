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
      for var directory in changedDirectories(action) {
        var failure = failureOfSynchronizing(directory, &failures)
        // What somebody else has removed with its directory is gone for good once that is.
        while failure == .noEntry || failure == .notDirectory, rules.absentNamesAreRemoved, action.action.isRemoval,
          directory != .root
        {
          directory = directory.parent
          failure = failureOfSynchronizing(directory, &failures)
        }
        if let failure { outcomes[index] = .retry(failure) }
      }
    }
    return outcomes
  }

  /// - Parameter known: What is known of directories already.
  private func failureOfSynchronizing(_ directory: BackingPath, _ known: inout [BackingPath: Errno?]) -> Errno? {
    if let failure = known[directory] { return failure }
    var failure: Errno?
    do throws(Errno) { try storage.synchronizeDirectory(directory) } catch { failure = error }
    known[directory] = .some(failure)
    return failure
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
