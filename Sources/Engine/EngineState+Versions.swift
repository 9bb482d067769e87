import FilesystemModel
import Inodes
import StorageInterface

/// What this mount knows of the state that backing files are in: what its changes are based on (P5).
extension EngineState {
  /// Takes over what a plan has seen of a file that one of its actions has written to.
  ///
  /// - Returns: the inode, when that is to be journaled with the plan's outcome.
  mutating func learn(of run: PlanRun, _ index: Int) -> [InodeNumber] {
    guard let seen = run.seen[index], let inode = inodes[run.actions[index].action.inode], inode.isInBacking else { return [] }
    var known = seen?.known ?? inode.identity
    // The identity of other kinds is looked at when they are loaded.
    guard inode.kind == .regular || inode.kind == .symlink else { return [] }
    if seen == nil || around.isOpen(inode.number) { known?.version = nil }
    // Names that other plans make or remove are counted by these.
    if let old = inode.identity { known?.linkCount = old.linkCount }
    guard known != inode.identity else { return [] }
    inode.identity = known
    return [inode.number]
  }

  /// Who a backing file is that was looked at, and in which state it is. Changes that wait for write-back stay based on the state
  /// that they were made on; on none where an attempt to write them has left it half done, which a power cut may take back.
  func known(_ status: BackingStatus, of inode: Inode) -> BackingIdentity {
    var known = status.known
    if around.isOpen(inode.number) { known.version = nil }
    guard let old = inode.identity, isBasedOnOlderState(inode) else { return known }
    known.version = old.version
    // Somebody has put another file into its place: that is found before ours is written to it.
    if abilities.hasStableInodes, !old.isSameFile(as: known) {
      (known.inode, known.isOnRootDevice) = (old.inode, old.isOnRootDevice)
    }
    return known
  }

  /// A file is about to be written around: its state changes without a record, and is not compared any more.
  ///
  /// - Returns: whether the journal is to be synced before the first write.
  mutating func forgetVersion(of number: InodeNumber) -> Bool {
    cache.dropClean(number)
    guard let inode = inodes[number], inode.identity?.version != nil else { return false }
    inode.identity?.version = nil
    guard inode.isBound else { return false }
    inode.isBound = false
    bind(inode)
    return true
  }

  /// Whether something waits for write-back that the state of its file matters to.
  func isBasedOnOlderState(_ inode: Inode) -> Bool {
    cache.hasContents(inode.number) || queue.isClaimedByOpenPlan(inode.number)
      || !queue.graph.pending(inode: inode.number).isEmpty
  }
}
