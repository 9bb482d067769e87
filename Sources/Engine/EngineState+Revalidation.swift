import FilesystemModel
import Inodes
import StorageInterface

/// `backing=shared`: others change the backing directory too. What nothing waits for write-back of is looked up again when it is
/// used and older than the mount believes it; what waits stays as the mount has it.
extension EngineState {
  /// Whether something that was looked up at a time is to be looked up again for a request.
  func isOutdated(_ inode: Inode, _ milliseconds: Int, _ request: Request) -> Bool {
    guard let ageMax = configuration.revalidateMilliseconds, milliseconds < request.startedMilliseconds else { return false }
    return request.startedMilliseconds - milliseconds >= ageMax && inode.isInBacking && !inode.isBeingMade
      && !isBasedOnOlderState(inode)
  }

  /// Whether details that were looked up anew are another file's.
  func isReplaced(_ inode: Inode, by status: BackingStatus) -> Bool {
    guard inode.number != .root, !isBasedOnOlderState(inode) else { return false }
    if status.attributes.kind != inode.kind { return true }
    guard abilities.hasStableInodes, let known = inode.identity else { return false }
    return !known.isSameFile(as: status.identity)
  }

  /// A name of an inode is somebody else's file now, or gone. The inode lives on without it, as after an unlink, as long as
  /// somebody has it open.
  ///
  /// - Returns: what the kernel must forget.
  mutating func disown(_ location: Location, of inode: Inode) -> [Invalidation] {
    guard inode.backingNames.contains(location), !hasPendingBelow(inode) else { return [] }
    cache.dropClean(inode.number)
    if inodes.inode(at: location) === inode { inodes.clearName(location) }
    inodes.setBackingNames(inode.backingNames.filter { $0 != location }, of: inode)
    if inode.isBound { inode.lastReference = journal.append(.binding(binding(of: inode))).lsn }
    discardOrphan(inode)
    return [.entry(location), .inode(inode.number)]
  }

  /// Whether something in the directory, as far as it is known, waits for write-back: then it stays where it is.
  private func hasPendingBelow(_ inode: Inode) -> Bool {
    var waiting = [inode.number]
    while let number = waiting.popLast() {
      guard let next = inodes[number] else { continue }
      if isBasedOnOlderState(next) { return true }
      guard let directory = next.directory else { continue }
      if hasPendingEntries(number) { return true }
      waiting += directory.names.compactMap { directory[$0] }
    }
    return false
  }

  /// What the backing directory does not have any more of a directory that is listed anew, or has another kind of file as.
  ///
  /// - Parameter bornNames: Names that plans have made while the listing was under way.
  mutating func takeAbsences(
    _ entries: [BackingEntry], of directory: Inode, without bornNames: Set<EntryName>
  ) -> [Invalidation] {
    let found = Dictionary(entries.map { ($0.name, $0.kind) }) { first, _ in first }
    var invalidations: [Invalidation] = []
    for name in directory.directory?.names ?? [] where !bornNames.contains(name) {
      let location = Location(directory.number, name)
      guard let inode = inodes.inode(at: location), found[name] != inode.kind, !queue.isClaimedByOpenPlan(location),
        !queue.graph.isNameClaimed(location)
      else { continue }
      invalidations += disown(location, of: inode)
    }
    return invalidations
  }

  /// What was looked up anew of an inode whose attributes are known.
  ///
  /// - Returns: what the kernel must forget.
  mutating func noteChange(_ details: BackingDetails, of inode: Inode) -> [Invalidation] {
    guard configuration.revalidateMilliseconds != nil else { return [] }
    let (before, now) = (inode.revalidation.backingChanged, details.status.attributes.changed)
    inode.revalidation.backingChanged = now
    guard inode.hasAttributes, before != nil, before != now else { return [] }
    return [.inode(inode.number)]
  }
}
