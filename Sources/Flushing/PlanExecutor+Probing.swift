import FilesystemModel
import StorageInterface

extension PlanExecutor {
  /// Sees to it that an action that failed has had no effect, so that it can be given back: takes away again, durably, what a
  /// creation has left. May hang as long as the backing directory does.
  ///
  /// - Returns: Whether that is certain now.
  package func settle(_ action: ExecutableAction) -> Bool {
    switch action.action.kind {
    // They are always written from their beginning.
    case .writeContents: return true
    case .create: return unmake(action)
    case .link, .rename, .removeFile, .removeDirectory: return isUntouched(action)
    }
  }

  private func unmake(_ action: ExecutableAction) -> Bool {
    let path = required(action.target)
    guard let inode = action.newInode else { return false }
    do throws(Failure) {
      if try status(path) != nil {
        try adopt(path, inode)
        try retrying { () throws(Errno) in try remove(path, inode.attributes.kind) }
      }
      try retrying { () throws(Errno) in try storage.synchronizeDirectory(BackingPath(Array(path.components.dropLast()))) }
      return true
    } catch {
      return false
    }
  }

  func remove(_ path: BackingPath, _ kind: FileKind) throws(Errno) {
    if kind == .directory { try storage.removeDirectory(path) } else { try storage.removeFile(path) }
  }

  /// Whether an action that failed is seen to have moved its names all the same; `nil` when that cannot be seen. Only reads; may
  /// hang as long as the backing directory does.
  package func isCarriedOut(_ action: ExecutableAction) -> Bool? {
    do throws(Failure) {
      switch action.action.kind {
      case .create, .writeContents: return false
      case .link: return try status(required(action.target)) != nil
      case .removeFile, .removeDirectory: return try status(required(action.source)) == nil
      case .rename:
        guard try status(required(action.source)) == nil else { return false }
        return try status(required(action.target)) != nil
      }
    } catch {
      return nil
    }
  }

  /// Whether an action that failed is seen to have had no effect on names: its files are where they were. Only reads; may hang as
  /// long as the backing directory does.
  ///
  /// That a server carries a call out after having failed it is not excluded: the action is redone as one in doubt all the same.
  package func isUntouched(_ action: ExecutableAction) -> Bool {
    do throws(Failure) {
      switch action.action.kind {
      case .create, .writeContents: return false
      case .link: return try status(required(action.target)) == nil
      case .rename, .removeFile, .removeDirectory:
        guard let status = try status(required(action.source)) else { return false }
        try check(status, action.expectedSource)
        return true
      }
    } catch {
      return false
    }
  }
}
