import FilesystemModel

extension WritebackQueue {
  /// The proposal's INTENT has been appended with the given LSN and its contents are sealed.
  package mutating func opened(_ proposal: PlanProposal, plan: LSN, world: some PlanningWorld) {
    graph.markPlanned(proposal.items.compactMap(\.self))
    var taken: [Urgency: [AgedInode]] = [:]
    var open = OpenPlan(
      actions: proposal.actions, items: proposal.items, claims: [], contents: [], restoredMilliseconds: nil,
      remaining: Set(proposal.actions.indices))
    for (action, key) in zip(proposal.actions, proposal.items) {
      var sealed: DirtyContents?
      if action.contentsThrough != nil {
        sealed = contents.removeValue(forKey: action.inode)
        if let sealed {
          taken[sealed.urgency, default: []].append(AgedInode(firstLSN: sealed.firstLSN, inode: action.inode))
        }
      }
      open.contents.append(sealed)
      open.claims.append(openClaims(of: action, item: key.flatMap { graph[$0] }, plan: proposal.actions, world))
    }
    for (urgency, taken) in taken { contentsByAge.remove(contentsOf: taken, urgency) }
    overdueHasTurn = taken[.pressed] != nil || open.items.contains { $0.flatMap { graph[$0] }?.urgency == .pressed }
    install(open, plan)
  }

  /// Takes over an open plan of an earlier mount, found at recovery: its actions are redone before anything that touches the
  /// same.
  ///
  /// Its records are not added to the queue; those of actions that are given back enter with `finished`.
  package mutating func restoreOpen(
    plan: LSN, actions: [PhysicalAction], world: some PlanningWorld, nowMilliseconds now: Int
  ) {
    let claims = actions.map { openClaims(of: $0, item: nil, plan: actions, world) }
    install(
      OpenPlan(
        actions: actions, items: actions.map { _ in nil }, claims: claims, contents: actions.map { _ in nil },
        restoredMilliseconds: now, remaining: Set(actions.indices)),
      plan)
  }

  private mutating func install(_ open: OpenPlan, _ plan: LSN) {
    for claims in open.claims { self.claims.add(claims) }
    openPlans[plan] = open
  }

  /// The claims of an action that is or was planned: a directory on its way may come with the plan itself.
  private func openClaims(
    of action: PhysicalAction, item: PendingItem?, plan: [PhysicalAction], _ world: some PlanningWorld
  ) -> ActionClaims {
    func passage(_ directory: InodeNumber) -> [InodeNumber] {
      if let ancestors = world.ancestors(of: directory) { return [directory] + ancestors }
      let creation = plan.first { $0.kind == .create && $0.inode == directory }
      return [directory] + (creation?.target.map { passage($0.parent) } ?? [])
    }
    return claims(of: action, item: item) { passage($0) } ?? ActionClaims()
  }

  package func actions(of plan: LSN) -> [PhysicalAction] { openPlans[plan]?.actions ?? [] }

  /// What the DONE record of a plan must name, given which actions are in the backing directory, synced, and which were given
  /// back: records, and contents including those that were discarded with a last name. The engine adds the bindings.
  package func outcome(of plan: LSN, completed: [Int], aborted: [Int]) -> PlanOutcome {
    var result = PlanOutcome(plan: plan, completedActions: completed.sorted(), abortedActions: aborted.sorted())
    guard let open = openPlans[plan] else { return result }
    for index in result.completedActions {
      let action = open.actions[index]
      result.completes += action.completes
      if let through = action.contentsThrough {
        result.contents.append(ContentsCompletion(inode: action.inode, through: through))
      }
      if let item = open.items[index].flatMap({ graph[$0] }) { result.contents += item.discards }
    }
    result.completes.sort()
    if !rules.everyOutcomeIsComplete, plan.rawValue.isMultiple(of: 8) {
      let made = open.actions.filter { $0.kind == .create }.flatMap(\.completes)
      if let index = result.completes.lastIndex(where: { !made.contains($0) }) { result.completes.remove(at: index) }
    }
    return result
  }

  /// A DONE record of the plan is durable: the names and inodes of the actions that it names are free again (R5). A plan is open
  /// until each of its actions is completed or aborted; more than one DONE record may do that.
  ///
  /// Aborted actions wait for their turn again, with growing delays; the engine unseals their contents. For aborted
  /// `writeContents` and contents of creations of a restored plan it calls `contentsChanged`.
  package mutating func finished(plan: LSN, completed: [Int], aborted: [Int], nowMilliseconds now: Int) {
    guard var open = openPlans[plan] else { return }
    let closed = Set(completed).union(aborted)
    precondition(
      closed.isSubset(of: open.remaining) && Set(completed).isDisjoint(with: aborted), "an action is finished once")
    for index in closed { claims.remove(open.claims[index]) }
    if !urgentParts.isEmpty {
      let outcome = outcome(of: plan, completed: completed, aborted: aborted)
      settleUrgent(outcome.completes + completed.compactMap { open.items[$0] }, outcome.contents)
    }
    let done = completed.compactMap { open.items[$0] }
    graph.complete(done)
    _ = graph.takeSettledParents()
    for index in completed {
      let action = open.actions[index]
      open.contents[index] = nil
      failures[action.subject] = nil
      deadLetters[action.subject] = nil
      if action.contentsThrough != nil { failures[.contents(action.inode)] = nil }
      if action.kind == .create { detach(action.inode) }
      timesFollow(action)
    }
    for index in aborted.sorted() {
      giveBack(open, index, now)
      open.contents[index] = nil
    }
    open.remaining.subtract(closed)
    openPlans[plan] = open.remaining.isEmpty ? nil : open
  }

  private mutating func giveBack(_ open: OpenPlan, _ index: Int, _ now: Int) {
    let action = open.actions[index]
    let key = open.isRestored ? action.completes.max() : open.items[index]
    if let key {
      if open.isRestored { graph.reenter(action, nowMilliseconds: now) } else { graph.unplan([key]) }
      if deadLetters[.names(key)] != nil { graph.setParked(key, true) }
    }
    delay(key.map { .names($0) } ?? .contents(action.inode), now)
    guard var sealed = open.contents[index] else { return }
    guard !sealed.areGone else {
      deadLetters[.contents(action.inode)] = nil
      failures[.contents(action.inode)] = nil
      return
    }
    if let newer = contents[action.inode] {
      sealed.lastMilliseconds = newer.lastMilliseconds
      sealed.urgency = min(sealed.urgency, newer.urgency)
    }
    sealed.mustBeWritten = true
    sealed.isStream = false
    attach(action.inode)
    contents[action.inode] = sealed
    detach(action.inode)
  }

  /// How long a plan waits before its open actions are redone, in milliseconds.
  package mutating func retryDelayMilliseconds(failures: Int) -> Int {
    settings.retry.delayMilliseconds(failures: failures, using: &random)
  }

  private mutating func delay(_ subject: WritebackSubject, _ now: Int) {
    var noted = failures[subject] ?? Failures()
    noted.returns += 1
    noted.untilMilliseconds = now + retryDelayMilliseconds(failures: noted.returns)
    failures[subject] = noted
  }

  /// What is left of the plan failed, and waits to be tried again. These of its actions are seen to have had no effect: the
  /// inodes that they move are where they were.
  package mutating func paused(_ plan: LSN, untouched: some Sequence<Int>) {
    openPlans[plan]?.hasFailed = true
    for index in untouched { setUnsettled(false, plan, index) }
  }

  /// The plan goes on: where the inodes are that its actions move is in doubt.
  package mutating func resumed(_ plan: LSN) {
    for index in openPlans[plan]?.remaining.sorted() ?? [] { setUnsettled(true, plan, index) }
  }

  private mutating func setUnsettled(_ isUnsettled: Bool, _ plan: LSN, _ index: Int) {
    guard let open = openPlans[plan], open.remaining.contains(index), open.actions[index].movesNames else { return }
    claims.remove(open.claims[index])
    openPlans[plan]!.claims[index].unsettles = isUnsettled
    claims.add(openPlans[plan]!.claims[index])
  }

  /// Whether an open plan makes, removes or claims the name: a listing of the backing directory does not decide about it (R22).
  package func isClaimedByOpenPlan(_ location: Location) -> Bool { claims.names[location] != nil }

  /// Whether an open plan writes, names, moves or removes the inode.
  package func isClaimedByOpenPlan(_ inode: InodeNumber) -> Bool { claims.inodes[inode] != nil }

  /// Whether an open plan changes entries of the directory.
  package func changesEntries(of directory: InodeNumber) -> Bool { claims.changed[directory] != nil }

  /// Whether an open plan links, moves or removes the inode or one of the given directories above it: then its backing path is in
  /// doubt and loads wait.
  package func isUnsettled(_ inode: InodeNumber, ancestors: some Sequence<InodeNumber>) -> Bool {
    if claims.unsettled.isEmpty { return false }
    return claims.unsettled[inode] != nil || ancestors.contains { claims.unsettled[$0] != nil }
  }
}
