import FilesystemModel
import Inodes
import StorageInterface

/// Fetching listings and details from the backing directory for parked requests.
extension Engine {
  private enum Start {
    case run(BackingPath)
    case wait
    case fail(Errno)
    /// Nobody wants it any more: other loads have their turn.
    case unwanted(prefetches: [InodeNumber])
  }

  private enum Found {
    case listing([BackingEntry])
    case details(BackingDetails)
  }

  /// Begins a load that requests are parked for.
  func start(_ load: Load) {
    runner.run(.load) { [self] in carryOut(load) }
  }

  func carryOut(_ load: Load) {
    switch shared.withLock({ begin(load, &$0) }) {
    case .wait: return  // begun again when a plan ends
    case .fail(let errno): end(load, failure: errno)
    case .unwanted(let prefetches): for inode in prefetches { start(.prefetch(inode)) }
    case .run(let path):
      do {
        let found: Found =
          switch load {
          case .listing: .listing(try listWatched(path, load.inode))
          case .details, .prefetch: .details(try backing.details(path))
          }
        // A listing that came short must not say that the rest is gone, nor another file that ours is.
        if mustBeBelieved(found, load) { try backing.checkRoot() }
        take(found, load)
      } catch {
        if shared.withLock({ $0.parking.isTainted(load) }) { return start(load) }
        let failure = error == .noEntry ? rootFailure() ?? error : error
        if failure == .noEntry { takeAbsence(path, load) }
        end(load, failure: failure)
      }
    }
  }

  private func begin(_ load: Load, _ shared: inout Shared) -> Start {
    // Ended under the same lock: whoever asks from now on begins anew.
    guard shared.wants(load) else { return .unwanted(prefetches: shared.end(load, failure: .interrupted).prefetches) }
    guard let inode = shared.state.inodes[load.inode] else { return .fail(.stale) }
    if shared.state.isMoving(inode) {
      if case .prefetch = load { return .fail(.busy) }
      shared.parking.delay(load)
      return .wait
    }
    guard let path = shared.state.path(of: inode) else { return .fail(.noEntry) }
    shared.parking.begin(load, chain: shared.state.chain(of: inode))
    return .run(path)
  }

  private func listWatched(_ path: BackingPath, _ directory: InodeNumber) throws(Errno) -> [BackingEntry] {
    watch(directory, at: path)
    return try backing.list(path)
  }

  private func take(_ found: Found, _ load: Load) {
    let now = clock.uptimeMilliseconds()
    let invalidations = shared.withLock { shared -> [Invalidation]? in
      guard !shared.parking.isTainted(load) else { return nil }
      let inode = shared.state.inodes[load.inode]
      switch found {
      case .listing(let entries):
        let changes = shared.parking.changedNames(of: load)
        var invalidations: [Invalidation] = []
        if let inode, inode.directory?.isComplete == true {
          invalidations = shared.state.takeAbsences(entries, of: inode, without: changes.born)
        }
        shared.state.takeListing(entries, of: load.inode, without: changes.gone)
        shared.prefetch.add(shared.state.entriesWithoutAttributes(in: load.inode))
        inode?.directory?.listingMilliseconds = now
        return invalidations
      case .details(let details):
        defer {
          if configuration.revalidateMilliseconds != nil { inode?.revalidation.attributesMilliseconds = now }
        }
        return shared.state.takeDetails(details, of: load.inode)
      }
    }
    guard let invalidations else { return start(load) }
    tellChanges(invalidations)
    end(load, failure: nil)
  }

  private func mustBeBelieved(_ found: Found, _ load: Load) -> Bool {
    switch found {
    case .listing: true
    case .details(let details):
      configuration.revalidateMilliseconds != nil
        && shared.withLock { shared in
          shared.state.inodes[load.inode].map { shared.state.isReplaced($0, by: details.status) } ?? false
        }
    }
  }

  /// The path of an inode is gone, and the backing directory is there.
  private func takeAbsence(_ path: BackingPath, _ load: Load) {
    guard configuration.revalidateMilliseconds != nil else { return }
    let invalidations = shared.withLock { shared -> [Invalidation] in
      guard let inode = shared.state.inodes[load.inode], let location = inode.backingNames.first,
        shared.state.path(of: inode) == path, !shared.state.isBasedOnOlderState(inode)
      else { return [] }
      return shared.state.disown(location, of: inode)
    }
    tellKernel(invalidations)
  }

  private func end(_ load: Load, failure: Errno?) {
    let (ready, prefetches) = shared.withLock { $0.end(load, failure: failure) }
    for request in ready { attempt(request) }
    for inode in prefetches { start(.prefetch(inode)) }
  }
}

extension Engine.Shared {
  /// - Returns: requests that have all they waited for, and what is to be fetched ahead.
  fileprivate mutating func end(_ load: Load, failure: Errno?) -> (ready: [Request], prefetches: [InodeNumber]) {
    if case .prefetch(let inode) = load { prefetch.end(inode) }
    return (parking.end(load, failure: failure), prefetch.begin())
  }
}

/// Taking what was found into memory.
extension EngineState {
  /// Every name that is not ours already is a new inode; its attributes come later, when it is asked for.
  ///
  /// A name that is the backing location of a known inode is shown only through that inode's logical names, and one that an open
  /// plan claims is in doubt (R22). `goneNames` were removed by plans that ended while the listing was under way.
  mutating func takeListing(_ entries: [BackingEntry], of number: InodeNumber, without goneNames: Set<EntryName>) {
    guard let directory = inodes[number], directory.directory != nil else { return }
    for entry in entries where !goneNames.contains(entry.name) {
      let location = Location(number, entry.name)
      guard directory.directory?[entry.name] == nil, !inodes.isKnownBackingName(location), !queue.isClaimedByOpenPlan(location)
      else {
        continue
      }
      let inode = inodes.make(entry.kind, isNew: false)
      inodes.setName(location, to: inode)
      inodes.setBackingNames([location], of: inode)
    }
    directory.directory?.isComplete = true
  }

  /// What the backing directory tells of an inode, with what waits for write-back on top.
  ///
  /// - Returns: what the kernel must forget.
  mutating func takeDetails(_ details: BackingDetails, of number: InodeNumber) -> [Invalidation] {
    guard let inode = inodes[number], !inode.hasAttributes || !isBasedOnOlderState(inode) else { return [] }
    if configuration.revalidateMilliseconds != nil, let location = inode.backingNames.first,
      isReplaced(inode, by: details.status)
    {
      let invalidations = disown(location, of: inode)
      return invalidations + show(details.status.attributes.kind, at: location)
    }
    let invalidations = noteChange(details, of: inode)
    takeAttributes(details, of: inode)
    return invalidations
  }

  private mutating func takeAttributes(_ details: BackingDetails, of inode: Inode) {
    let number = inode.number
    dropCleanUnlessOf(details.status, inode)
    let identity = known(details.status, of: inode)
    if abilities.hasStableInodes, let original = inodes.identify(inode, as: identity), original.kind == inode.kind {
      // A file with more names than the journal can tell in one record stays two inodes: neither shows changes of the other.
      if !inode.isBound, hasRoomForName(original) { return merge(inode, into: original, identity.version) }
      // Each would take the other's changes for somebody else's.
      original.identity?.version = nil
      inode.identity = details.status.identity
    } else {
      inode.identity = identity
    }
    if inode.directory?.isComplete == false, hasPendingEntries(number) { inode.isLinkCountInDoubt = true }
    var attributes = details.status.attributes
    cache.attributes(of: number).apply(to: &attributes)
    attributes.size = cache.size(of: number) ?? attributes.size
    inode.attributes = attributes
    inode.target = details.target
    inode.extendedAttributes = [:]
    for attribute in details.extendedAttributes { inode.extendedAttributes[attribute.name] = attribute.value }
    inode.unreadableAttributes = Set(details.unreadableAttributes)
    for change in cache.extendedAttributes(of: number) { inode.take(change) }
    for (name, value) in inode.extendedAttributes { policyChanged(byAttribute: name, value) }
    noteLoaded(inode)
  }

  /// The journal must know all known names of a file that it can tell the location of (R16).
  ///
  /// - Parameter version: The file's state.
  private mutating func merge(_ inode: Inode, into original: Inode, _ version: BackingVersion?) {
    let wasCutOff = original.isCutOff
    cache.dropClean(inode.number)
    inodes.merge(inode, into: original)
    // Changes of it went directly to a held descriptor.
    if wasCutOff { original.identity?.version = version }
    guard original.isBound else { return }
    for location in original.backingNames { inodes[location.parent].map { bind($0) } }
    original.lastReference = journal.append(.binding(binding(of: original))).lsn
  }

  /// The path of an inode in the backing directory, by its first name there; `nil` when it has none.
  func path(of inode: Inode) -> BackingPath? {
    if inode.number == .root { return .root }
    return inode.backingNames.first.flatMap { path(of: $0) }
  }

  func path(of location: Location) -> BackingPath? {
    guard let chain = inodes.backingChain(to: location.parent) else { return nil }
    let names = chain.dropFirst().compactMap { inodes[$0]?.backingNames.first?.name }
    return BackingPath(names + [location.name])
  }

  /// The inode and the directories that its backing path passes through.
  func chain(of inode: Inode) -> [InodeNumber] {
    guard let parent = inode.backingNames.first?.parent else { return [inode.number] }
    return (inodes.backingChain(to: parent) ?? []) + [inode.number]
  }
}
