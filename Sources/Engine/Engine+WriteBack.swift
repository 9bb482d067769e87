import FilesystemModel
import Flushing
import StorageInterface
import WriteAheadLog

/// Carrying plans out: begin (the INTENT and all before it durable), apply (calls of the backing directory, synced), finish (DONE
/// durable, then everything is released). Each is a job of its own.
extension Engine {
  /// Opens plans for what is due, and takes up those whose time to try again has come.
  func beginDuePlans() {
    var begun: [LSN] = []
    var again: [LSN] = []
    shared.withLock { shared in
      guard !shared.isStopping, journal.failure == nil else { return }
      let now = clock.uptimeMilliseconds()
      shared.updatePressure()
      for lsn in shared.plans.keys.sorted() {
        guard let run = shared.plans[lsn], !run.isRunning, run.retryAtMilliseconds <= now else { continue }
        resume(run, &shared)
        again.append(lsn)
      }
      for directory in shared.state.queue.overdueDirectories(nowMilliseconds: now) { _ = shared.state.cache.seal(directory) }
      // Plans that wait to be tried again, however many, leave the others their turn.
      var running = shared.plans.values.count { $0.isRunning }
      while running < configuration.flushThreads, shared.hasTurn(running: running),
        let proposal = shared.state.queue.nextPlan(nowMilliseconds: now, world: shared.state.world)
      {
        begun.append(open(proposal, &shared))
        running += 1
      }
    }
    for lsn in begun { runner.run(.writeBack) { [self] in begin(lsn) } }
    for lsn in again { runner.run(.writeBack) { [self] in apply(lsn) } }
  }

  private func open(_ proposal: PlanProposal, _ shared: inout Shared) -> LSN {
    let lsn = journal.append(.intent(proposal.actions)).lsn
    shared.state.queue.opened(proposal, plan: lsn, world: shared.state.world)
    install(proposal.actions, open: Array(proposal.actions.indices), lsn, isRedo: false, &shared)
    return lsn
  }

  private func install(_ actions: [PhysicalAction], open: [Int], _ lsn: LSN, isRedo: Bool, _ shared: inout Shared) {
    shared.plans[lsn] = shared.state.prepare(actions, open: open, plan: lsn, isRedo: isRedo) {
      [unowned self] inode, range throws(Errno) in
      try readSealed(inode, range)
    }
    taintLoads(touching: actions, &shared)
  }

  private func taintLoads(touching actions: [PhysicalAction], _ shared: inout Shared) {
    let moved = actions.filter(\.movesNames)
    shared.parking.taintLoads(touching: Set(moved.flatMap { [$0.inode] + ($0.replaced.map { [$0] } ?? []) }))
  }

  /// Redoes the plans that the last mount left open, before anything else touches their names.
  ///
  /// Nothing is planned or redone before the dead letters of the last mount are known.
  func redoOpenPlans(_ recovery: Recovery) {
    let plans = recovery.openPlans
    let now = clock.uptimeMilliseconds()
    shared.withLock { shared in
      for (lsn, plan) in plans.sorted(by: { $0.key < $1.key }) {
        shared.state.queue.restoreOpen(plan: lsn, actions: plan.actions, world: shared.state.world, nowMilliseconds: now)
        let ended = plan.actions.indices.filter { !plan.remaining.contains($0) }
        shared.state.queue.finished(plan: lsn, completed: ended, aborted: [], nowMilliseconds: now)
        install(plan.actions, open: plan.remaining, lsn, isRedo: true, &shared)
      }
      shared.state.queue.restore(recovery.deadLetters.values) { recovery.contentsDone($0) }
    }
    for lsn in plans.keys.sorted() { runner.run(.writeBack) { [self] in begin(lsn) } }
  }

  private func begin(_ lsn: LSN) {
    if configuration.rules.intentIsDurableFirst, (try? journal.commit()) == nil { return pause(lsn) }
    runner.run(.writeBack) { [self] in apply(lsn) }
  }

  private func apply(_ lsn: LSN) {
    guard
      var (run, held) = shared.withLock({ shared in
        shared.plans[lsn].map { ($0, shared.state.queue.heldActions(of: lsn)) }
      })
    else { return }
    let executor = PlanExecutor(storage: backing, actions: run.actions.map(\.action), rules: executionRules)
    // Nothing is made, and nothing is taken as gone, where the backing directory itself is gone.
    noteCall(of: lsn)
    var rootFailure = rootFailure()
    var attempted: [Int] = []
    let began = clock.uptimeNanoseconds()
    for index in run.open where run.needsAttempt(index) && !held.contains(index) && !shared.withLock({ $0.isStopping }) {
      if let refusal = run.refusalOfUnmadeParent(index) {
        run.outcomes[index] = refusal
        continue
      }
      attempted.append(index)
      if rootFailure == nil {
        noteCall(of: lsn)
        run.outcomes[index] = apply(run.actions[index], holds: run.holds[index], executor, isRedo: run.wasAttempted[index]) {
          run.seen[index] = .some($0)
        }
        run.wasAttempted[index] = true
        if case .aborted = run.outcomes[index] { rootFailure = self.rootFailure() }
        if rootFailure == nil, isRemovedByOthers(run, index) { run.outcomes[index] = .done }
      }
      if let rootFailure { run.outcomes[index] = .retry(rootFailure) }
    }
    let applied = run.completed
    noteCall(of: lsn)
    for (index, outcome) in zip(applied, executor.synchronize(applied.map { run.actions[$0] })) {
      run.outcomes[index] = outcome
      // What is not synced may be gone again.
      if outcome != .done, run.seen[index] != nil { run.seen[index] = .some(nil) }
    }
    held.formUnion(run.putOffInsideUnmadeDirectories())
    if rootFailure == nil { giveUp(&run, besides: held, executor) }
    run.untouched = Set(run.open.filter { (run.isInDoubt($0) || held.contains($0)) && executor.isUntouched(run.actions[$0]) })
    run.attempts += 1
    let outcome = run
    let nanoseconds = clock.uptimeNanoseconds() - began
    shared.withLock { [attempted] shared in
      shared.pacing?.note(operations: attempted.count, nanoseconds: nanoseconds)
      shared.plans[lsn] = outcome
      noteFailures(of: outcome, &shared)
    }
    metrics.countFailures(run, of: attempted)
    if run.completed.isEmpty, run.aborted.isEmpty, run.deadLetters.isEmpty {
      pause(lsn)
    } else {
      runner.run(.writeBack) { [self] in finish(lsn) }
    }
  }

  /// Why the backing directory is not there; `nil` when it is. May hang as long as that does.
  func rootFailure() -> Errno? {
    var failure: Errno?
    do throws(Errno) { try backing.checkRoot() } catch { failure = error }
    noteBacking(failure)
    return failure
  }

  /// Notes that a plan begins a call, for those who want to know how long it takes.
  private func noteCall(of lsn: LSN) {
    let now = clock.uptimeMilliseconds()
    shared.withLock { $0.plans[lsn]?.callBeganMilliseconds = now }
  }

  private func apply(
    _ action: ExecutableAction, holds: [PlanRun.Hold], _ executor: PlanExecutor, isRedo: Bool,
    observe: (BackingStatus?) -> Void
  ) -> ActionOutcome {
    for hold in holds where !files.isHeld(hold.inode) {
      do {
        try files.hold(hold.inode, at: hold.path, isWritable: hold.isWritable)
      } catch {
        // What is another kind of file now, or below one, is found to be that by the action itself.
        if error != .noEntry, error != .isDirectory, error != .notDirectory { return .retry(error) }
      }
    }
    return executor.apply(action, isRedo: isRedo, observe: observe)
  }

  /// A plan with open actions is taken up again after a while: they are redone. What is seen to be where it was can be read
  /// meanwhile.
  private func pause(_ lsn: LSN) {
    let (waiting, loads) = shared.withLock { shared -> ([Request], [Load]) in
      guard let run = shared.plans[lsn] else { return ([], []) }
      shared.plans[lsn]?.isRunning = false
      if shared.state.queue.heldActions(of: lsn).isSuperset(of: run.open) {
        shared.plans[lsn]?.retryAtMilliseconds = .max
      } else {
        let delay = shared.state.queue.retryDelayMilliseconds(failures: max(run.attempts, 1))
        shared.plans[lsn]?.retryAtMilliseconds = clock.uptimeMilliseconds() + delay
        metrics.retries.add()
      }
      shared.state.queue.paused(lsn, untouched: run.untouched.sorted())
      guard !run.untouched.isEmpty else { return ([], []) }
      for index in run.untouched.sorted() where run.rolledForward.contains(index) {
        _ = shared.state.takeBack(run.actions[index].action)
        shared.plans[lsn]?.rolledForward.remove(index)
      }
      return (shared.parking.takeWaitersOfPlanEnd(), shared.parking.takeDelayedLoads())
    }
    shared.wake()
    for request in waiting { attempt(request) }
    for load in loads { start(load) }
  }

  private func resume(_ run: PlanRun, _ shared: inout Shared) {
    shared.plans[run.lsn]?.isRunning = true
    guard !run.untouched.isEmpty else { return }
    shared.plans[run.lsn]?.untouched = []
    shared.state.queue.resumed(run.lsn)
    taintLoads(touching: run.open.map { run.actions[$0].action }, &shared)
  }

  /// Makes the outcome of what is settled durable, then releases it.
  private func finish(_ lsn: LSN) {
    shared.withLock { shared in
      guard let run = shared.plans[lsn] else { return }
      for action in run.completed.map({ run.actions[$0].action }) {
        if action.kind != .link, let gone = action.source { shared.parking.noteGone(gone) }
        if let born = action.target { shared.parking.noteBorn(born) }
      }
      shared.state.appendOutcome(of: run)
      shared.plans[lsn]?.isOutcomeAppended = true
      shared.appendDeadLetters(of: run, observe)
    }
    guard (try? journal.commit()) != nil else { return pause(lsn) }
    let conflicts = shared.withLock({ $0.plans[lsn] }).map { resolveConflicts(of: $0) } ?? []
    var invalidations: [Invalidation] = []
    var waiting: [Request] = []
    var loads: [Load] = []
    var gone: [InodeNumber] = []
    let isOver = shared.withLock { shared in
      guard let run = shared.plans[lsn] else { return true }
      // What a load read before the plan is not told any more by what waited for write-back.
      let furtherNames =
        run.changesLinkedFiles ? shared.parking.loadedInodes.filter { shared.state.inodes[$0]?.identity == nil } : []
      shared.parking.taintDetails(of: run.changedInodes.union(furtherNames))
      gone = shared.state.release(run)
      metrics.countWrittenBack(run)
      if !run.completed.isEmpty {
        let milliseconds = (clock.uptimeNanoseconds() - run.beganNanoseconds) / 1_000_000
        observe(.wroteBack(operations: run.completed.count, milliseconds: milliseconds))
      }
      shared.flow.noteWrittenBack(operations: run.completed.reduce(0) { $0 + max(1, run.actions[$1].action.completes.count) })
      invalidations = shared.take(conflicts, of: run, metrics, observe)
      let settled = Set(run.completed + run.aborted)
      shared.plans[lsn]?.open.removeAll { settled.contains($0) }
      shared.plans[lsn]?.isOutcomeAppended = false
      if shared.plans[lsn]?.open.isEmpty == true {
        shared.plans[lsn] = nil
        metrics.batchSeconds.record(clock.uptimeNanoseconds() - run.beganNanoseconds)
        metrics.batchOperations.record(run.actions.count)
      }
      waiting = shared.parking.takeWaitersOfPlanEnd() + shared.parking.takeWaitersOfRoom()
      loads = shared.parking.takeDelayedLoads()
      return shared.plans[lsn] == nil
    }
    if !isOver { pause(lsn) }
    shared.wake()
    tellChanges(invalidations)
    for inode in gone { files.forget(inode) }
    for request in waiting { attempt(request) }
    for load in loads { start(load) }
    tick()
  }

  private func noteFailures(of run: PlanRun, _ shared: inout Shared) {
    for index in run.open {
      let action = run.actions[index]
      let errno: Errno
      var why: String
      switch run.outcomes[index] {
      case .retry(let error): (errno, why) = (error, "will be tried again")
      case .aborted(let error, let reason): (errno, why) = (error, "given back: \(reason)")
      case .done, nil: continue
      }
      if run.deadLetters[index] != nil { why = "a dead letter" } else { tellFailure(of: run, index, errno, shared) }
      let path = (action.target ?? action.source)?.text ?? ""
      shared.lastFailure = WritebackFailure(
        errno: errno, reason: "\(action.action.kind) \(path): error \(errno.rawValue), \(why)",
        milliseconds: clock.uptimeMilliseconds())
    }
  }

  /// Tells of an action that failed by itself: not since the backing directory is away, nor since somebody else was there first,
  /// of which there is more to tell.
  private func tellFailure(of run: PlanRun, _ index: Int, _ errno: Errno, _ shared: Shared) {
    let action = run.actions[index]
    if case .aborted(_, let reason)? = run.outcomes[index], action.conflict(reason) != nil { return }
    guard shared.backingFailure == nil else { return }
    let attempt = shared.state.queue.failureCount(of: action.action.subject)
    observe(.writeBackFailed(shared.state.waitingChange(action.action), errno, attempt: attempt))
  }

  /// Bytes of a sealed layer, from memory or from the journal; where from may change meanwhile, as they are copied forward.
  func readSealed(_ inode: InodeNumber, _ range: ByteRange) throws(Errno) -> [UInt8] {
    do { return try readSealedOnce(inode, range) } catch { if error != .stale { throw error } }
    return try readSealedOnce(inode, range)
  }

  private func readSealedOnce(_ inode: InodeNumber, _ range: ByteRange) throws(Errno) -> [UInt8] {
    var bytes: [UInt8] = []
    for piece in shared.withLock({ $0.state.cache.readSealed(inode, range) }) {
      switch piece {
      case .bytes(let part): bytes += part
      case .journal(let position, let count): bytes += try journal.read(position, count: count)
      case .zeros(let count): bytes += [UInt8](repeating: 0, count: count)
      case .backing: preconditionFailure("sealed contents are ours")
      }
    }
    return bytes
  }
}

extension PlanRun {
  /// Whether an action that moves names failed and may have had an effect.
  func isInDoubt(_ index: Int) -> Bool {
    if case .retry? = outcomes[index] { actions[index].action.movesNames } else { false }
  }

  /// Whether an open action is neither certain nor given back.
  fileprivate func needsAttempt(_ index: Int) -> Bool {
    switch outcomes[index] {
    case .done, .aborted: false
    case .retry, nil: true
    }
  }
}
