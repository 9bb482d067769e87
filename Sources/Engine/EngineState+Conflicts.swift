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
    cache.dropClean(number)
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

  /// Gives a change of the mount up, with all that waits for it: it needs no write-back any more, and the mount shows theirs.
  ///
  /// - Returns: what the kernel must forget; `nil`, and nothing is changed, while something of that is being written back.
  mutating func giveUp(_ action: PhysicalAction, to status: BackingStatus, at location: Location) -> [Invalidation]? {
    if action.kind == .create, action.fileKind == status.attributes.kind { return adopt(action, status, at: location) }
    guard let forgotten = try? giveUp([action.subject], withDependents: true) else { return nil }
    return forgotten.names.map { .entry($0) } + forgotten.inodes.map { .inode($0) } + place(action, status, at: location)
  }

  /// Shows theirs at a name that a change was given up for.
  private mutating func place(_ action: PhysicalAction, _ status: BackingStatus, at location: Location) -> [Invalidation] {
    guard let inode = (action.kind == .rename ? action.replaced : action.inode).flatMap({ inodes[$0] }) else {
      return show(status.attributes.kind, at: location)
    }
    guard inode.kind == status.attributes.kind, inode.backingNames.contains(location) else {
      return disown(location, of: inode) + show(status.attributes.kind, at: location)
    }
    rebase(inode.number, on: status)
    forgetDetails(of: inode)
    return [.inode(inode.number)]
  }

  /// A new inode of the mount is the one that somebody else has made at its name: a directory has the entries of both.
  private mutating func adopt(_ action: PhysicalAction, _ status: BackingStatus, at location: Location) -> [Invalidation]? {
    guard let inode = inodes[action.inode], let given = queue.giveUp(action) else { return nil }
    let times = appendTimes(of: inode.number, besides: [])
    var outcome = PlanOutcome(plan: .zero, completes: given.completes, contents: given.contents)
    if let last = cache.discard(inode.number) { outcome.contents.append(ContentsCompletion(inode: inode.number, through: last)) }
    queue.contentsGone(inode.number)
    inodes.setBackingNames([location], of: inode)
    inode.identity = status.known
    forgetDetails(of: inode)
    forgetEntries(of: inode)
    reserve(inode)
    inodes[location.parent].map { bind($0) }
    outcome.bindings = [binding(of: inode)]
    inode.lastReference = journal.append(.outcome(outcome)).lsn
    if let (change, lsn) = times { take(change, bytes: nil, position: nil, lsn: lsn) }
    return [.inode(inode.number), .entry(location)]
  }

  /// What the mount shows of an inode is to be looked up anew.
  func forgetDetails(of inode: Inode) {
    inode.attributes = nil
    inode.extendedAttributes = [:]
    inode.unreadableAttributes = []
  }
}
