import FilesystemModel
import StorageInterface

/// Comparing what is in the backing directory with what this mount last knew, right before it is overwritten, removed or replaced
/// (P5). The window between the look and the call remains: POSIX has no compare-and-write.
extension PlanExecutor {
  /// Sees that a file is the expected one, if that is known and inode numbers can be believed.
  func check(_ status: BackingStatus, _ expected: BackingIdentity?) throws(Failure) {
    guard let expected, storage.abilities.hasStableInodes else { return }
    if !status.identity.isSameFile(as: expected) { throw .refused(.exists, .identityDiffers) }
  }

  /// Sees that a file is the expected one and as it was left, if that is known.
  func checkVersion(_ status: BackingStatus, _ expected: BackingIdentity?) throws(Failure) {
    guard rules.versionsAreCompared else { return try check(status, expected) }
    try check(status, expected)
    if !isAsLeft(status, expected) { throw .refused(.exists, .contentsDiffer) }
  }

  func isAsLeft(_ status: BackingStatus, _ expected: BackingIdentity?) -> Bool {
    guard let version = expected?.version else { return true }
    return status.known.version == version
  }
}
