import FilesystemModel

/// A plan while it is put together.
private struct Batch {
  var proposal = PlanProposal()
  var claims = PlanClaims()
  /// Directories that the plan creates.
  var created: Set<InodeNumber> = []
  /// Directories that paths into a directory pass through, itself included; `nil` when it is not in the backing directory.
  var passages: [InodeNumber: [InodeNumber]?] = [:]
  var planned: Set<Stage> = []
  /// Inodes whose contents it writes.
  var written: Set<InodeNumber> = []
  /// Directories whose sealed attributes are overdue: entries that changed after the given record wait for them.
  var overdue: [InodeNumber: LSN] = [:]
  /// What those attributes wait for themselves, found when it is first asked for.
  var comesBeforeOverdue: Set<Stage>?
  var isFull = false
  /// What is less urgent is left for another plan, unless it is past the deadline.
  var urgency = Urgency.low
  /// How many items in crowded directories are still passed over in favour of younger ones elsewhere.
  var passesOver = 0
}

extension WritebackQueue {
  /// A directory of which open plans change so many entries is crowded: filesystems change them one after the other, so that a
  /// further plan would only wait there. With two, one is synced while the other is made.
  private static var changesInDirectoryMax: Int { 2 }
  /// How many items are passed over for a plan, at most.
  private static var passedOverMax: Int { 1024 }

  /// The next batch that is due and can be carried out now; `nil` when there is none. Changes nothing.
  ///
  /// First comes what somebody waits for, then what is past the deadline, by age (P6): in turns, where there is both. Then comes
  /// what is of the greatest urgency that has something to do, by age.
  ///
  /// - Complexity: O(k) in the number of due items that must wait for open plans, plus the batch.
  package func nextPlan(nowMilliseconds now: Int, world: some PlanningWorld) -> PlanProposal? {
    var empty = Batch()
    for directory in overdueDirectories(nowMilliseconds: now) {
      empty.overdue[directory] = world.contents(of: directory)?.lastLSN
    }
    let isOverdueFirst = overdueHasTurn && mayHaveOverdue(now)
    var batch = empty
    if isOverdueFirst { addSpread(Urgency.allCases, isOverdueOnly: true, to: &batch, now, world) }
    if batch.proposal.actions.isEmpty {
      batch.urgency = .pressed
      addSpread([.pressed], isOverdueOnly: false, to: &batch, now, world)
      if !batch.proposal.actions.isEmpty { return batch.proposal }
      batch = empty
      if !isOverdueFirst, mayHaveOverdue(now) { addSpread(Urgency.allCases, isOverdueOnly: true, to: &batch, now, world) }
    }
    let overdueCount = batch.proposal.actions.count
    for urgency in Urgency.allCases where urgency != .pressed && batch.proposal.actions.count == overdueCount {
      batch.urgency = urgency
      addSpread([urgency], isOverdueOnly: false, to: &batch, now, world)
    }
    return batch.proposal.actions.isEmpty ? nil : batch.proposal
  }

  /// Adds what is due of the given urgencies, oldest first; where operations take long, that in crowded directories
  /// last, unless it is past the deadline (P6).
  private func addSpread(
    _ urgencies: [Urgency], isOverdueOnly: Bool, to batch: inout Batch, _ now: Int, _ world: some PlanningWorld
  ) {
    let count = batch.proposal.actions.count
    if !isOverdueOnly, batchOperations < settings.batchOperations {
      batch.passesOver = Self.passedOverMax
      addDue(urgencies, isOverdueOnly: isOverdueOnly, to: &batch, now, world)
      batch.passesOver = 0
    }
    if batch.proposal.actions.count == count { addDue(urgencies, isOverdueOnly: isOverdueOnly, to: &batch, now, world) }
  }

  private func isCrowded(_ item: PendingItem) -> Bool {
    item.parents.contains { claims.changed[$0, default: 0] >= Self.changesInDirectoryMax }
  }

  /// Adds what is due of the given urgencies, oldest first.
  private func addDue(
    _ urgencies: [Urgency], isOverdueOnly: Bool, to batch: inout Batch, _ now: Int, _ world: some PlanningWorld
  ) {
    let scansAll = mustScanAll(now) || urgencies == [.pressed]
    var items = MergedKeys(graph.readyKeys, urgencies)
    var inodes = MergedKeys(contentsByAge, urgencies)
    while !batch.isFull {
      let aged = inodes.first
      if let key = items.first, aged.map({ key.lsn <= $0.firstLSN }) ?? true {
        _ = items.popFirst()
        guard let item = graph[key], !batch.planned.contains(key) else { continue }
        let isWanted = !isOverdueOnly || isOverdue(item.firstMilliseconds, now)
        if !scansAll, !isWanted || item.lastMilliseconds + settings.delayMilliseconds > now {
          items.removeAll()
        } else if batch.passesOver > 0, isCrowded(item) {
          batch.passesOver -= 1
          if batch.passesOver == 0 { items.removeAll() }
        } else if isWanted {
          addWithCreationsInside(item, to: &batch, now, world)
        }
      } else if let aged {
        _ = inodes.popFirst()
        guard let dirty = contents[aged.inode] else { continue }
        if isOverdueOnly, !isOverdue(dirty.firstMilliseconds, now) {
          inodes.removeAll()
        } else if dueMilliseconds(dirty) <= now {
          addContents(of: aged.inode, to: &batch, now, world)
        }
      } else {
        break
      }
    }
  }

  /// Adds an item, and after the creation of a directory the creations in it, breadth first (R23).
  private func addWithCreationsInside(_ item: PendingItem, to batch: inout Batch, _ now: Int, _ world: some PlanningWorld) {
    guard add(item, to: &batch, now, world) else { return }
    var directories = [item][...]
    while let directory = directories.popFirst(), !batch.isFull {
      guard directory.kind == .create, directory.fileKind == .directory else { continue }
      for key in graph.dependents(of: directory.key) where !batch.isFull {
        guard let child = graph[key], child.kind == .create, child.urgency <= batch.urgency, child.canBePlanned,
          child.exchange == nil
        else { continue }
        let waitsForParentOnly = child.dependencies.allSatisfy { dependency in
          batch.planned.contains(dependency) && graph[dependency].map { child.parents.contains($0.inode) } ?? false
            && !(graph[dependency]?.names.contains { child.names.contains($0) } ?? true)
        }
        if waitsForParentOnly, add(child, to: &batch, now, world) { directories.append(child) }
      }
    }
  }

  /// Adds a due item without conflicts.
  private func add(_ item: PendingItem, to batch: inout Batch, _ now: Int, _ world: some PlanningWorld) -> Bool {
    guard dueMilliseconds(item) <= now, (failures[.names(item.key)]?.untilMilliseconds ?? 0) <= now else { return false }
    if waitsForOverdue(item, &batch) { return false }
    if let inode = contentsToWriteFirst(item, world) {
      addContents(of: inode, to: &batch, now, world)
      return false
    }
    var action = item.action
    if item.kind == .link {
      guard let name = world.backingLocation(of: item.inode) else { return false }
      action.source = name
    }
    // A new directory's attributes are set after the entries in it (R20).
    let fresh =
      item.kind == .create && item.fileKind != .directory && contents[item.inode] != nil
      ? world.contents(of: item.inode) : nil
    action.contentsThrough = fresh?.lastLSN
    guard let claims = claims(of: action, item: item, { passage(to: $0, &batch, world) }) else { return false }
    guard append(action, item.key, claims, bytes: fresh?.bytes ?? 0, to: &batch) else { return false }
    if item.kind == .create, item.fileKind == .directory { batch.created.insert(item.inode) }
    return true
  }

  /// Whether an item waits for the overdue attributes of a directory whose entries it changes. What these attributes wait for, by
  /// way of a fold also younger items, does not: else both would wait for ever.
  private func waitsForOverdue(_ item: PendingItem, _ batch: inout Batch) -> Bool {
    let overdue = batch.overdue
    let isYounger = item.parents.contains { overdue[$0].map { $0 < item.firstLSN } ?? false }
    guard isYounger else { return false }
    let needed = batch.comesBeforeOverdue ?? itemsBefore(overdue)
    batch.comesBeforeOverdue = needed
    return !needed.contains(item.key)
  }

  /// What the items that change entries of directories up to the given records wait for.
  private func itemsBefore(_ overdue: [InodeNumber: LSN]) -> Set<Stage> {
    var needed: Set<Stage> = []
    var waiting: [Stage] = []
    for (directory, lsn) in overdue {
      waiting += graph.keys(parent: directory) { $0.firstLSN <= lsn && !$0.dependencies.isEmpty }
    }
    while let key = waiting.popLast() {
      for dependency in graph[key]?.dependencies ?? [] where needed.insert(dependency).inserted { waiting.append(dependency) }
    }
    return needed
  }

  /// Contents that must be in the backing directory before the item: those of a file that takes a name, older than that (R9; a
  /// directory has no data), and those of a file whose last known name goes while there are unknown ones (R16).
  func contentsToWriteFirst(_ item: PendingItem, _ world: some PlanningWorld) -> InodeNumber? {
    if rules.replacingWaitsForData, item.kind == .rename, item.replaced != nil, item.fileKind != .directory,
      contents[item.inode] != nil,
      let pending = world.contents(of: item.inode), pending.firstLSN < item.key.lsn
    {
      return item.inode
    }
    let gone = item.kind == .removeFile ? item.inode : item.replaced
    if let gone, contents[gone] != nil, world.hasUnknownNames(gone) { return gone }
    return nil
  }

  /// Adds the contents of an inode that is in the backing directory, without conflicts.
  private func addContents(of inode: InodeNumber, to batch: inout Batch, _ now: Int, _ world: some PlanningWorld) {
    guard !batch.written.contains(inode) else { return }
    guard let dirty = contents[inode], graph.creation(of: inode) == nil, let pending = world.contents(of: inode) else { return }
    guard deadLetters[.contents(inode)] == nil else { return }
    guard (failures[.contents(inode)]?.untilMilliseconds ?? 0) <= now else { return }
    let location = inode == .root ? nil : world.backingLocation(of: inode)
    guard location != nil || inode == .root else { return }
    if dirty.fileKind == .directory, entriesComeBefore(attributesOf: inode, through: pending.lastLSN) { return }
    let action = PhysicalAction(
      kind: .writeContents, inode: inode, fileKind: dirty.fileKind, source: location, contentsThrough: pending.lastLSN)
    guard let claims = claims(of: action, item: nil, { passage(to: $0, &batch, world) }) else { return }
    if append(action, nil, claims, bytes: pending.bytes, to: &batch) { batch.written.insert(inode) }
  }

  /// R20: a directory's attributes wait for the earlier changes of its entries.
  private func entriesComeBefore(attributesOf directory: InodeNumber, through lsn: LSN) -> Bool {
    graph.hasPending(parent: directory) { $0.isPlanned || $0.firstLSN <= lsn }
  }

  private func append(
    _ action: PhysicalAction, _ item: Stage?, _ claims: ActionClaims, bytes: Int, to batch: inout Batch
  ) -> Bool {
    if self.claims.conflict(with: claims, rules: rules) { return false }
    if batch.claims.conflict(with: claims, created: batch.created, rules: rules) { return false }
    if !batch.proposal.actions.isEmpty, batch.proposal.bytes + bytes > batchBytes {
      batch.isFull = true
      return false
    }
    batch.proposal.actions.append(action)
    batch.proposal.items.append(item)
    batch.proposal.isInsideNewDirectory.append(action.target.map { batch.created.contains($0.parent) } ?? false)
    batch.proposal.bytes += bytes
    batch.claims.add(claims)
    if let item { batch.planned.insert(item) }
    batch.isFull = batch.proposal.actions.count >= batchOperations
    return true
  }

  /// The directories that a path into the directory passes through.
  private func passage(to directory: InodeNumber, _ batch: inout Batch, _ world: some PlanningWorld) -> [InodeNumber]? {
    if let known = batch.passages[directory] { return known }
    var result: [InodeNumber]?
    if batch.created.contains(directory), let parent = graph.creation(of: directory)?.target?.parent {
      result = passage(to: parent, &batch, world).map { [directory] + $0 }
    } else {
      result = world.ancestors(of: directory).map { [directory] + $0 }
    }
    batch.passages[directory] = .some(result)
    return result
  }

  /// What an action needs for itself; `nil` when a directory on its way is not in the backing directory.
  func claims(
    of action: PhysicalAction, item: PendingItem?, _ passage: (InodeNumber) -> [InodeNumber]?
  ) -> ActionClaims? {
    var claims = ActionClaims()
    claims.inodes = item?.inodes ?? [action.inode] + [action.replaced].compactMap(\.self)
    for directory in Set([action.source?.parent, action.target?.parent].compactMap(\.self)) {
      guard let passed = passage(directory) else { return nil }
      claims.passed += passed
    }
    let isDirectory = action.fileKind == .directory
    if action.kind == .writeContents {
      if isDirectory { claims.attributed = action.inode }
      return claims
    }
    let changed = action.kind == .link ? nil : action.source
    claims.names = item?.names ?? [changed, action.target].compactMap(\.self)
    claims.changed = [changed?.parent, action.target?.parent].compactMap(\.self)
    if isDirectory { claims.shaped = [action.inode] + [action.replaced].compactMap(\.self) }
    claims.movesDirectory = action.kind == .rename && isDirectory
    claims.unsettles = action.movesNames
    return claims
  }
}
