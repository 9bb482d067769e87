import FilesystemModel
import Flushing
import Inodes
import JournalFormat
import StorageInterface
import WritebackCache

/// A plan that is being carried out, from its INTENT to its DONE.
struct PlanRun: Sendable {
  let lsn: LSN
  let actions: [ExecutableAction]
  /// Inodes that are still open on the mount and lose their last backing name with the action of the same index.
  let holds: [[Hold]]
  /// Indexes of the actions that no durable DONE record names yet.
  var open: [Int]
  var outcomes: [ActionOutcome?]
  /// Whether an action was attempted before: then it is redone.
  var wasAttempted: [Bool]
  /// Indexes of actions of an earlier mount's plan whose inodes count as moved already (R3).
  var rolledForward: Set<Int>
  /// Indexes of open actions that were seen to have had no effect.
  var untouched: Set<Int> = []
  /// Whether a job works on it; else it waits for `retryAtMilliseconds`.
  var isRunning = true
  /// Whether the outcome of what is settled has been appended, and is not yet durable.
  var isOutcomeAppended = false
  /// Letters of actions that are given up, to be appended with the outcome.
  var deadLetters: [Int: DeadLetter] = [:]
  var attempts = 0
  /// Uptime when the action, or the syncing, that is under way began.
  var callBeganMilliseconds: Int?
  var retryAtMilliseconds = 0
  /// Uptime at which it was opened, or found at recovery.
  let beganNanoseconds: Int
  /// The state of the files that its actions have written to; `nil` when it could not be told.
  var seen: [Int: BackingStatus?] = [:]

  /// A file whose descriptor is opened before its last name goes.
  struct Hold: Sendable {
    var inode: InodeNumber
    var path: BackingPath
    /// Whether the file lives on under names that we do not know.
    var isWritable: Bool
  }

  init(
    lsn: LSN, actions: [ExecutableAction], holds: [[Hold]], open: [Int], isRedo: Bool, nowNanoseconds now: Int
  ) {
    beganNanoseconds = now
    self.lsn = lsn
    self.actions = actions
    self.holds = holds
    self.open = open
    outcomes = actions.map { _ in nil }
    wasAttempted = actions.map { _ in isRedo }
    // An earlier mount may have changed them, as far as it came.
    for index in open where isRedo && actions[index].action.kind == .writeContents { seen[index] = .some(nil) }
    rolledForward = isRedo ? Set(open.filter { actions[$0].action.kind != .writeContents }) : []
  }

  /// What its open actions write.
  var bytesLeft: Int { open.reduce(0) { $0 + (actions[$1].contents?.extentBytes ?? 0) } }
  /// Open actions that are in the backing directory, synced.
  var completed: [Int] { open.filter { outcomes[$0] == .done } }
  /// Open actions that were refused without an effect.
  var aborted: [Int] { open.filter { if case .aborted = outcomes[$0] { true } else { false } } }

  /// The inodes that its actions make, write, name, move or remove, and the directories whose entries change.
  var changedInodes: Set<InodeNumber> {
    var inodes: Set<InodeNumber> = []
    for action in actions.map(\.action) {
      for inode in [action.inode, action.replaced, action.source?.parent, action.target?.parent] {
        if let inode { inodes.insert(inode) }
      }
    }
    return inodes
  }

  /// Whether it changes link counts that may be read under names that nobody has looked up yet.
  var changesLinkedFiles: Bool {
    actions.contains { action in
      switch action.action.kind {
      case .link: true
      case .removeFile: action.expectedSource.map { $0.linkCount > 1 } ?? false
      case .rename: action.expectedTarget.map { $0.linkCount > 1 } ?? false
      case .create, .removeDirectory, .writeContents: false
      }
    }
  }

  /// Why an action that was not attempted is not: its directory, which the plan was to make, was refused. Somebody else's
  /// directory of that name is not the one.
  func refusalOfUnmadeParent(_ index: Int) -> ActionOutcome? {
    guard let parent = actions[index].action.target?.parent, !wasAttempted[index],
      let creation = open.first(where: { actions[$0].action.kind == .create && actions[$0].action.inode == parent }),
      case .aborted(let errno, _)? = outcomes[creation]
    else { return nil }
    return .aborted(errno, .targetParentMissing)
  }

  /// What is inside a directory that the plan has not made is done again with that: until then nobody could tell where it is.
  ///
  /// - Returns: Actions whose failure says nothing: the directory that they are inside of is not there.
  mutating func putOffInsideUnmadeDirectories() -> Set<Int> {
    var inside: Set<Int> = []
    var unmade: [InodeNumber: Errno] = [:]
    for index in open {
      let action = actions[index].action
      if let errno = action.target.flatMap({ unmade[$0.parent] }) {
        inside.insert(index)
        if outcomes[index] == .done { outcomes[index] = .retry(errno) }
      }
      guard action.kind == .create, action.fileKind == .directory else { continue }
      switch outcomes[index] {
      case .retry(let errno), .aborted(let errno, _): unmade[action.inode] = errno
      case .done, nil: break
      }
    }
    return inside
  }
}

/// What planning asks of the engine's state.
struct EngineWorld: PlanningWorld {
  let inodes: InodeTable
  let cache: DirtyContents

  func backingLocation(of inode: InodeNumber) -> Location? { inodes[inode]?.backingNames.first }

  func ancestors(of directory: InodeNumber) -> [InodeNumber]? {
    inodes.backingChain(to: directory).map { Array($0.dropLast().reversed()) }
  }

  func contents(of inode: InodeNumber) -> PendingContents? {
    let bytes = cache.dirtyBytes(of: inode)
    if let sealed = cache.sealedLSNs(of: inode) {
      return PendingContents(firstLSN: sealed.lowerBound, lastLSN: sealed.upperBound, bytes: bytes)
    }
    guard let first = cache.firstLSN(of: inode), let last = cache.lastLSN(of: inode) else { return nil }
    return PendingContents(firstLSN: first, lastLSN: last, bytes: bytes)
  }

  func hasUnknownNames(_ inode: InodeNumber) -> Bool { inodes[inode]?.hasUnknownNames ?? false }
}

extension EngineState {
  var world: EngineWorld { EngineWorld(inodes: inodes, cache: cache) }

  /// Whether an open plan moves or removes the inode or a directory above it: what its path leads to is in doubt. Once the
  /// journal has failed no plan goes on, and there is nothing to wait for.
  func isMoving(_ inode: Inode) -> Bool {
    journal.failure == nil && queue.isUnsettled(inode.number, ancestors: chain(of: inode))
  }

  /// Seals the contents a plan names and resolves its paths.
  mutating func prepare(
    _ actions: [PhysicalAction], open: [Int], plan lsn: LSN, isRedo: Bool,
    read: @escaping @Sendable (InodeNumber, ByteRange) throws(Errno) -> [UInt8]
  ) -> PlanRun {
    for index in open where actions[index].contentsThrough != nil { _ = cache.seal(actions[index].inode) }
    let executables = actions.map { executable($0, in: actions, read) }
    var run = PlanRun(
      lsn: lsn, actions: executables, holds: actions.map { holds($0) }, open: open, isRedo: isRedo,
      nowNanoseconds: clock.uptimeNanoseconds())
    for index in open where isDoubtful(actions[index]) { run.wasAttempted[index] = true }
    return run
  }

  /// Whether an earlier mount may have carried it out without a trace in the journal. Not of a file: what has its name may be one
  /// of which a lost record told, and would be emptied.
  private func isDoubtful(_ action: PhysicalAction) -> Bool {
    if action.kind == .create, action.fileKind == .regular { return false }
    return action.completes.contains { $0.lsn <= doubtfulThrough }
  }

  private func executable(
    _ action: PhysicalAction, in plan: [PhysicalAction],
    _ read: @escaping @Sendable (InodeNumber, ByteRange) throws(Errno) -> [UInt8]
  ) -> ExecutableAction {
    let number = action.inode
    var result = ExecutableAction(action: action, read: { range throws(Errno) in try read(number, range) })
    result.source = action.source.flatMap { path(of: $0, in: plan) }
    result.target = action.target.flatMap { path(of: $0, in: plan) }
    if action.kind == .writeContents, number == .root { result.source = .root }
    if action.contentsThrough != nil { result.contents = cache.sealed(number).map { ContentsImage($0) } }
    guard let inode = inodes[number] else { return result }
    if action.kind == .create, let attributes = inode.attributes {
      let lists = inode.extendedAttributes.sorted { $0.key.lexicographicallyPrecedes($1.key) }
      result.newInode = NewInode(
        number: number, attributes: attributes, target: inode.target,
        extendedAttributes: lists.map { ExtendedAttribute(name: $0.key, value: $0.value) })
      let removals = removalsOfInheritedLists(inode, in: action.target?.parent)
      if !removals.isEmpty {
        var contents = result.contents ?? ContentsImage()
        contents.extendedAttributes = removals + contents.extendedAttributes
        result.contents = contents
      }
      result.contents = result.contents ?? ContentsImage()
      result.contents?.extendedAttributes += inheritedInBackingOnly(inode, action)
    } else if action.kind != .create {
      result.expectedSource = inode.identity
    }
    result.expectedTarget = action.replaced.flatMap { inodes[$0]?.identity }
    return result
  }

  /// Access lists that a new file gets from its backing directory and does not have on the mount any more.
  private func inheritedInBackingOnly(_ inode: Inode, _ action: PhysicalAction) -> [ExtendedAttributeChange] {
    guard inode.kind != .symlink, let parent = action.target.flatMap({ inodes[$0.parent] }), abilities.supportsExtendedAttributes,
      !parent.hasAttributes || parent.extendedAttributes[AccessControlList.defaultName] != nil
    else { return [] }
    let names = [AccessControlList.accessName] + (inode.kind == .directory ? [AccessControlList.defaultName] : [])
    return names.filter { inode.extendedAttributes[$0] == nil }.map { ExtendedAttributeChange(name: $0, value: nil) }
  }

  /// Access control lists that the backing directory may give to a new inode and that it must not have: the parent had no default
  /// list when the inode was born, or another one.
  private func removalsOfInheritedLists(_ inode: Inode, in parent: InodeNumber?) -> [ExtendedAttributeChange] {
    guard inode.kind != .symlink, abilities.supportsExtendedAttributes, let parent = parent.flatMap({ inodes[$0] }) else {
      return []
    }
    let name = AccessControlList.defaultName
    let mayInherit =
      !parent.hasAttributes || parent.extendedAttributes[name] != nil
      || cache.extendedAttributes(of: parent.number).contains { $0.name == name }
    guard mayInherit else { return [] }
    let lists = inode.kind == .directory ? [AccessControlList.accessName, name] : [AccessControlList.accessName]
    return lists.filter { inode.extendedAttributes[$0] == nil }.map { ExtendedAttributeChange(name: $0, value: nil) }
  }

  /// The path of a location, also in a directory that the plan itself creates.
  private func path(of location: Location, in plan: [PhysicalAction]) -> BackingPath? {
    if let path = path(of: location) { return path }
    let creation = plan.first { $0.kind == .create && $0.inode == location.parent }
    return creation?.target.flatMap { path(of: $0, in: plan) }?.appending(location.name)
  }

  private func holds(_ action: PhysicalAction) -> [PlanRun.Hold] {
    let gone: (InodeNumber, Location?)? =
      switch action.kind {
      case .removeFile: (action.inode, action.source)
      case .rename: action.replaced.map { ($0, action.target) }
      case .create, .link, .removeDirectory, .writeContents: nil
      }
    guard let (number, location) = gone, let inode = inodes[number], inode.kind == .regular, inode.lookupCount > 0,
      inode.isOrphan, inode.backingNames.count == 1, let path = location.flatMap({ path(of: $0) })
    else { return [] }
    return [PlanRun.Hold(inode: number, path: path, isWritable: inode.hasUnknownNames)]
  }

  /// Takes the new locations of a plan's inodes into memory and appends its DONE record, in one step (R5): several records when
  /// the names are too many for one.
  mutating func appendOutcome(of run: PlanRun) {
    guard !run.completed.isEmpty || !run.aborted.isEmpty else { return }
    var part = OutcomePart()
    for index in run.completed {
      let touched = take(run.actions[index].action) + learn(of: run, index)
      let bindings = touched.compactMap { inodes[$0] }.map { bindAsMoved($0) }
      let bytes = bytesOfOutcome(of: run.lsn, index, bindings)
      if part.bytes + bytes > journal.recordBytesMax / 2, !part.completed.isEmpty {
        append(part, aborted: [], of: run)
        part = OutcomePart()
      }
      part.completed.append(index)
      part.touched += touched
      part.bindings += bindings
      part.bytes += bytes
    }
    for index in run.aborted where run.rolledForward.contains(index) {
      let touched = takeBack(run.actions[index].action)
      part.touched += touched
      part.bindings += touched.compactMap { inodes[$0] }.map { bindAsMoved($0) }
    }
    for index in run.aborted { part.bindings += learn(of: run, index).compactMap { inodes[$0] }.map { bindAsMoved($0) } }
    append(part, aborted: run.aborted, of: run)
  }

  /// Completed actions that one DONE record names.
  private struct OutcomePart {
    var completed: [Int] = []
    var touched: [InodeNumber] = []
    var bindings: [Binding] = []
    var bytes = 0
  }

  /// Moves the inodes of a completed action to where they are now.
  private mutating func take(_ action: PhysicalAction) -> [InodeNumber] {
    let touched = move(action.locationsAfter({ inodes[$0].map { Array($0.backingNames) } ?? [] }))
    for number in touched { inodes[number]?.isBeingMade = false }
    return touched
  }

  /// Moves the inodes of an action that counted as carried out, and was not, back to where they are.
  mutating func takeBack(_ action: PhysicalAction) -> [InodeNumber] {
    let touched = move(action.locationsBefore({ inodes[$0].map { Array($0.backingNames) } ?? [] }))
    if action.kind == .create { inodes[action.inode]?.isBeingMade = false }
    return touched
  }

  private mutating func move(_ moved: [(InodeNumber, [Location])]) -> [InodeNumber] {
    for (number, locations) in moved {
      guard let inode = inodes[number] else { continue }
      let change = locations.count - inode.backingNames.count
      if let identity = inode.identity { inode.identity?.linkCount = UInt32(max(0, Int(identity.linkCount) + change)) }
      inodes.setBackingNames(locations, of: inode)
    }
    return moved.map(\.0).filter { inodes[$0] != nil }
  }

  /// The binding of an inode for a DONE record, which binds it.
  private mutating func bindAsMoved(_ inode: Inode) -> Binding {
    for location in inode.backingNames { inodes[location.parent].map { bind($0) } }
    inode.isBound = true
    bound.insert(inode.number)
    return binding(of: inode)
  }

  private func bytesOfOutcome(of plan: LSN, _ index: Int, _ bindings: [Binding]) -> Int {
    var outcome = queue.outcome(of: plan, completed: [index], aborted: [])
    outcome.bindings = bindings
    return Record.outcome(outcome).encodedBytes
  }

  private mutating func append(_ part: OutcomePart, aborted: [Int], of run: PlanRun) {
    var outcome = queue.outcome(of: run.lsn, completed: part.completed, aborted: aborted)
    outcome.bindings = part.bindings
    let lsn = journal.append(.outcome(outcome)).lsn
    for number in part.touched {
      guard let inode = inodes[number] else { continue }
      inode.lastReference = lsn
      for location in inode.backingNames { inodes[location.parent]?.lastReference = lsn }
    }
  }

  /// Releases the names, inodes and contents of those actions of a plan whose DONE record is durable (R5).
  ///
  /// - Returns: inodes whose descriptors nobody needs any more.
  mutating func release(_ run: PlanRun) -> [InodeNumber] {
    queue.finished(
      plan: run.lsn, completed: run.completed, aborted: run.aborted, nowMilliseconds: clock.uptimeMilliseconds())
    for index in run.completed where run.actions[index].action.contentsThrough != nil {
      releaseContents(of: run, index)
    }
    let written = run.completed.compactMap { inodes[run.actions[$0].action.inode] }.reduce(0) { $0 + noteWritten($1) }
    space.noteWritten(bytes: written, files: run.completed.count { run.actions[$0].action.kind == .create })
    var gone: [InodeNumber] = []
    for action in (run.completed + run.aborted).map({ run.actions[$0].action }) {
      for number in [action.inode] + (action.replaced.map { [$0] } ?? []) {
        guard let inode = inodes[number] else { continue }
        if let first = cache.firstLSN(of: number), inode.isKept { contentsChanged(inode, lsn: first) }
        discardOrphan(inode)
        if inodes[number] == nil { gone.append(number) }
      }
    }
    return gone
  }
}

extension ContentsImage {
  init(_ sealed: SealedContents) {
    self.init(
      smallestSize: sealed.smallestSize, sizeAfter: sealed.sizeAfter, zeroed: sealed.zeroed, extents: sealed.extents,
      attributes: sealed.attributes, extendedAttributes: sealed.extendedAttributes)
  }
}
