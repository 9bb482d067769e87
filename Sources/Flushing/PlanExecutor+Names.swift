import FilesystemModel
import StorageInterface

extension PlanExecutor {
  /// Gives a file a further name. Redone: a name of the same file that is there already is ours, whether or not it could be made
  /// now.
  func link(_ action: ExecutableAction, _ isRedo: Bool) throws(Failure) {
    let (source, target) = paths(action)
    if isRedo, let one = try status(source), let other = try status(target), isSameFile(one, other) { return }
    do throws(Errno) {
      try storage.link(source, to: target)
    } catch {
      switch error {
      case .exists where isRedo:
        guard !storage.abilities.hasStableInodes else { throw .refused(error, .targetExists) }
      case .exists: throw .refused(error, .targetExists)
      case .noEntry, .notDirectory: throw .refused(error, .sourceMissing)
      default: throw failure(error, isRedo)
      }
    }
  }

  /// Removes a name. Redone: an absent one is done.
  func remove(_ action: ExecutableAction, _ isRedo: Bool) throws(Failure) {
    let path = required(action.source)
    if action.expectedSource != nil {
      guard let status = try status(path) else {
        if isRedo { return }
        throw .refused(.noEntry, .sourceMissing)
      }
      try checkVersion(status, action.expectedSource)
    }
    do throws(Errno) {
      if action.action.kind == .removeDirectory {
        try storage.removeDirectory(path)
      } else {
        try storage.removeFile(path)
      }
    } catch {
      var isAbsent = error == .noEntry
      if error == .notDirectory { isAbsent = try status(path) == nil }
      if isAbsent, isRedo { return }
      throw isAbsent ? .refused(error, .sourceMissing) : removalFailure(error, isRedo)
    }
  }

  private func removalFailure(_ error: Errno, _ isRedo: Bool) -> Failure {
    switch error {
    case .notEmpty: .refused(error, .directoryNotEmpty)
    case .isDirectory, .notDirectory: .refused(error, .kindDiffers)
    default: failure(error, isRedo)
    }
  }

  /// Moves a name. Redone: with the source absent and the target there it is done.
  ///
  /// Nothing is overwritten that the plan does not replace. Where source and target are two names of one file, rename(2) would do
  /// nothing and the source would stay: it is removed (R14).
  func rename(_ action: ExecutableAction, _ isRedo: Bool) throws(Failure) {
    let (source, target) = paths(action)
    let replaces = action.action.replaced != nil
    guard replaces || isRedo else { return try move(source, to: target, replacing: false, isRedo) }
    let moved = try status(source)
    let present = try status(target)
    guard let moved else {
      if isRedo, present != nil { return }
      throw .refused(.noEntry, isRedo ? .neitherSourceNorTarget : .sourceMissing)
    }
    try check(moved, action.expectedSource)
    guard let present else { return try move(source, to: target, replacing: false, isRedo) }
    if rules.sameInodeRenameIsRemoval, isSameFile(moved, present), moved.attributes.kind != .directory {
      return try retrying { () throws(Errno) in try storage.removeFile(source) }
    }
    guard replaces else { throw .refused(.exists, .targetExists) }
    try checkVersion(present, action.expectedTarget)
    try move(source, to: target, replacing: true, isRedo)
  }

  private func move(_ source: BackingPath, to target: BackingPath, replacing: Bool, _ isRedo: Bool) throws(Failure) {
    do throws(Errno) {
      try storage.rename(source, to: target, replacing: replacing)
    } catch {
      switch error {
      case .exists where !replacing: throw .refused(error, .targetExists)
      case .exists, .notEmpty: throw .refused(error, .directoryNotEmpty)
      case .noEntry: throw .refused(error, .sourceMissing)
      case .isDirectory, .notDirectory: throw .refused(error, .kindDiffers)
      case .invalidArgument: throw .refused(error, .wouldContainItself)
      default: throw failure(error, isRedo)
      }
    }
  }

  private func paths(_ action: ExecutableAction) -> (source: BackingPath, target: BackingPath) {
    (required(action.source), required(action.target))
  }

  func required(_ path: BackingPath?) -> BackingPath {
    guard let path else { preconditionFailure("the engine resolves the paths of an action") }
    return path
  }

  /// `nil` when there is no such file, or a directory on its way is none.
  func status(_ path: BackingPath) throws(Failure) -> BackingStatus? {
    try retrying { () throws(Errno) in try storage.statusIfThere(path) }
  }

  private func isSameFile(_ one: BackingStatus, _ other: BackingStatus) -> Bool {
    storage.abilities.hasStableInodes && one.identity.isSameFile(as: other.identity)
  }

  /// An error of `body` means that the action is to be done again.
  func retrying<Result>(_ body: () throws(Errno) -> Result) throws(Failure) -> Result {
    do throws(Errno) { return try body() } catch { throw .again(error) }
  }
}
