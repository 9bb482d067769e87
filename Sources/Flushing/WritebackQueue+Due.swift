import FilesystemModel

extension WritebackQueue {
  /// Milliseconds until something becomes due that is not due now; `nil` when nothing waits for time. What is due but must wait
  /// for an open plan becomes possible when that is finished: then `nextPlan` is to be asked again.
  package func nextDue(nowMilliseconds now: Int) -> Int? {
    var earliest: Int?
    func consider(_ moment: Int) { if moment > now { earliest = min(earliest ?? moment, moment) } }
    let scansAll = mustScanAll(now)
    for urgency in Urgency.allCases {
      for key in graph.readyKeys[urgency] {
        guard let item = graph[key] else { continue }
        consider(max(dueMilliseconds(item), failures[.names(key)]?.untilMilliseconds ?? 0))
        if !scansAll, urgency != .pressed, item.lastMilliseconds + settings.delayMilliseconds > now { break }
      }
      for aged in contentsByAge[urgency] {
        guard let dirty = contents[aged.inode] else { continue }
        consider(max(dueMilliseconds(dirty), failures[.contents(aged.inode)]?.untilMilliseconds ?? 0))
        if let earliest, dirty.firstMilliseconds + settings.delayMilliseconds >= earliest { break }
      }
    }
    if let oldest = graph.oldestItem { consider(oldest.firstMilliseconds + settings.deadlineMilliseconds) }
    return earliest.map { $0 - now }
  }

  /// Directories whose attributes are past the deadline, or waited for, by age. While their entries go on changing the engine
  /// seals the attributes: what comes later then waits for them (R20), and their turn comes (P6).
  package func overdueDirectories(nowMilliseconds now: Int) -> [InodeNumber] {
    var overdue: [InodeNumber] = []
    var heldUp: Set<InodeNumber>?
    var ages = MergedKeys(contentsByAge, Urgency.allCases.filter { $0 != .pressed })
    var pressed = contentsByAge[.pressed]
    while let inode = (pressed.popFirst() ?? ages.popFirst())?.inode {
      guard let dirty = contents[inode], dirty.urgency == .pressed || isOverdue(dirty.firstMilliseconds, now) else { break }
      // Attributes that cannot be written hold nothing up.
      guard dirty.fileKind == .directory, failures[.contents(inode)] == nil else { continue }
      heldUp = heldUp ?? directoriesHeldUp()
      if heldUp?.contains(inode) == false { overdue.append(inode) }
    }
    return overdue
  }

  /// Directories whose attributes wait, directly or by way of others, for changes of entries that failed.
  ///
  /// - Complexity: O(k) in the number of items that failed or wait for such.
  private func directoriesHeldUp() -> Set<InodeNumber> {
    var directories: Set<InodeNumber> = []
    var waiting = failures.keys.flatMap { subject in
      switch subject {
      case .names(let key): [key]
      // A change of a file's names may wait for its contents (R9, R16).
      case .contents(let inode): graph.pending(inode: inode).map(\.key)
      }
    }
    for open in openPlans.values where open.hasFailed {
      for index in open.remaining {
        directories.formUnion([open.actions[index].source?.parent, open.actions[index].target?.parent].compactMap(\.self))
        if let key = open.items[index] { waiting.append(key) }
      }
    }
    var seen: Set<Stage> = []
    while let key = waiting.popLast() {
      guard seen.insert(key).inserted, let item = graph[key] else { continue }
      directories.formUnion(item.parents)
      waiting += graph.dependents(of: key)
    }
    return directories
  }

  /// When an item is to be written back: in its own time, or when the attributes of a directory that must come after it are.
  func dueMilliseconds(_ item: PendingItem) -> Int {
    var due = ownDueMilliseconds(item)
    for parent in item.parents {
      if let dirty = contents[parent] { due = min(due, max(item.firstMilliseconds, dueMilliseconds(dirty))) }
    }
    return due
  }

  /// A file that is still being written waits with its creation, unless others wait for it.
  private func ownDueMilliseconds(_ item: PendingItem) -> Int {
    if isPressed || item.urgency == .pressed || item.firstLSN <= pressedThrough { return item.firstMilliseconds }
    var last = item.lastMilliseconds
    if item.kind == .create, let dirty = contents[item.inode], !graph.hasDependents(item.key) {
      if dirty.isStream || dirty.firstLSN <= pressedThrough { return item.firstMilliseconds }
      last = max(last, dirty.lastMilliseconds)
    }
    return min(item.firstMilliseconds + settings.deadlineMilliseconds, last + settings.delayMilliseconds)
  }

  func dueMilliseconds(_ dirty: DirtyContents) -> Int {
    if isPressed || dirty.isStream || dirty.urgency == .pressed || dirty.firstLSN <= pressedThrough {
      return dirty.firstMilliseconds
    }
    return min(
      dirty.firstMilliseconds + settings.deadlineMilliseconds, dirty.lastMilliseconds + settings.delayMilliseconds)
  }

  /// Whether what the record changed waits for nothing but its time; only asked for the oldest one.
  package func isResting(oldest lsn: LSN, nowMilliseconds now: Int) -> Bool {
    if let item = graph.oldestItem, item.firstLSN == lsn { return dueMilliseconds(item) > now }
    guard let aged = contentsByAge.first, aged.firstLSN == lsn, let dirty = contents[aged.inode] else { return false }
    return dueMilliseconds(dirty) > now
  }

  /// Whether a change is past the deadline, given the uptime of its arrival: then order is by age alone (P6).
  func isOverdue(_ firstMilliseconds: Int, _ now: Int) -> Bool { firstMilliseconds + settings.deadlineMilliseconds <= now }

  /// Whether there may be something past the deadline.
  func mayHaveOverdue(_ now: Int) -> Bool {
    if let oldest = graph.oldestItem, isOverdue(oldest.firstMilliseconds, now) { return true }
    guard let oldest = contentsByAge.first.flatMap({ contents[$0.inode] }) else { return false }
    return isOverdue(oldest.firstMilliseconds, now)
  }

  /// Ready items are looked at in the order of their latest records, and the first one that is too young ends the search, unless
  /// an old record may be hidden in a young item, attributes that are due wait for young items, or a stream is new.
  func mustScanAll(_ now: Int) -> Bool {
    if isPressed || contents.streamCount > 0 { return true }
    if contentsByAge.first.map({ $0.firstLSN <= pressedThrough }) ?? false { return true }
    guard let oldest = graph.oldestItem else { return false }
    if oldest.firstLSN <= pressedThrough { return true }
    return failures[.names(oldest.key)] == nil && oldest.firstMilliseconds + settings.deadlineMilliseconds <= now
  }
}
