import Engine
import FilesystemModel
import Policies
import StorageInterface
import Support

/// What trials have done so far.
struct TrialCounts {
  var trials = 0
  var operations = 0
  var crashes = 0
  var recoveries = 0
  /// Trees compared.
  var states = 0

  static func + (left: TrialCounts, right: TrialCounts) -> TrialCounts {
    TrialCounts(
      trials: left.trials + right.trials, operations: left.operations + right.operations,
      crashes: left.crashes + right.crashes, recoveries: left.recoveries + right.recoveries,
      states: left.states + right.states)
  }
}

extension WorkloadOperation {
  /// Whether the operation succeeds and leaves all as it is, times included.
  fileprivate func changesNothing(in reference: ReferenceFilesystem) -> Bool {
    var copy = reference
    run(on: &copy)
    return copy.snapshot() == reference.snapshot()
  }
}

/// A promise that was broken.
struct Violation: Error, CustomStringConvertible {
  var description: String
}

/// A mount beside the reference, with crashes: after each the mount must show a prefix of history that covers what was promised
/// (P1-P3), and in the end the backing directory must hold exactly that.
struct CrashTrial {
  private(set) var mount: SimulatedMount
  private let tree: InitialTree
  var reference: ReferenceFilesystem
  var counts = TrialCounts()
  private var comparison = ReplyComparison()
  private var plans: [CrashPlan] = []
  private var armed: CrashPlan?
  /// How many mutations survive the end of the process, and a power cut.
  private var acknowledged = 0
  private var synchronized = 0
  private var isInFlight = false
  private var restart: CrashKind?
  private var hasFaults = false
  private var isRefusing = false
  /// Whether a crash may have come in the middle of a discard.
  private var isDiscarding = false
  /// Whether the mount was compared with the reference, and nothing has happened since.
  private var isLookedAt = false
  var held: [HeldFile] = []

  init(
    _ tree: InitialTree, _ options: MountOptions, seed: UInt64, backing backingOptions: SimulatedBackingStorage.Options = .init()
  ) throws {
    self.tree = tree
    let clock = SimulatedClock()
    let backing = try tree.backing(clock, options: backingOptions)
    clock.advance(milliseconds: 1000)
    // Nobody else is there to remove anything.
    var options = options
    options.configuration.rules.absentNamesAreRemoved = false
    mount = try SimulatedMount(backing, clock: clock, options: options, seed: seed)
    reference = ReferenceFilesystem(backing, keepsHistory: true)
  }

  /// Runs the events, then looks at the mount, writes everything back and looks at both.
  mutating func run(_ events: [WalkEvent]) throws {
    counts.trials += 1
    for event in events { try live(through: event) }
    try end()
  }

  mutating func live(through event: WalkEvent) throws {
    isLookedAt = false
    try carryOut(event)
    try recoverIfDead()
  }

  /// Looks at the mount, writes everything back and looks at both.
  mutating func end() throws {
    plans = []
    armed = nil
    mount.disarm()
    mount.backing.withdrawFaults()
    do {
      if hasFailedJournal { throw Violation(description: "the journal's disk failed") }
      try finish()
    } catch {
      guard hasFailedJournal, let restart else { throw error }
      try carryOut(.order(CrashPlan(death: .now, kind: restart)))
      try recoverIfDead()
      try finish()
    }
  }

  /// Whether the journal's disk has failed: no change is taken any more.
  private var hasFailedJournal: Bool { mount.engine.status().journalFailure != nil && !mount.isDead }

  private mutating func carryOut(_ event: WalkEvent) throws {
    switch event {
    case .perform(let operation) where hasFailedJournal: try performRefused(operation)
    case .drain where hasFailedJournal || isRefusing && mount.options.configuration.retry.retriesMax == 0: break
    case .failJournal(let after, let kind):
      restart = kind
      mount.journalDisk.fail(operation: mount.journalDisk.operations.count + after, with: .inputOutput)
    case .perform(let operation): try perform(operation)
    case .jobs(let count): for _ in 0..<count { mount.step() }
    case .setMode(let mode):
      var settings = EngineSettings()
      settings.policy.mode = mode
      if !mount.isDead { mount.engine.set(settings) }
    case .pass(let milliseconds): mount.pass(milliseconds: milliseconds)
    case .drain:
      do {
        try mount.drain()
      } catch {
        if !hasFailedJournal { throw error }
      }
    case .order(let plan):
      plans.append(plan)
      armNext()
    case .failBacking(let after, let happens, let errno):
      hasFaults = true
      mount.failChangingCall(after: after, happens: happens, with: errno)
    case .refuse(let path, let errno):
      hasFaults = true
      isRefusing = true
      mount.refuseChanges(of: path, with: errno)
    case .allow:
      isRefusing = false
      mount.backing.withdrawFaults()
    case .retryDeadLetters:
      if !hasFailedJournal { _ = try? mount.engine.retryDeadLetters(mount.engine.deadLetters().map(\.letter.subject)) }
    case .discardDeadLetters: try discardDeadLetters()
    case .failSynchronization:
      hasFaults = true
      mount.backing.failNextSynchronization()
    case .hold, .holdTemporary, .linkHeld, .writeHeld, .truncateHeld, .readHeld, .releaseHeld:
      if !hasFailedJournal { try carryOutHeld(event) }
    }
  }

  // MARK: Operations

  private mutating func perform(_ operation: WorkloadOperation) throws {
    counts.operations += 1
    mount.clock.advance(milliseconds: 1)
    var target = mount
    let mine = operation.run(on: &target)
    let theirs = operation.run(on: &reference)
    try judge(mine.answer, theirs.answer, theirs.operation, operation.description)
  }

  /// A change that the journal cannot take is refused.
  private mutating func performRefused(_ operation: WorkloadOperation) throws {
    var target = mount
    guard operation.isMutation, case .success = operation.run(on: &target).answer else { return }
    let isNothing = operation.changesNothing(in: reference)
    if !isNothing { throw Violation(description: "\(operation) succeeded without a journal") }
  }

  mutating func judge(
    _ mine: Result<Reply, Errno>, _ theirs: Result<Reply, Errno>, _ asked: Operation?, _ text: String
  ) throws {
    if let stuck = mount.stuck { throw Violation(description: stuck) }
    if mount.isDead || hasFailedJournal, case .failure = mine {
      isInFlight = true
      return
    }
    var wrong: String?
    // A further name of a file whose known names are all gone may get another number.
    if tree == .linked { comparison = ReplyComparison() }
    if let asked {
      wrong = comparison.difference(mine, theirs, to: asked, in: reference)
    } else if case .failure(let errno) = theirs, case .failure(let found) = mine {
      wrong = errno == found ? nil : "errno \(found.rawValue) instead of \(errno.rawValue)"
    } else {
      wrong = "\(mine) instead of \(theirs)"
    }
    if let wrong { throw Violation(description: "\(text): \(wrong)") }
    if case .success = mine { promise(asked) }
  }

  private mutating func promise(_ asked: Operation?) {
    acknowledged = reference.mutationCount
    if mount.options.configuration.durability == .always { synchronized = acknowledged }
    switch asked {
    case .synchronize: synchronized = acknowledged
    // What may turn out to be no change says nothing of those before it.
    case .make, .unlink, .removeDirectory, .setAttributes:
      if mount.engine.policy.mode.waitsForBacking { synchronized = acknowledged }
    default: break
    }
  }

  // MARK: Crashes

  private mutating func armNext() {
    guard armed == nil, !plans.isEmpty else { return }
    let plan = plans.removeFirst()
    armed = plan
    mount.arm(plan.death)
  }

  mutating func recoverIfDead() throws {
    while mount.isDead, let plan = armed {
      counts.crashes += 1
      armed = nil
      isRefusing = false
      held = []
      mount.crash(plan.kind)
      if plan.kind != .processDeath {
        // Until the mount has been looked at nobody knows how much of the rest is lost.
        acknowledged = synchronized
        isInFlight = true
      }
      comparison = ReplyComparison()
      armNext()
      do {
        try mount.remount()
        counts.recoveries += 1
        try settle(after: plan)
      } catch {
        if mount.isDead { continue }
        throw error is Violation ? error : Violation(description: "recovery: \(error)")
      }
    }
  }

  /// Finds out which prefix of history the mount shows.
  private mutating func settle(after plan: CrashPlan) throws {
    if plan.kind == .processDeath, !isInFlight, !plan.looksAtOnce {
      synchronized = acknowledged
      return
    }
    let promised = acknowledged
    let shown = try mount.snapshot()
    if mount.isDead { throw Violation(description: "died") }
    counts.states += 1
    if isDiscarding { return adopt(shown) }
    let found = reference.mutations(leadingTo: shown)
    guard let last = found.last, last >= promised else {
      throw Violation(description: explain(shown, found, promised, plan))
    }
    adopt(shown)
  }

  /// From here on, what is shown is where history begins.
  private mutating func adopt(_ shown: TreeSnapshot) {
    reference = ReferenceFilesystem(shown, clock: mount.clock, keepsHistory: true)
    (acknowledged, synchronized, isInFlight) = (0, 0, false)
    (isLookedAt, isDiscarding) = (true, false)
  }

  /// What the mount shows after a discard is durable, and stays so whatever comes: but what a call that failed half way has left
  /// in the backing directory, which somebody syncs here. Which of before and after a crash in the middle leaves is tested
  /// elsewhere (`aCrashInTheMiddleLeavesAllOrNothing`).
  private mutating func discardDeadLetters() throws {
    let letters = mount.engine.deadLetters().map(\.letter.subject)
    guard !letters.isEmpty, !hasFailedJournal, !mount.isDead else { return }
    isDiscarding = true
    do {
      _ = try mount.engine.discardDeadLetters(letters, withDependents: true)
    } catch {
      if !mount.isDead { isDiscarding = false }
    }
    guard isDiscarding, !mount.isDead else {
      isInFlight = isInFlight || isDiscarding
      return
    }
    held = []
    comparison = ReplyComparison()
    try mount.backing.bystander.synchronizeFilesystem()
    do {
      let shown = try mount.snapshot()
      if mount.isDead { isInFlight = true } else { adopt(shown) }
    } catch {
      guard mount.isDead else { throw error }
      isInFlight = true
    }
  }

  /// This trial as it is before an event, stopped in the middle of that; the plans are carried out at once.
  func stopped(at moment: CrashMoment, in event: WalkEvent, _ plans: [CrashPlan]) -> CrashTrial {
    var life = self
    life.counts = TrialCounts(trials: 1)
    life.mount = SimulatedMount(stopped: moment, clock: mount.clock, options: mount.options)
    life.plans = Array(plans.dropFirst())
    life.armed = plans[0]
    guard case .perform(let operation) = event else { return life }
    let asked = operation.run(on: &life.reference).operation
    life.isInFlight = moment.promises == 0
    if !life.isInFlight { life.promise(asked) }
    return life
  }

  private func explain(_ shown: TreeSnapshot, _ found: [Int], _ promised: Int, _ plan: CrashPlan) -> String {
    let ends = "after \(plan.kind): promised \(promised) of \(reference.mutationCount) mutations"
    if let last = found.last { return "\(ends), found those up to \(last)" }
    let nearest = (promised...reference.mutationCount).map { shown.differences(from: reference.snapshot(afterMutations: $0)) }
      .min { $0.count < $1.count }
    return "\(ends), found no prefix of history; nearest (- shown, + expected):\n" + (nearest ?? []).joined(separator: "\n")
  }

  // MARK: The end

  private mutating func finish() throws {
    let expected = reference.snapshot()
    if !isLookedAt { try compare(try mount.snapshot(), expected, "the mount") }
    try mount.drain()
    // What was refused meanwhile is written back when an operator says so.
    for _ in 0..<3 where mount.engine.status().deadLetters > 0 {
      _ = try mount.engine.retryDeadLetters(mount.engine.deadLetters().map(\.letter.subject))
      try mount.drain()
    }
    if !hasFaults, let failure = mount.engine.status().lastFailure {
      throw Violation(description: "a write-back failed: \(failure.reason)")
    }
    try compare(mount.backing.snapshot(), expected, "the backing directory")
    try compare(try mount.snapshot(), expected, "the mount after draining")
  }

  private mutating func compare(_ found: TreeSnapshot, _ expected: TreeSnapshot, _ what: String) throws {
    counts.states += 1
    let lines = found.differences(from: expected)
    if !lines.isEmpty { throw Violation(description: "\(what) (- found, + expected):\n" + lines.joined(separator: "\n")) }
  }
}
