import FilesystemModel

/// What waits for write-back, which plans are open, and what to write back next (DESIGN.md section 6, PROTOCOL.md R3, R5, R8, R9,
/// R16, R20-R23).
///
/// Pure logic: belongs to whoever holds the engine's lock. Times are uptimes in milliseconds.
package struct WritebackQueue {
  /// Changes of an inode's contents that no open plan has sealed.
  struct DirtyContents {
    var fileKind: FileKind
    var firstLSN: LSN
    var firstMilliseconds: Int
    var lastMilliseconds: Int
    var urgency: Urgency
    /// Whether the last name went while an open plan wrote them: then they are not given back.
    var areGone = false
    /// Whether they are more than times of changed entries that are not in the backing directory.
    var mustBeWritten = true
    /// Whether they are times that wait for nothing but the next change.
    var isIdle = false
    /// Whether they are part of a long stream: then they need no rest.
    var isStream = false
  }

  /// Orders inodes with dirty contents by age.
  struct AgedInode: Comparable {
    var firstLSN: LSN
    var inode: InodeNumber

    static func < (left: Self, right: Self) -> Bool {
      left.firstLSN == right.firstLSN ? left.inode < right.inode : left.firstLSN < right.firstLSN
    }
  }

  struct OpenPlan {
    var actions: [PhysicalAction]
    /// `nil` for contents, and for all actions of a plan of an earlier mount.
    var items: [Stage?]
    var claims: [ActionClaims]
    /// What each action sealed.
    var contents: [DirtyContents?]
    /// Uptime at which a plan of an earlier mount was found; `nil` for others.
    var restoredMilliseconds: Int?
    var isRestored: Bool { restoredMilliseconds != nil }
    /// Indexes of the actions that are neither completed nor aborted.
    var remaining: Set<Int>
    /// Whether an action of it was tried in vain.
    var hasFailed = false
  }

  /// How the write-back of something has failed since it last succeeded.
  struct Failures {
    /// Failed attempts while the backing directory itself was well.
    var attempts = 0
    /// How often it was given back, and until which uptime it waits since.
    var returns = 0
    var untilMilliseconds = 0
    /// When the first of the attempts was.
    var first = Timestamp(seconds: 0)
  }

  let rules: ProtocolRules
  package internal(set) var settings: WritebackSettings
  /// What one plan may write.
  var batchBytes: Int
  /// How many operations it may have.
  var batchOperations: Int
  package internal(set) var graph: PendingGraph
  var contents = ContentsByInode()
  /// The keys of `contents` but dead letters, and inodes whose creation is pending: these are written with it (R23).
  var contentsByAge = KeysByUrgency<AgedInode>()
  var openPlans: [LSN: OpenPlan] = [:]
  var claims = PlanClaims()
  var failures: [WritebackSubject: Failures] = [:]
  /// What is not tried any more. It is in the graph, among `contents`, or in an open plan where it is in doubt.
  package internal(set) var deadLetters: [WritebackSubject: DeadLetter] = [:]
  var pressedThrough = LSN.zero
  /// What somebody waits for, by number.
  var urgentParts: [Int: UrgentPart] = [:]
  var urgentPartsCount = 0
  var isPressed = false
  /// Whether what is past the deadline comes before what somebody waits for: they take turns.
  var overdueHasTurn = false
  /// Whether times of directories may be idle: not where others change the directories too, whose times these would hide.
  package var hasIdleTimes = true
  var random: SeededRandom

  /// An empty queue.
  ///
  /// - Parameters:
  ///   - seed: For the jitter of retries.
  ///   - temporaryName: The hidden name of the exchange with the given record.
  package init(
    rules: ProtocolRules = ProtocolRules(), settings: WritebackSettings = WritebackSettings(), seed: UInt64 = 1,
    temporaryName: @escaping @Sendable (LSN) -> EntryName
  ) {
    self.rules = rules
    self.settings = settings
    batchBytes = settings.batchBytes
    batchOperations = settings.batchOperations
    graph = PendingGraph(rules: rules, temporaryName: temporaryName)
    random = SeededRandom(seed: seed)
  }

  /// Whether nothing waits and no plan is open.
  package var isEmpty: Bool { graph.isEmpty && contents.isEmpty && openPlans.isEmpty }
  /// How many items and inodes with dirty contents wait or are being written back.
  package var count: Int { graph.count + contents.count + openPlans.values.reduce(0) { $0 + $1.contents.count { $0 != nil } } }
  /// How many items and inodes with dirty contents wait, in open plans or not. O(1).
  package var waitingCount: Int { graph.count + contents.count }
  /// What waits or is being written back, by priority; `awaited` is what a program waits for. - Complexity: O(open plans).
  package var countsByPriority: [(priority: String, count: Int)] {
    let sealed = openPlans.values.flatMap { $0.contents.compactMap { $0?.urgency } }
    return Urgency.allCases.map { urgency in
      (urgency.name, graph.counts[urgency] + contents.counts[urgency] + sealed.count { $0 == urgency })
    }
  }
  /// How many items and inodes were given back and wait until they are tried again, or were tried again in vain.
  package var delayedCount: Int { failures.keys.count { deadLetters[$0] == nil } }
  /// The open plans by LSN.
  package var openPlanLSNs: [LSN] { openPlans.keys.sorted() }

  /// The oldest record that the journal must keep for write-back: of pending items, dirty contents and open plans (R6).
  package var oldestLSN: LSN? {
    var oldest = [graph.oldestLSN, contentsByAge.first?.firstLSN].compactMap(\.self) + parkedContents.map(\.firstLSN)
    for (plan, open) in openPlans {
      oldest.append(plan)
      oldest += open.contents.compactMap { $0?.firstLSN }
      for index in open.remaining { oldest += open.actions[index].completes.map(\.lsn) }
    }
    return oldest.min()
  }

  /// Uptime at which the oldest change that is not written back arrived, of an earlier mount's plan that of its recovery; `nil`
  /// when there is none. - Complexity: O(actions of open plans).
  package var oldestMilliseconds: Int? {
    let oldestContents = contentsByAge.first.flatMap { contents[$0.inode]?.firstMilliseconds }
    let open = openPlans.values.flatMap { plan in
      plan.remaining.map { plan.contents[$0]?.firstMilliseconds } + [plan.restoredMilliseconds]
    }
    let parked = parkedContents.map { Optional($0.firstMilliseconds) }
    return ([graph.oldestItem?.firstMilliseconds, oldestContents] + open + parked).compactMap(\.self).min()
  }

  /// Gives back the room of what is written back. O(n) in what waits.
  package mutating func shrink() {
    graph.shrink()
    contents.shrink()
    contentsByAge.shrink()
  }

  /// Makes room for as many changes of names as are about to be entered.
  package mutating func reserveCapacity(operations: Int) { graph.reserveCapacity(operations) }

  /// Enters a change of names whose record has just been appended, or is replayed at recovery.
  ///
  /// - Returns: Records that need no write-back any more; the engine appends an outcome that names them.
  package mutating func add(
    _ change: NamespaceChange, lsn: LSN, facts: ChangeFacts, nowMilliseconds: Int
  ) -> AddResult {
    if facts.losesLastName || !rules.dataDropsWithLastName {
      switch change {
      case .remove(let inode, _): contentsGone(inode)
      case .rename(_, _, _, let replaced): if let replaced { contentsGone(replaced) }
      case .create, .link, .exchange: break
      }
    }
    let result = graph.add(change, lsn: lsn, facts: facts, nowMilliseconds: nowMilliseconds)
    settleTimes(of: graph.takeSettledParents(), lsn: lsn, nowMilliseconds: nowMilliseconds)
    dropRewrittenLetters()
    if facts.unnamedCreation != nil, case .link(let inode, _) = change { attach(inode) }
    if !urgentParts.isEmpty {
      extendUrgent(by: Stage(lsn))
      settleUrgent(result.completed, result.contents)
    }
    return result
  }

  /// The inode's data or attributes were changed by a record; or, with `byEntry`, a directory's times by a change of an entry
  /// that is added next. A file without a name (`O_TMPFILE`) is told when it gets one. What stayed when an open plan took the
  /// older changes is told when that ends: then newer ones may be known already.
  package mutating func contentsChanged(
    _ inode: InodeNumber, fileKind: FileKind, lsn: LSN, urgency: Urgency = .normal, byEntry: Bool = false,
    nowMilliseconds: Int
  ) {
    if let known = contents[inode], byEntry || !known.isIdle {
      let urgency = known.urgency == .pressed ? .pressed : urgency
      let isMoved = lsn < known.firstLSN || urgency != known.urgency
      if isMoved { attach(inode) }
      var changed = known
      changed.firstLSN = min(lsn, known.firstLSN)
      changed.lastMilliseconds = nowMilliseconds
      changed.urgency = urgency
      if !byEntry { changed.mustBeWritten = true }
      contents[inode] = changed
      if isMoved { detach(inode) }
      return
    }
    contents[inode] = DirtyContents(
      fileKind: fileKind, firstLSN: lsn, firstMilliseconds: nowMilliseconds, lastMilliseconds: nowMilliseconds,
      urgency: urgency, mustBeWritten: !byEntry)
    detach(inode)
  }

  /// The inode's contents are much already and go on in sequence: they are due at once.
  package mutating func contentsStream(_ inode: InodeNumber) {
    guard failures[.contents(inode)] == nil, deadLetters[.contents(inode)] == nil else { return }
    contents[inode]?.isStream = true
  }

  /// The inode's contents need no write-back any more: its last name is gone. What an open plan sealed is still written.
  package mutating func contentsGone(_ inode: InodeNumber) {
    attach(inode)
    contents[inode] = nil
    failures[.contents(inode)] = nil
    deadLetters[.contents(inode)] = nil
    settleUrgent([], [ContentsCompletion(inode: inode, through: LSN(.max))])
    guard claims.inodes[inode] != nil else { return }
    for plan in openPlans.keys {
      for index in openPlans[plan]!.actions.indices where openPlans[plan]!.actions[index].inode == inode {
        openPlans[plan]!.contents[index]?.areGone = true
      }
    }
  }

  /// The inode's contents wait for their own turn, unless they are idle, its creation is pending, or they are a dead letter.
  mutating func detach(_ inode: InodeNumber) {
    guard let dirty = contents[inode], !dirty.isIdle else { return }
    if let creation = graph.creation(of: inode) { return graph.raise([creation.key], to: dirty.urgency) }
    guard deadLetters[.contents(inode)] == nil else { return }
    contentsByAge.insert(AgedInode(firstLSN: dirty.firstLSN, inode: inode), dirty.urgency)
  }

  /// The inode's contents do not wait for a turn of their own.
  mutating func attach(_ inode: InodeNumber) {
    guard let dirty = contents[inode] else { return }
    contentsByAge.remove(AgedInode(firstLSN: dirty.firstLSN, inode: inode), dirty.urgency)
  }

  /// Makes everything up to a record due at once: flush, unmount, fsync that waits for the backing directory.
  package mutating func pressAll(through lsn: LSN) { pressedThrough = max(pressedThrough, lsn) }

  /// Changes how long is waited and how much is written back at once.
  package mutating func change(_ settings: WritebackSettings) {
    self.settings = settings
    limitBatches(toBytes: batchBytes, operations: batchOperations)
  }

  /// Makes later plans smaller than the settings let them be, or as large again.
  package mutating func limitBatches(toBytes bytes: Int, operations: Int) {
    batchBytes = min(settings.batchBytes, bytes)
    batchOperations = min(settings.batchOperations, operations)
  }

  /// Makes everything due at once while memory or journal space is short.
  package mutating func setPressure(_ isPressed: Bool) { self.isPressed = isPressed }

  /// Lets everything that was given back be tried again at once: an operator's wish, or the backing directory is healthy again.
  package mutating func forgetDelays() {
    for subject in failures.keys { failures[subject]?.untilMilliseconds = 0 }
  }
}
