import FilesystemModel
import StorageInterface

extension PlanExecutor {
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
