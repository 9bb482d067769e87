import FilesystemModel
import Flushing
import JournalFormat
import WriteAheadLog

/// What can be concluded where outcomes may be among the records that are lost (`RecoveryMode.skipCorrupt`).
///
/// An operation is written back after all earlier ones that touch the same names or inodes (R15), and a plan begins when every
/// plan that touched the same has its outcome (R5, R8). So what is known of later ones tells of earlier ones. Called between the
/// sorting of the steps and the closing of plans, in place of `finishReading`.
extension Recovery {
  /// Keeps what a record below low-water says of where inodes are.
  mutating func readBindings(_ logged: LoggedRecord) {
    switch logged.record {
    case .binding(let binding): olderBindings[binding.inode] = binding
    case .outcome(let outcome): for binding in outcome.bindings { olderBindings[binding.inode] = binding }
    case .checkpointTable(let rows): for row in rows { olderBindings[row.inode] = row }
    case .namespace, .content, .intent, .checkpointBegin, .checkpointEnd, .copy, .deadLetter, .deadLetterRetry, .discard: break
    }
  }

  /// Binds the inodes that records name and no binding tells of, and the directories above them, as older records had them: a
  /// move since then would have been told.
  private mutating func bindFromOlderRecords() {
    var waiting: [InodeNumber] = []
    for step in steps {
      switch step.change {
      case .namespace(let change): waiting += change.inodes
      case .contents(let change, _): waiting.append(change.inode)
      case .names(let names): for name in names { waiting += [name.location.parent] + (name.inode.map { [$0] } ?? []) }
      }
    }
    while let inode = waiting.popLast() {
      guard bindings[inode] == nil, created[inode] == nil, let older = olderBindings[inode] else { continue }
      bindings[inode] = older
      waiting += older.locations.map(\.parent)
    }
  }

  mutating func concludeLostOutcomes() {
    bindFromOlderRecords()
    concludeFromIntents()
    let planned = actionsByRecord()
    let passing = passingNames(planned)
    let last = concludeFromLaterOperations(passing)
    for (lsn, plan) in openPlans.sorted(by: { $0.key < $1.key }) { conclude(lsn, plan.actions, last) }
    concludeFromLaterOperations(passing)
    closePlans()
    bindWhatWasMade(planned)
    bindWhatIsInDoubt()
    settleClaims()
  }

  /// Of two inodes at one place the one is there of which that was told last.
  private mutating func settleClaims() {
    var holders: [Location: InodeNumber] = [:]
    let age = { [boundAt] (inode: InodeNumber) in (boundAt[inode] ?? .zero, inode) }
    for (inode, binding) in bindings.sorted(by: { age($0.key) < age($1.key) }) {
      for location in binding.locations {
        if let other = holders[location] { bindings[other]?.locations.removeAll { $0 == location } }
        holders[location] = inode
      }
    }
  }

  /// Since the intent of an open plan nothing else has moved what it moves. Not of files that are only written to: they may have
  /// other names, and which these are is lost with their identity.
  private mutating func bindWhatIsInDoubt() {
    for (_, plan) in openPlans.sorted(by: { $0.key < $1.key }) {
      for action in plan.remaining.map({ plan.actions[$0] }) {
        guard let source = action.source, bindings[action.inode] == nil,
          action.fileKind == .directory || action.kind == .rename
        else { continue }
        bindings[action.inode] = Binding(inode: action.inode, kind: action.fileKind, locations: [source])
      }
    }
  }

  /// A plan acts on what is in the backing directory, inside of directories that are there.
  private mutating func concludeFromIntents() {
    for (_, plan) in openPlans {
      let made = Set(plan.actions.filter { $0.kind == .create }.map(\.inode))
      for action in plan.actions {
        let acted =
          [action.source?.parent, action.target?.parent, action.replaced] + (action.kind == .create ? [] : [action.inode])
        for inode in acted.compactMap(\.self) where !made.contains(inode) {
          if let creation = created[inode] { completed.insert(Stage(creation.lsn)) }
        }
      }
    }
  }

  /// Marks what later completed operations depend on as completed.
  ///
  /// - Returns: the last completed operation on the names of each inode.
  @discardableResult
  private mutating func concludeFromLaterOperations(_ passing: [LSN: Set<Location>]) -> [InodeNumber: LSN] {
    var lastOfInode: [InodeNumber: LSN] = [:]
    var lastOfName: [Location: LSN] = [:]
    var lastInside: [InodeNumber: LSN] = [:]
    for step in steps.reversed() {
      // What was undone before it was written back waited for nothing.
      guard case .namespace(let change) = step.change, !cancelled.contains(Stage(step.lsn)) else { continue }
      var isDone = completed.contains(Stage(step.lsn))
      if !isDone {
        isDone =
          change.subjects.contains { lastOfInode[$0] ?? .zero > step.lsn }
          || change.locations.contains { location in
            lastOfName[location] ?? .zero > step.lsn && passing[step.lsn]?.contains(location) != true
          }
        if case .create(let new, .some) = change {
          isDone =
            isDone || lastInside[new.number] ?? .zero > step.lsn || contentsDone(new.number) >= step.lsn
            || bindings[new.number]?.locations.isEmpty == false
        }
        guard isDone else { continue }
      }
      completed.formUnion([Stage(step.lsn, stage: 1), Stage(step.lsn, stage: 2), Stage(step.lsn)])
      for inode in change.subjects { lastOfInode[inode] = max(lastOfInode[inode] ?? .zero, step.lsn) }
      for location in change.locations { lastOfName[location] = max(lastOfName[location] ?? .zero, step.lsn) }
      for parent in change.parents { lastInside[parent] = max(lastInside[parent] ?? .zero, step.lsn) }
    }
    return lastOfInode
  }

  /// Names that one operation gives an inode and a later one takes from it. Where the two are folded into one action, or may have
  /// been, that does not touch these names, and what came later did not wait for them there.
  ///
  /// - Parameter planned: The actions that carry out each record.
  private func passingNames(_ planned: [LSN: [PhysicalAction]]) -> [LSN: Set<Location>] {
    var givers: [Location: (lsn: LSN, inode: InodeNumber)] = [:]
    var passing: [LSN: Set<Location>] = [:]
    for step in steps {
      guard case .namespace(let change) = step.change else { continue }
      let own = planned[step.lsn] ?? []
      if let folded = own.last(where: { $0.completes.count > 1 }) {
        passing[step.lsn, default: []].formUnion(change.locations.filter { $0 != folded.source && $0 != folded.target })
      }
      for (inode, location, isTaken) in change.moves {
        let giver = givers.removeValue(forKey: location)
        if isTaken { givers[location] = (step.lsn, inode) }
        guard !isTaken, let giver, giver.inode == inode, own.isEmpty, planned[giver.lsn] == nil else { continue }
        for lsn in [giver.lsn, step.lsn] { passing[lsn, default: []].insert(location) }
      }
    }
    return passing
  }

  /// The actions of plans that carry out each record, the latest plan's at the end.
  private func actionsByRecord() -> [LSN: [PhysicalAction]] {
    var found: [LSN: [PhysicalAction]] = [:]
    for (_, plan) in openPlans.sorted(by: { $0.key < $1.key }) {
      for action in plan.actions { for stage in action.completes { found[stage.lsn, default: []].append(action) } }
    }
    return found
  }

  /// Ends actions of a plan whose records are completed, and those that a later plan shows to have ended.
  private mutating func conclude(_ lsn: LSN, _ actions: [PhysicalAction], _ last: [InodeNumber: LSN]) {
    let later = openPlans.filter { $0.key > lsn }.sorted { $0.key < $1.key }
      .flatMap { plan in plan.value.actions.map { (lsn: plan.key, action: $0) } }
    for (index, action) in actions.enumerated() where endedActions[lsn]?.contains(index) != true {
      // It was given back, and given up afterwards.
      if action.completes.contains(where: cancelled.contains) {
        endedActions[lsn, default: []].insert(index)
        continue
      }
      // What was folded into one action is completed together.
      let isCompleted = action.completes.contains(where: completed.contains)
      let next = later.first { $0.action.touchesSame(as: action) }
      guard isCompleted || next != nil else { continue }
      endedActions[lsn, default: []].insert(index)
      // What the next plan carries out again was given back; contents, written again, do no harm.
      let isGivenBack = next.map { !Set($0.action.completes).isDisjoint(with: action.completes) } ?? false
      guard isCompleted || !action.completes.isEmpty && !isGivenBack else { continue }
      completed.formUnion(action.completes)
      takeEffect(of: action, last, next: next?.lsn)
    }
  }

  /// Moves the inodes of a completed action, unless their bindings are from after it.
  private mutating func takeEffect(of action: PhysicalAction, _ last: [InodeNumber: LSN], next: LSN?) {
    let own = action.completes.map(\.lsn).max() ?? .zero
    for (inode, locations) in action.locationsAfter({ bindings[$0]?.locations ?? [] }) {
      let bound = boundAt[inode] ?? .zero
      if let last = last[inode], last > own, bound > last { continue }
      if let next, bound > next { continue }
      let before = bindings[inode]?.locations ?? []
      let isBefore =
        switch action.kind {
        case .create: before.isEmpty
        case .link: action.target.map { !before.contains($0) } ?? false
        case .removeFile, .removeDirectory: true
        case .rename: inode == action.replaced || action.source.map { before.contains($0) } ?? false
        case .writeContents: false
        }
      guard isBefore else { continue }
      var binding = bindings[inode] ?? Binding(inode: inode, kind: action.fileKind, locations: [])
      binding.locations = locations
      bindings[inode] = binding
    }
  }

  /// What was made and of which no binding is left is where its completed operations have put it. What was replaced before it was
  /// made, so that its record is completed by another file's action, is nowhere.
  private mutating func bindWhatWasMade(_ planned: [LSN: [PhysicalAction]]) {
    var found: [InodeNumber: Binding] = [:]
    for step in steps {
      guard case .namespace(let change) = step.change, completed.contains(Stage(step.lsn)) else { continue }
      if case .create(let new, .some(let location)) = change, bindings[new.number] == nil,
        !cancelled.contains(Stage(step.lsn)),
        planned[step.lsn]?.contains(where: { $0.kind == .create && $0.inode == new.number }) ?? true
      {
        found[new.number] = Binding(inode: new.number, kind: new.attributes.kind, locations: [location])
      }
      for (inode, location, isTaken) in change.moves where found[inode] != nil {
        found[inode]?.locations.removeAll { $0 == location }
        if isTaken { found[inode]?.locations.append(location) }
      }
    }
    bindings.merge(found) { known, _ in known }
  }

  /// Forgets where inodes are in directories of which nobody can tell any more where they are.
  mutating func forgetUnreachableBindings() {
    var isReachable: [InodeNumber: Bool] = [.root: true]
    func check(_ inode: InodeNumber, depth: Int) -> Bool {
      if let known = isReachable[inode] { return known }
      isReachable[inode] = false
      let found = depth > 0 && bindings[inode]?.locations.contains { check($0.parent, depth: depth - 1) } == true
      isReachable[inode] = found
      return found
    }
    for (inode, binding) in bindings where !binding.locations.isEmpty {
      let kept = binding.locations.filter { check($0.parent, depth: 4096) }
      if kept.isEmpty { bindings[inode] = nil } else { bindings[inode]?.locations = kept }
    }
  }

  /// Gives up actions that cannot be carried out any more, since what they need to know is lost.
  ///
  /// - Returns: these actions.
  mutating func giveUpUnknownActions() -> [PhysicalAction] {
    var given: [PhysicalAction] = []
    let there = Set(bindings.filter { !$0.value.locations.isEmpty }.keys).union([.root])
    for (lsn, plan) in openPlans.sorted(by: { $0.key < $1.key }) {
      var made: Set<InodeNumber> = []
      for index in plan.remaining.sorted(by: { plan.actions[$0].isBefore(plan.actions[$1]) }) {
        let action = plan.actions[index]
        let isThere = { (inode: InodeNumber) in there.contains(inode) || made.contains(inode) }
        let isPossible =
          (action.kind == .create ? isToBeMade(action.inode) : isThere(action.inode))
          && [action.source?.parent, action.target?.parent].allSatisfy { $0.map(isThere) ?? true }
        if isPossible {
          if action.kind == .create { made.insert(action.inode) }
          continue
        }
        endedActions[lsn, default: []].insert(index)
        given.append(action)
        forgetNamesInDoubt(action)
      }
    }
    closePlans()
    return given
  }

  /// Whether a name that an action takes away is still there only the backing directory can tell.
  private mutating func forgetNamesInDoubt(_ action: PhysicalAction) {
    guard [.rename, .removeFile, .removeDirectory].contains(action.kind) else { return }
    for (inode, location) in [(action.inode, action.source), (action.replaced, action.target)] {
      guard let inode, let location, bindings[inode]?.locations.contains(location) == true else { continue }
      namesInDoubt.insert(location)
      bindings[inode]?.locations.removeAll { $0 == location }
      if bindings[inode]?.locations.isEmpty == true { bindings[inode] = nil }
    }
  }

  private func isToBeMade(_ inode: InodeNumber) -> Bool {
    created[inode].map { !completed.contains(Stage($0.lsn)) } ?? false
  }

  /// Gives up writing contents of which nothing is left. `oldest`: the oldest change of each inode's contents that is needed.
  ///
  /// - Returns: these actions.
  mutating func giveUpContents(without oldest: [InodeNumber: LSN]) -> [PhysicalAction] {
    var given: [PhysicalAction] = []
    for (lsn, plan) in openPlans.sorted(by: { $0.key < $1.key }) {
      for index in plan.remaining {
        let action = plan.actions[index]
        guard let through = action.contentsThrough, oldest[action.inode].map({ $0 > through }) ?? true else { continue }
        // A file is made all the same.
        if action.kind == .create { openPlans[lsn]?.actions[index].contentsThrough = nil }
        guard action.kind == .writeContents else { continue }
        endedActions[lsn, default: []].insert(index)
        given.append(action)
      }
    }
    closePlans()
    return given
  }
}

extension PhysicalAction {
  /// Creations first, parents before children: they have the lower numbers.
  fileprivate func isBefore(_ other: PhysicalAction) -> Bool {
    (kind == .create ? 0 : 1, inode) < (other.kind == .create ? 0 : 1, other.inode)
  }

  /// Whether two actions cannot be in open plans at a time (R8).
  fileprivate func touchesSame(as other: PhysicalAction) -> Bool {
    let own = Set([inode, replaced].compactMap(\.self))
    let names = Set([source, target].compactMap(\.self))
    return !own.isDisjoint(with: [other.inode, other.replaced].compactMap(\.self))
      || !names.isDisjoint(with: [other.source, other.target].compactMap(\.self))
  }
}

extension NamespaceChange {
  /// The inodes that get, lose or change a name.
  var subjects: [InodeNumber] {
    switch self {
    case .create(let new, _): [new.number]
    case .link(let inode, _), .remove(let inode, _): [inode]
    case .rename(let inode, _, _, let replaced): [inode] + (replaced.map { [$0] } ?? [])
    case .exchange(let inode, _, let other, _): [inode, other]
    }
  }

  /// The names that inodes lose, and then those that they get.
  fileprivate var moves: [(InodeNumber, Location, isTaken: Bool)] {
    switch self {
    case .create(let new, let location): location.map { [(new.number, $0, true)] } ?? []
    case .link(let inode, let location): [(inode, location, true)]
    case .remove(let inode, let location): [(inode, location, false)]
    case .rename(let inode, let source, let target, let replaced):
      (replaced.map { [($0, target, false)] } ?? []) + [(inode, source, false), (inode, target, true)]
    case .exchange(let inode, let location, let other, let otherLocation):
      [(inode, location, false), (other, otherLocation, false), (inode, otherLocation, true), (other, location, true)]
    }
  }

  /// The names that come, go or change hands.
  var locations: [Location] {
    switch self {
    case .create(_, let location): location.map { [$0] } ?? []
    case .link(_, let location), .remove(_, let location): [location]
    case .rename(_, let source, let target, _): [source, target]
    case .exchange(_, let location, _, let other): [location, other]
    }
  }
}
