import FilesystemModel

/// Counting failures, and letting what cannot be written back wait for an operator.
extension WritebackQueue {
  /// Dead letters by the oldest record that they stand for.
  package var sortedDeadLetters: [DeadLetter] {
    deadLetters.values.sorted { ($0.firstLSN, $0.action.inode) < ($1.firstLSN, $1.action.inode) }
  }

  /// Notes that an action was tried in vain while the backing directory itself was well.
  ///
  /// - Parameter time: Now, for people.
  /// - Returns: The action as a dead letter, if it were given up now.
  package mutating func noteFailure(of action: PhysicalAction, _ errno: Errno, at time: Timestamp) -> DeadLetter {
    var noted = failures[action.subject] ?? Failures()
    if noted.attempts == 0 { noted.first = time }
    noted.attempts += 1
    failures[action.subject] = noted
    return DeadLetter(action: action, errno: errno, attempts: noted.attempts, first: noted.first, last: time)
  }

  /// How often a change was tried in vain so far.
  package func failureCount(of subject: WritebackSubject) -> Int { failures[subject]?.attempts ?? 0 }

  /// Whether changes become dead letters at all.
  package var givesUp: Bool { settings.retry.retriesMax > 0 }

  /// Whether a change was tried often enough.
  package func isExhausted(_ letter: DeadLetter) -> Bool { givesUp && letter.attempts > settings.retry.retriesMax }

  /// Lets what the letter tells of wait until `takeUp`; its record has been appended. In an open plan it is parked when it
  /// is given back, and not redone meanwhile.
  package mutating func park(_ letter: DeadLetter) {
    let subject = letter.subject
    deadLetters[subject] = letter
    failures[subject] = Failures(attempts: letter.attempts, first: letter.first)
    switch subject {
    case .names(let key): graph.setParked(key, true)
    case .contents(let inode): attach(inode)
    }
  }

  /// Parks the letters of an earlier mount, as far as what they tell of still waits, and is still the same.
  ///
  /// - Parameter contentsDone: Through which record an inode's contents are complete.
  package mutating func restore(_ letters: some Sequence<DeadLetter>, contentsDone: (InodeNumber) -> LSN) {
    for letter in letters {
      let isPending =
        switch letter.subject {
        case .names(let key): graph[key]?.isSame(as: letter.action) ?? isOpen(letter.action)
        case .contents(let inode):
          contents[inode] != nil && contentsDone(inode) < letter.action.contentsThrough ?? .zero || isOpen(letter.action)
        }
      if isPending { park(letter) }
    }
  }

  private func isOpen(_ action: PhysicalAction) -> Bool {
    openPlans.values.contains { open in
      open.remaining.contains { open.actions[$0].subject == action.subject && open.actions[$0].completes == action.completes }
    }
  }

  /// Lets a dead letter be tried again, from the first attempt on.
  ///
  /// - Returns: Whether there is such a letter; the engine appends the record of it.
  package mutating func takeUp(_ subject: WritebackSubject) -> Bool {
    guard deadLetters.removeValue(forKey: subject) != nil else { return false }
    failures[subject] = nil
    switch subject {
    case .names(let key): graph.setParked(key, false)
    case .contents(let inode): detach(inode)
    }
    return true
  }

  /// Whether a dead letter is in an open plan: nobody knows whether the backing directory has carried it out.
  package func isInDoubt(_ letter: DeadLetter) -> Bool {
    switch letter.subject {
    case .names(let key): graph[key]?.isPlanned ?? true
    case .contents(let inode): contents[inode] == nil
    }
  }

  /// Why what is pending of an inode up to a record is not written back: it is a dead letter or waits for one; `nil` when no such
  /// thing is known.
  ///
  /// - Complexity: O(1) without dead letters; else O(what it waits for, and open plans).
  package func refusal(of inode: InodeNumber, through lsn: LSN) -> Errno? {
    guard !deadLetters.isEmpty else { return nil }
    let isDirty = contents[inode].map { $0.firstLSN <= lsn } ?? false
    if isDirty, let letter = deadLetters[.contents(inode)] { return letter.errno }
    for open in openPlans.values {
      let own = open.remaining.map { open.actions[$0] }.filter { $0.inode == inode || $0.replaced == inode }
      if let letter = own.compactMap({ deadLetters[$0.subject] }).first { return letter.errno }
    }
    // R20: a directory's attributes wait for the earlier changes of its entries.
    let entries = isDirty ? graph.pending(parent: inode) : []
    var waiting = (graph.pending(inode: inode) + entries).filter { $0.firstLSN <= lsn }.map(\.key)
    var seen: Set<Stage> = []
    while let key = waiting.popLast() {
      guard seen.insert(key).inserted, let item = graph[key] else { continue }
      if let letter = deadLetters[.names(key)] { return letter.errno }
      waiting += item.dependencies
    }
    return nil
  }

  /// What was rewritten since it was given up is another change now, and is tried like one.
  mutating func dropRewrittenLetters() {
    for key in graph.rewrittenLetters {
      deadLetters[.names(key)] = nil
      failures[.names(key)] = nil
    }
    graph.rewrittenLetters = []
  }

  /// Contents that are dead letters.
  var parkedContents: [DirtyContents] {
    deadLetters.keys.compactMap { if case .contents(let inode) = $0 { contents[inode] } else { nil } }
  }
}

extension DeadLetter {
  /// The oldest record that is written back with it.
  fileprivate var firstLSN: LSN { action.completes.map(\.lsn).min() ?? action.contentsThrough ?? .zero }
}

/// Giving acknowledged changes up.
extension WritebackQueue {
  /// Items with all that wait for them, directly or by way of others, by key.
  ///
  /// - Complexity: O(n log n) in their number.
  package func withDependents(_ keys: some Sequence<Stage>) -> [PendingItem] {
    var found: [Stage: PendingItem] = [:]
    var waiting = Array(keys)
    while let key = waiting.popLast() {
      guard found[key] == nil, let item = graph[key] else { continue }
      found[key] = item
      waiting += graph.dependents(of: key)
    }
    return found.values.sorted { $0.key < $1.key }
  }

  /// These items, with all that wait for them, and these inodes' contents were given up: they need no write-back any more. None
  /// of them is in an open plan.
  package mutating func discarded(_ items: [PendingItem], contents inodes: some Sequence<InodeNumber>) {
    precondition(items.allSatisfy { !$0.isPlanned })
    graph.complete(items.map(\.key))
    for item in items {
      deadLetters[.names(item.key)] = nil
      failures[.names(item.key)] = nil
    }
    for inode in inodes { contentsGone(inode) }
  }
}
