import FilesystemModel

/// What cannot be written back before dead letters are, themselves included.
private struct HeldUp {
  var items: Set<Stage> = []
  var contents: Set<InodeNumber> = []
  var actions: [LSN: Set<Int>] = [:]
  /// The claims of those actions.
  var claims = PlanClaims()
  var hasClaims: Bool { !actions.isEmpty }
}

extension WritebackQueue {
  /// The oldest record that is to be written back and does not wait for a dead letter; `nil` when there is none.
  ///
  /// - Complexity: O(everything pending), where there are dead letters; else as `oldestLSN`.
  package func oldestLSNToWriteBack(world: some PlanningWorld) -> LSN? {
    guard !deadLetters.isEmpty else { return oldestLSN }
    let held = heldUp(world)
    var oldest = graph.items.values.filter { !held.items.contains($0.key) && !$0.isPlanned }.map(\.firstLSN)
    oldest += contents.filter { !held.contents.contains($0.key) && !$0.value.isIdle }.map(\.value.firstLSN)
    for (plan, open) in openPlans {
      let going = open.remaining.subtracting(held.actions[plan] ?? [])
      guard !going.isEmpty else { continue }
      oldest.append(plan)
      for index in going {
        oldest += open.actions[index].completes.map(\.lsn)
        if let sealed = open.contents[index] { oldest.append(sealed.firstLSN) }
      }
    }
    return oldest.min()
  }

  /// The actions of a plan that are not to be redone: dead letters, and what is inside a directory that one of them makes.
  package func heldActions(of plan: LSN) -> Set<Int> {
    guard let open = openPlans[plan], !deadLetters.isEmpty else { return [] }
    var held: Set<Int> = []
    var unmade: Set<InodeNumber> = []
    for index in open.remaining.sorted() {
      let action = open.actions[index]
      guard deadLetters[action.subject] != nil || action.target.map({ unmade.contains($0.parent) }) ?? false else { continue }
      held.insert(index)
      if action.kind == .create { unmade.insert(action.inode) }
    }
    return held
  }

  /// Forgets the urgent parts of which only dead letters and what waits for them are left.
  ///
  /// - Returns: For each of them how many dead letters hold it up.
  package mutating func dropHeldUrgentParts(world: some PlanningWorld) -> [Int: Int] {
    guard !deadLetters.isEmpty, !urgentParts.isEmpty else { return [:] }
    let held = heldUp(world)
    var stages = held.items
    var inodes = held.contents
    for key in held.items { stages.formUnion(graph[key]?.completes ?? []) }
    for (plan, indices) in held.actions {
      for action in indices.compactMap({ openPlans[plan]?.actions[$0] }) {
        stages.formUnion(action.completes)
        if action.contentsThrough != nil { inodes.insert(action.inode) }
      }
    }
    let over = urgentParts.filter { _, part in
      part.stages.isSubset(of: stages) && part.contents.keys.allSatisfy(inodes.contains)
    }
    for number in over.keys { urgentParts[number] = nil }
    return over.mapValues { part in
      let own = deadLetters.keys.count { subject in
        switch subject {
        case .names(let key): part.stages.contains(key)
        case .contents(let inode): part.contents[inode] != nil
        }
      }
      // It may wait for contents that it does not name.
      return max(own, 1)
    }
  }

  private func heldUp(_ world: some PlanningWorld) -> HeldUp {
    var held = HeldUp()
    var waiting: [Stage] = []
    for subject in deadLetters.keys {
      switch subject {
      case .names(let key): waiting.append(key)
      case .contents(let inode): held.contents.insert(inode)
      }
    }
    for (plan, open) in openPlans {
      let actions = heldActions(of: plan)
      if actions.isEmpty { continue }
      held.actions[plan] = actions
      for index in actions { held.claims.add(open.claims[index]) }
      waiting += actions.compactMap { open.items[$0] }
    }
    repeat {
      hold(&waiting, &held)
      for (inode, dirty) in contents where !held.contents.contains(inode) && waits(inode, dirty, for: held, world) {
        held.contents.insert(inode)
      }
      waiting = graph.items.values.filter { !held.items.contains($0.key) && waits($0, for: held, world) }.map(\.key)
    } while !waiting.isEmpty
    return held
  }

  private func hold(_ waiting: inout [Stage], _ held: inout HeldUp) {
    while let key = waiting.popLast() {
      guard graph[key] != nil, held.items.insert(key).inserted else { continue }
      waiting += graph.dependents(of: key)
    }
  }

  /// Whether an item waits for contents that are held up, or for an action in doubt; edges are another matter.
  private func waits(_ item: PendingItem, for held: HeldUp, _ world: some PlanningWorld) -> Bool {
    if item.isPlanned { return false }
    if !held.contents.isEmpty, let first = contentsToWriteFirst(item, world), held.contents.contains(first) { return true }
    return held.hasClaims && conflicts(item.action, item, with: held, world)
  }

  private func waits(_ inode: InodeNumber, _ dirty: DirtyContents, for held: HeldUp, _ world: some PlanningWorld) -> Bool {
    if let creation = graph.creation(of: inode) { return held.items.contains(creation.key) }
    if dirty.fileKind == .directory, let last = world.contents(of: inode)?.lastLSN,
      graph.hasPending(parent: inode, where: { held.items.contains($0.key) && ($0.isPlanned || $0.firstLSN <= last) })
    {
      return true
    }
    let location = inode == .root ? nil : world.backingLocation(of: inode)
    let action = PhysicalAction(kind: .writeContents, inode: inode, fileKind: dirty.fileKind, source: location)
    return held.hasClaims && conflicts(action, nil, with: held, world)
  }

  private func conflicts(
    _ action: PhysicalAction, _ item: PendingItem?, with held: HeldUp, _ world: some PlanningWorld
  ) -> Bool {
    let claims = claims(of: action, item: item) { directory in world.ancestors(of: directory).map { [directory] + $0 } }
    return claims.map { held.claims.conflict(with: $0, rules: rules) } ?? false
  }
}
