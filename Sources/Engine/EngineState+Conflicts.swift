import FilesystemModel
import Inodes
import StorageInterface

/// Taking conflicts with changes of others into memory.
extension EngineState {
  /// The hidden name of a copy that is not finished. Exchanges use the prefix with a number alone.
  func nameOfUnfinishedCopy(for inode: InodeNumber) -> EntryName {
    EntryName(unchecked: temporaryNamePrefix + Array("copy-\(inode.rawValue)".utf8))
  }

  /// Whether what has a name in the backing directory is a file that the mount knows by another name: where upper and lower case
  /// are one, or the name is another form of the same characters.
  func isOurs(_ status: BackingStatus, at location: Location) -> Bool {
    guard let directory = inodes[location.parent]?.directory else { return false }
    let folded = location.name.description.lowercased()
    return directory.names.contains { name in
      guard let inode = inodes.inode(at: Location(location.parent, name)), name != location.name,
        inode.backingNames.contains(Location(location.parent, name))
      else { return false }
      let isSameFile = abilities.hasStableInodes && inode.identity?.isSameFile(as: status.identity) == true
      return name.description.lowercased() == folded && (isSameFile || !abilities.hasStableInodes)
    }
  }

  /// What waits for write-back of an inode is based on this state of its file from now on.
  mutating func rebase(_ number: InodeNumber, on status: BackingStatus) {
    guard let inode = inodes[number] else { return }
    var known = status.known
    if let old = inode.identity, old.isSameFile(as: known) || !abilities.hasStableInodes { known.linkCount = old.linkCount }
    inode.identity = known
  }

  /// Shows what has come into being in the backing directory at a name beside others. What is not listed yet comes with the
  /// listing.
  mutating func show(_ kind: FileKind, at location: Location) -> [Invalidation] {
    // With the entry the directory's own times have changed.
    if let parent = inodes[location.parent], parent.isInBacking, !parent.isBeingMade, !isBasedOnOlderState(parent) {
      parent.attributes = nil
    }
    guard let parent = inodes[location.parent], parent.directory?.isComplete == true, parent.directory?[location.name] == nil,
      !inodes.isKnownBackingName(location), !parent.isOrphan
    else { return [.inode(location.parent)] }
    let inode = inodes.make(kind, isNew: false)
    inodes.setName(location, to: inode)
    inodes.setBackingNames([location], of: inode)
    return [.entry(location), .inode(location.parent)]
  }

  /// Gives a change of the mount up: it needs no write-back any more, and the mount shows theirs.
  mutating func giveUp(_ action: PhysicalAction, _ status: BackingStatus?) -> [Invalidation] {
    if action.kind == .writeContents { return giveUpContents(of: action.inode) }
    guard let inode = inodes[action.inode], let given = queue.giveUp(action) else { return [] }
    var outcome = PlanOutcome(plan: .zero, completes: given.completes, contents: given.contents)
    switch action.kind {
    case .create: adopt(inode, at: action.target, status, &outcome)
    case .removeFile, .removeDirectory:
      let kind = status?.attributes.kind ?? inode.kind
      inodes.setBackingNames(inode.backingNames.filter { $0 != action.source }, of: inode)
      outcome.bindings = [binding(of: inode)]
      inode.lastReference = journal.append(.outcome(outcome)).lsn
      discardOrphan(inode)
      return action.source.map { show(kind, at: $0) } ?? []
    case .link, .rename, .writeContents: preconditionFailure("only creations, removals and contents are given up")
    }
    return [.inode(inode.number)]
  }

  /// A new inode of the mount is the one that somebody else has made at its name.
  private mutating func adopt(_ inode: Inode, at location: Location?, _ status: BackingStatus?, _ outcome: inout PlanOutcome) {
    guard let location else { return }
    if let last = cache.discard(inode.number) { outcome.contents.append(ContentsCompletion(inode: inode.number, through: last)) }
    queue.contentsGone(inode.number)
    inodes.setBackingNames([location], of: inode)
    if let status { inode.identity = status.known }
    forgetDetails(of: inode)
    inodes[location.parent].map { bind($0) }
    outcome.bindings = [binding(of: inode)]
    inode.lastReference = journal.append(.outcome(outcome)).lsn
  }

  private mutating func giveUpContents(of number: InodeNumber) -> [Invalidation] {
    guard let inode = inodes[number], !queue.isClaimedByOpenPlan(number), let last = cache.discard(number) else { return [] }
    let contents = [ContentsCompletion(inode: number, through: last)]
    let lsn = journal.append(.outcome(PlanOutcome(plan: .zero, contents: contents, bindings: [binding(of: inode)]))).lsn
    inode.lastReference = lsn
    queue.contentsGone(number)
    forgetDetails(of: inode)
    return [.inode(number)]
  }

  /// What the mount shows of an inode is to be looked up anew.
  func forgetDetails(of inode: Inode) {
    inode.attributes = nil
    inode.extendedAttributes = [:]
    inode.unreadableAttributes = []
  }
}
