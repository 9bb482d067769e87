import FilesystemModel
import Inodes
import StorageInterface
import WritebackCache

/// What was written back stays in memory as long as the backing file is known to have it: clean blocks, which are read in its
/// place. They are of one version of it (`CleanBasis`), the one that the write-back left, and are believed while that is what the
/// mount knows the file to be in. Whatever changes it without a version drops them.
extension EngineState {
  /// Whether an inode's clean blocks are what its backing file has, as far as the mount knows.
  func isCleanBelieved(_ inode: Inode) -> Bool {
    guard let basis = cache.cleanBasis(of: inode.number), let known = inode.identity, let version = known.version else {
      return false
    }
    return version == basis.identity.version && (!abilities.hasStableInodes || known.isSameFile(as: basis.identity))
  }

  /// Releases the contents that an action has written back, whose DONE record is durable. What is in memory stays there.
  mutating func releaseContents(of run: PlanRun, _ index: Int) {
    let (action, number) = (run.actions[index], run.actions[index].action.inode)
    guard let inode = inodes[number], inode.kind == .regular, case .some(.some(let status)) = run.seen[index],
      let known = inode.identity, known.version == status.known.version, known.isSameFile(as: status.identity),
      // Another name of the file may be another inode of the mount.
      abilities.hasStableInodes || known.linkCount <= 1, !around.isOpen(number)
    else { return cache.release(number) }
    // An attempt that is redone does not compare: others may have written meanwhile.
    let isCompared = configuration.rules.versionsAreCompared && doubtfulThrough == .zero && run.attempts == 1
    let found = action.expectedSource?.version
    cache.release(
      number, keeping: CleanBasis(identity: known, changed: status.attributes.changed),
      carriesOver: isCompared && action.action.kind == .writeContents && found != nil
        && found == cache.cleanBasis(of: number)?.identity.version)
  }

  /// Drops the clean blocks of a file that was looked at and has changed since they were written back.
  mutating func dropCleanUnlessOf(_ status: BackingStatus, _ inode: Inode) {
    guard let basis = cache.cleanBasis(of: inode.number) else { return }
    // Where times are coarse, a change may leave size and mtime as they are.
    let isAsLeft =
      status.known.version == basis.identity.version && status.attributes.changed == basis.changed
      && (!abilities.hasStableInodes || status.identity.isSameFile(as: basis.identity))
    if !isAsLeft { cache.dropClean(inode.number) }
  }
}
