import FilesystemModel
import Flushing
import Inodes
import JournalFormat
import WriteAheadLog

/// What the journal says at the mount: gathered from the newest checkpoint's low-water on, in one pass.
///
/// The order is that of PROTOCOL.md R3 and R4: scan; roll open plans forward in memory; replay *all* namespace records with
/// absolute meaning, completed or not; what is not completed enters the pending graph as if it had just arrived. Orphans are
/// decided at the end.
struct Recovery {
  /// Where inodes are in the backing directory; after `rollForward`, as after the open plans.
  var bindings: [InodeNumber: Binding] = [:]
  private(set) var created: [InodeNumber: Creation] = [:]
  private(set) var steps: [Step] = []
  var openPlans: [LSN: OpenPlan] = [:]
  /// What open actions of these plans make, move, write or remove; and what they make.
  private var inodesInDoubt: Set<InodeNumber> = []
  private var inodesBeingMade: Set<InodeNumber> = []
  /// Actions of plans that outcomes name.
  var endedActions: [LSN: Set<Int>] = [:]
  private var hasCopies = false
  private(set) var lastNumber = InodeNumber.root
  var completed: Set<Stage> = []
  /// Completed without a plan: undone before anything of it was written back.
  private(set) var cancelled: Set<Stage> = []
  private var inDoubt: Set<Stage> = []
  private var contentsDone: [InodeNumber: LSN] = [:]
  private(set) var deadLetters: [WritebackSubject: DeadLetter] = [:]
  /// What files that open plans touch looked like before: as the backing directory may still show them under names we do not
  /// know.
  private(set) var identitiesInDoubt: [InodeNumber: BackingIdentity] = [:]
  private(set) var contentsInDoubt: [InodeNumber: LSN] = [:]
  /// The inode that lost its last name with a record, as the end of the journal tells it. Half way through the replay an inode
  /// can seem to have no name, because a later record of its name is done already (C25).
  private var lastNameLosses: [LSN: InodeNumber] = [:]
  private var named: Set<InodeNumber> = []
  /// Names that are what the bindings say, whatever the replay makes of them.
  private(set) var lastingNames: [(Location, InodeNumber)] = []

  struct Creation {
    var inode: NewInode
    var lsn: LSN
    /// The record in the journal's live part that tells of it: the creation's, or its newest copy.
    var reference: LSN
  }

  /// A record to replay.
  struct Step {
    enum Change {
      case namespace(NamespaceChange)
      case contents(ContentChange, JournalPosition?)
      /// Names as they are without changes that were given up.
      case names([Discard.Name])
    }

    var lsn: LSN
    var time: Timestamp
    var change: Change
    /// Whether a copy was read, and not the record itself.
    var isCopy = false

    func times(of directories: [InodeNumber]) -> [Step] {
      directories.map { directory in
        let times = ContentChange(inode: directory, attributes: AttributeChange(modified: time, changed: time))
        return Step(lsn: lsn, time: time, change: .contents(times, nil))
      }
    }
  }

  /// What the journal says of a change and the backing directory. Every record has exactly one fate (Recovery.md has the table).
  enum Fate {
    /// It is there, durably, or needs not be there any more.
    case completed
    /// An open plan carries it out: it is redone with that, first of all.
    case inDoubt
    /// It waits for its turn.
    case pending
  }

  /// A plan without the outcome of all its actions.
  struct OpenPlan {
    var actions: [PhysicalAction]
    /// Indexes of actions without an outcome.
    var remaining: [Int]
  }

  private let rules: ProtocolRules
  /// That of the row of a table read last.
  private var lastRow: InodeNumber?
  /// What records below low-water said, for inodes whose bindings are lost.
  var olderBindings: [InodeNumber: Binding] = [:]
  /// Names of which only the backing directory can tell whether they are still there.
  var namesInDoubt: Set<Location> = []
  /// The record that was read last, and for each inode the one that its binding is from.
  private var lastRead = LSN.zero
  private(set) var boundAt: [InodeNumber: LSN] = [:]
  /// Up to there records are lost: what came before may be written back already although no outcome says so.
  private(set) var doubtfulThrough = LSN.zero
  var isDoubtful: Bool { doubtfulThrough > .zero }

  /// `recordsMax` and `creationsMax`: how many will be read at most, where that is known.
  init(table: [Binding], nextInode: InodeNumber, rules: ProtocolRules, recordsMax: Int = 0, creationsMax: Int = 0) {
    self.rules = rules
    steps.reserveCapacity(recordsMax)
    created.reserveCapacity(creationsMax)
    for row in table {
      var binding = row
      // A row with very many names comes in several pieces.
      binding.locations = (bindings[row.inode]?.locations ?? []) + row.locations
      bind(binding)
    }
    if nextInode > .root { lastNumber = max(lastNumber, InodeNumber(nextInode.rawValue - 1)) }
  }

  mutating func read(_ logged: LoggedRecord) {
    let (lsn, record) = logged.original
    lastRead = logged.lsn
    if lsn != logged.lsn { hasCopies = true }
    switch record {
    case .namespace(let change, let time, _):
      if case .create(let new, _) = change {
        created[new.number] = Creation(inode: new, lsn: lsn, reference: logged.lsn)
        lastNumber = max(lastNumber, new.number)
      }
      steps.append(Step(lsn: lsn, time: time, change: .namespace(change), isCopy: lsn != logged.lsn))
    case .content(let change, _, let time, _):
      steps.append(Step(lsn: lsn, time: time, change: .contents(change, logged.dataPosition)))
    case .binding(let binding): bind(binding)
    case .intent(let actions): openPlans[lsn] = OpenPlan(actions: actions, remaining: Array(actions.indices))
    case .outcome(.ofRepair): doubtfulThrough = lsn
    case .outcome(let outcome): take(outcome)
    case .deadLetter(let letter): deadLetters[letter.subject] = letter
    case .deadLetterRetry(let subject): deadLetters[subject] = nil
    case .discard(let discard): take(discard, lsn)
    case .checkpointTable(let rows): for row in rows { bindRow(row) }
    case .checkpointBegin, .checkpointEnd, .copy: break
    }
    if case .checkpointTable = record {} else { lastRow = nil }
  }

  /// A row of a checkpoint that is not complete, where records are lost. Rows of one inode that follow each other are one.
  private mutating func bindRow(_ row: Binding) {
    var binding = row
    if lastRow == row.inode { binding.locations = (bindings[row.inode]?.locations ?? []) + row.locations }
    lastRow = row.inode
    bind(binding)
  }

  /// Everything has been read: brings copies to the places of what they are copies of (R21), and sees which plans are open.
  mutating func finishReading() {
    sortStepsOfCopies()
    closePlans()
  }

  /// The first half of `finishReading`.
  mutating func sortStepsOfCopies() { if hasCopies { sortSteps() } }

  /// Makes sure that none of this many further inode numbers is given.
  mutating func reserveNumbers(_ count: UInt64) { lastNumber = InodeNumber(lastNumber.rawValue + count) }

  /// Plans all of whose actions have an outcome are not open.
  mutating func closePlans() {
    for (lsn, plan) in openPlans {
      let ended = endedActions[lsn] ?? []
      let remaining = plan.remaining.filter { !ended.contains($0) }
      openPlans[lsn] = remaining.isEmpty ? nil : OpenPlan(actions: plan.actions, remaining: remaining)
    }
    endedActions = [:]
  }

  /// A record of names that was read twice, itself and as a copy, is replayed once; pieces of contents stay in their order.
  ///
  /// Of a copy that is completed by now only the times of its directories may be left: what later became of its names may have
  /// been completed with it, and not be in the journal any more. Where its inodes are is known from their bindings.
  private mutating func sortSteps() {
    let order = steps.indices.sorted { (steps[$0].lsn, $0) < (steps[$1].lsn, $1) }
    var sorted: [Step] = []
    var lastNames = LSN.zero
    for step in order.map({ steps[$0] }) {
      guard case .namespace(let change) = step.change else {
        sorted.append(step)
        continue
      }
      if step.lsn == lastNames { continue }
      lastNames = step.lsn
      sorted += step.isCopy && completed.contains(Stage(step.lsn)) ? step.times(of: change.parents) : [step]
    }
    steps = sorted
  }

  /// The locations are taken to be those after the open plans: their redo comes before any other call on these names (R3).
  mutating func rollForward(temporaryNamePrefix: [UInt8]) {
    if !rules.plansAreRedone { openPlans = [:] }
    for plan in openPlans.values {
      for action in plan.remaining.map({ plan.actions[$0] }) {
        inodesInDoubt.formUnion([action.inode, action.replaced].compactMap(\.self))
        if action.kind == .create { inodesBeingMade.insert(action.inode) }
      }
    }
    for (_, plan) in openPlans.sorted(by: { $0.key < $1.key }) {
      for index in plan.remaining {
        let action = plan.actions[index]
        for (inode, locations) in action.locationsAfter({ bindings[$0]?.locations ?? [] }) { move(inode, to: locations, action) }
        inDoubt.formUnion(action.completes)
        if let through = action.contentsThrough { contentsInDoubt[action.inode] = through }
      }
    }
    findLastNameLosses(temporaryNamePrefix)
  }

  /// The hidden name that a file has half way of an exchange is none: the exchange's record, which is replayed too, gives it one.
  private mutating func findLastNameLosses(_ temporaryNamePrefix: [UInt8]) {
    var names: [Location: InodeNumber] = [:]
    names.reserveCapacity(created.count + bindings.count)
    for inode in bindings.keys.sorted() {
      let locations = bindings[inode]?.locations ?? []
      for location in locations where !location.name.starts(with: temporaryNamePrefix) { names[location] = inode }
    }
    var losses: [InodeNumber: LSN] = [:]
    for step in steps {
      switch step.change {
      case .namespace(let change):
        change.apply(to: &names)
        if let inode = change.inodeLosingName { losses[inode] = step.lsn }
      case .names(let discarded): for name in discarded { names[name.location] = name.inode }
      case .contents: break
      }
    }
    if hasCopies { findLastingNames(temporaryNamePrefix) }
    for (location, inode) in lastingNames { names[location] = inode }
    named = Set(names.values)
    for (inode, lsn) in losses where !named.contains(inode) { lastNameLosses[lsn] = inode }
  }

  /// With copies the journal is not all that happened: a record that was completed early, so that it was not copied or is not
  /// replayed, may lie between two that are. What the replay of these does to its name in passing is not the end: a name of an
  /// inode in the backing directory that no replayed record gives it or takes from it is its own.
  private mutating func findLastingNames(_ temporaryNamePrefix: [UInt8]) {
    var told: [InodeNumber: Set<Location>] = [:]
    for step in steps {
      for (inode, location) in step.namesTold { told[inode, default: []].insert(location) }
    }
    for (inode, binding) in bindings {
      for location in binding.locations where !location.name.starts(with: temporaryNamePrefix) {
        if told[inode]?.contains(location) != true { lastingNames.append((location, inode)) }
      }
    }
  }

  func inodeLosingLastName(_ lsn: LSN) -> InodeNumber? { lastNameLosses[lsn] }

  /// Whether the inode has a name when everything is replayed.
  func isNamed(_ inode: InodeNumber) -> Bool { named.contains(inode) }

  /// Whether an open plan touches the inode.
  func isInDoubt(_ inode: InodeNumber) -> Bool { inodesInDoubt.contains(inode) }

  /// The fate of a namespace record; an exchange has that of its last stage.
  func fate(of lsn: LSN) -> Fate {
    completed.contains(Stage(lsn)) ? .completed : inDoubt.contains(Stage(lsn)) ? .inDoubt : .pending
  }

  /// The fate of a record of an inode's contents: what is complete is a prefix of these (R17).
  func fate(ofContentsOf inode: InodeNumber, _ lsn: LSN) -> Fate {
    let done = contentsDone[inode, default: .zero]
    if !rules.contentsCompleteAsPrefix, lsn < done { return .pending }
    return lsn <= done ? .completed : lsn <= contentsInDoubt[inode, default: .zero] ? .inDoubt : .pending
  }

  /// Whether a namespace record has a say in where names are: all have, the last one wins (R4).
  func isReplayed(_ lsn: LSN) -> Bool { rules.replaysCompletedRecords || fate(of: lsn) != .completed }

  /// Whether a creation is in the backing directory for certain, so that the file is looked at there.
  func isMade(_ creation: Creation) -> Bool {
    let number = creation.inode.number
    return completed.contains(Stage(creation.lsn)) || bindings[number]?.locations.isEmpty == false && !isBeingMade(number)
  }

  func isBeingMade(_ inode: InodeNumber) -> Bool { inodesBeingMade.contains(inode) }

  /// How many stages of an exchange are done (R10: from outcomes, never from locations).
  func stagesDone(of lsn: LSN) -> Int {
    isKnown(Stage(lsn, stage: 2)) ? 2 : isKnown(Stage(lsn, stage: 1)) ? 1 : 0
  }

  private func isKnown(_ stage: Stage) -> Bool { completed.contains(stage) || inDoubt.contains(stage) }

  private mutating func bind(_ binding: Binding) {
    bindings[binding.inode] = binding
    boundAt[binding.inode] = lastRead
    lastNumber = max(lastNumber, binding.inode)
  }

  private mutating func take(_ outcome: PlanOutcome) {
    completed.formUnion(outcome.completes)
    if outcome.plan == .zero { cancelled.formUnion(outcome.completes) }
    for contents in outcome.contents {
      contentsDone[contents.inode] = max(contentsDone[contents.inode, default: .zero], contents.through)
    }
    for binding in outcome.bindings { bind(binding) }
    if outcome.plan > .zero {
      endedActions[outcome.plan, default: []].formUnion(outcome.completedActions + outcome.abortedActions)
    }
  }

  private mutating func take(_ discard: Discard, _ lsn: LSN) {
    take(PlanOutcome(plan: .zero, completes: discard.completes, contents: discard.contents))
    steps.append(Step(lsn: lsn, time: Timestamp(seconds: 0), change: .names(discard.names)))
  }

  /// Through which record an inode's contents are complete.
  func contentsDone(_ inode: InodeNumber) -> LSN { contentsDone[inode, default: .zero] }

  private mutating func move(_ inode: InodeNumber, to locations: [Location], _ action: PhysicalAction) {
    let kind = bindings[inode]?.kind ?? created[inode]?.inode.attributes.kind ?? action.fileKind
    var binding = bindings[inode] ?? Binding(inode: inode, kind: kind, locations: [])
    // The link count that was seen counts the names that were there then.
    let change = locations.count - binding.locations.count
    if let identity = binding.identity {
      if identitiesInDoubt[inode] == nil { identitiesInDoubt[inode] = identity }
      binding.identity?.linkCount = UInt32(max(0, Int(identity.linkCount) + change))
    }
    binding.locations = locations
    bindings[inode] = binding
  }
}

extension NamespaceChange {
  /// Gives and frees names, with absolute meaning (R4).
  fileprivate func apply(to names: inout [Location: InodeNumber]) {
    switch self {
    case .create(let new, let location): if let location { names[location] = new.number }
    case .link(let inode, let location): names[location] = inode
    case .remove(_, let location): names[location] = nil
    case .rename(let inode, let source, let target, _):
      names[source] = nil
      names[target] = inode
    case .exchange(let inode, let location, let other, let otherLocation):
      names[location] = other
      names[otherLocation] = inode
    }
  }
}

extension Recovery.Step {
  /// The inodes that get or lose a name, with that.
  fileprivate var namesTold: [(InodeNumber, Location)] {
    switch change {
    case .namespace(let change): change.namesTold
    case .names(let names): names.compactMap { name in name.inode.map { ($0, name.location) } }
    case .contents: []
    }
  }
}

extension NamespaceChange {
  /// The inodes that get or lose a name, with that.
  fileprivate var namesTold: [(InodeNumber, Location)] {
    switch self {
    case .create(let new, let location): location.map { [(new.number, $0)] } ?? []
    case .link(let inode, let location), .remove(let inode, let location): [(inode, location)]
    case .rename(let inode, let source, let target, let replaced):
      [(inode, source), (inode, target)] + (replaced.map { [($0, target)] } ?? [])
    case .exchange(let inode, let location, let other, let otherLocation):
      [(inode, location), (inode, otherLocation), (other, location), (other, otherLocation)]
    }
  }
}

extension PhysicalAction {
  /// Where the inodes it touches are afterwards, given where they are before.
  func locationsAfter(_ before: (InodeNumber) -> [Location]) -> [(InodeNumber, [Location])] {
    var after: [(InodeNumber, [Location])] = []
    let own = before(inode)
    switch kind {
    case .create: after.append((inode, target.map { [$0] } ?? []))
    case .link: after.append((inode, own.filter { $0 != target } + (target.map { [$0] } ?? [])))
    case .removeFile, .removeDirectory: after.append((inode, own.filter { $0 != source }))
    case .rename: after.append((inode, own.filter { $0 != source && $0 != target } + (target.map { [$0] } ?? [])))
    case .writeContents: break
    }
    if let replaced { after.append((replaced, before(replaced).filter { $0 != target })) }
    return after
  }

  /// The inverse of `locationsAfter` for actions that move names.
  func locationsBefore(_ after: (InodeNumber) -> [Location]) -> [(InodeNumber, [Location])] {
    var before: [(InodeNumber, [Location])] = []
    let others = after(inode).filter { $0 != source && $0 != target }
    switch kind {
    case .create, .link: before.append((inode, after(inode).filter { $0 != target }))
    case .removeFile, .removeDirectory, .rename: before.append((inode, (source.map { [$0] } ?? []) + others))
    case .writeContents: break
    }
    if let replaced { before.append((replaced, after(replaced).filter { $0 != target } + (target.map { [$0] } ?? []))) }
    return before
  }
}
