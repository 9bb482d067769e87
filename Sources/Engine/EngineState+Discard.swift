import FilesystemModel
import Flushing
import Inodes
import JournalFormat

/// Why dead letters are not discarded. Nothing is changed then.
package enum DiscardRefusal: Error, Hashable, Sendable {
  /// So many other changes wait for them, and would have to go too.
  case dependents(Int)
  /// Nobody knows whether the backing directory has carried it out: only a retry can tell.
  case inDoubt(path: [UInt8])
  /// It, or what waits for it, is being written back at the moment.
  case busy(path: [UInt8])
  /// One half of an exchange of names is in the backing directory: only a retry can end it.
  case halfExchanged(path: [UInt8])
  /// All that would have to go at once does not fit in one record of the journal.
  case tooMany
  /// The journal takes no changes.
  case journal(Errno)
}

/// What the kernel may know and must forget after a discard.
package struct Forgotten: Hashable, Sendable {
  package var names: [Location] = []
  package var inodes: [InodeNumber] = []
  /// How many changes were given up.
  package var count = 0

  static func + (left: Forgotten, right: Forgotten) -> Forgotten {
    Forgotten(names: left.names + right.names, inodes: left.inodes + right.inodes, count: left.count + right.count)
  }
}

/// Changes to be given up, gathered latest first.
private struct DiscardPlan {
  var items: [PendingItem]
  var names: [Location: InodeNumber?] = [:]
  /// Inodes that were to be made.
  var unborn: Set<InodeNumber> = []
  /// Inodes that stay, and whose contents are again what the backing file has.
  var reverted: Set<InodeNumber>
  var contents: [ContentsCompletion] = []
  /// How many changes they are.
  let count: Int
  /// Inodes whose contents are given up.
  var given: [InodeNumber] { unborn.union(reverted).sorted() }

  init(_ items: [PendingItem], contentsOf inodes: Set<InodeNumber>) {
    self.items = items
    reverted = inodes
    count = Set(items.map(\.change)).count + inodes.count
  }

  /// Undoes an item whose names nothing later touches.
  mutating func undo(_ item: PendingItem) {
    if let target = item.target { names[target] = .some(item.replaced) }
    if let source = item.source { names[source] = .some(item.inode) }
    if item.kind == .create { unborn.insert(item.inode) }
    contents += item.discards
  }
}

extension EngineState {
  /// Gives dead letters up, and with `withDependents` all that waits for them.
  mutating func discard(_ subjects: [WritebackSubject], withDependents: Bool) throws(DiscardRefusal) -> Forgotten {
    let letters = subjects.compactMap { queue.deadLetters[$0] }
    for letter in letters where queue.isInDoubt(letter) { throw .inDoubt(path: shownPath(of: letter.action)) }
    return try giveUp(letters.map(\.subject), withDependents: withDependents)
  }

  /// Whether a change could be given up with all that waits for it, if nothing of that were being written back.
  func canGiveUp(_ subject: WritebackSubject) -> Bool {
    guard let plan = try? planDiscard([subject], withDependents: true) else { return false }
    return fits(record(of: plan))
  }

  /// Gives changes up: one record, then memory.
  mutating func giveUp(_ subjects: [WritebackSubject], withDependents: Bool) throws(DiscardRefusal) -> Forgotten {
    let plan = try planDiscard(subjects, withDependents: withDependents)
    for item in plan.items where item.isPlanned { throw .busy(path: shownPath(of: item.action)) }
    for inode in plan.reverted where queue.isClaimedByOpenPlan(inode) { throw .busy(path: shownPath(of: inode)) }
    let discard = record(of: plan)
    guard fits(discard) else { throw .tooMany }
    let times = plan.reverted.sorted().compactMap { appendTimes(of: $0, besides: plan.items) }
    append(discard)
    queue.discarded(plan.items, contents: plan.given)
    setNames(discard.names)
    for number in plan.reverted { revert(number) }
    for (change, lsn) in times { take(change, bytes: nil, position: nil, lsn: lsn) }
    for inode in plan.unborn.compactMap({ inodes[$0] }) {
      reserve(inode)
      discardOrphan(inode)
    }
    let parents = Set(discard.names.map(\.location.parent))
    for number in parents { inodes[number].map { forgetEntries(of: $0) } }
    return Forgotten(
      names: discard.names.map(\.location),
      inodes: parents.union(plan.given).union(discard.names.compactMap(\.inode)).sorted(), count: plan.count)
  }

  private func record(of plan: DiscardPlan) -> Discard {
    let named = plan.names.sorted { $0.key < $1.key }.map { Discard.Name($0.key, $0.value) }
    let contents = plan.given.compactMap { inode in
      cache.lastLSN(of: inode).map { ContentsCompletion(inode: inode, through: $0) }
    }
    return Discard(completes: plan.items.flatMap(\.completes).sorted(), contents: plan.contents + contents, names: named)
  }

  private func planDiscard(
    _ subjects: [WritebackSubject], withDependents: Bool
  ) throws(DiscardRefusal) -> DiscardPlan {
    var keys: Set<Stage> = []
    var inodes: Set<InodeNumber> = []
    for subject in subjects {
      switch subject {
      case .names(let key): keys.insert(key)
      case .contents(let inode): inodes.insert(inode)
      }
    }
    let items = queue.withDependents(keys)
    let dependents = Set(items.map(\.change)).subtracting(items.filter { keys.contains($0.key) }.map(\.change))
    guard withDependents || dependents.isEmpty else { throw .dependents(dependents.count) }
    try checkExchanges(items)
    var plan = DiscardPlan(items, contentsOf: inodes)
    for item in items.reversed() { plan.undo(item) }
    // Contents that went with a last name stay gone; a file that has names besides keeps its own.
    let lost = items.flatMap { [$0.kind == .removeFile || $0.kind == .removeDirectory ? $0.inode : nil, $0.replaced] }
    plan.reverted.formUnion(lost.compactMap(\.self).filter { self.inodes[$0]?.isKept == false && !plan.unborn.contains($0) })
    return plan
  }

  /// An exchange is given up as a whole, or not at all.
  private func checkExchanges(_ items: [PendingItem]) throws(DiscardRefusal) {
    let stages = Set(items.map(\.key))
    for item in items {
      guard let lsn = item.exchange else { continue }
      guard stages.contains(Stage(lsn, stage: 1)) else { throw .halfExchanged(path: shownPath(of: item.action)) }
    }
  }

  /// The times that a directory keeps although its contents are given up, since entries of it wait for write-back: that changes
  /// its times in the backing directory once more (R20). Appended ahead of the record that gives the contents up, to be taken
  /// into memory behind it; a crash between the two changes nothing.
  ///
  /// - Parameter items: What does not wait any more.
  mutating func appendTimes(of number: InodeNumber, besides items: [PendingItem]) -> (ContentChange, LSN)? {
    guard let inode = inodes[number], inode.kind == .directory else { return nil }
    let gone = Set(items.map(\.key))
    guard queue.changesEntries(of: number) || queue.graph.pending(parent: number).contains(where: { !gone.contains($0.key) })
    else { return nil }
    let now = clock.now()
    let times = AttributeChange(modified: cache.attributes(of: number).modified ?? now, changed: now)
    let change = ContentChange(inode: number, attributes: times)
    bind(inode)
    let lsn = journal.append(.content(change, bytes: [], time: now, request: 0)).lsn
    (inode.lastReference, inode.lastChange) = (lsn, lsn)
    return (change, lsn)
  }

  /// Whether the journal takes it in one record.
  private func fits(_ discard: Discard) -> Bool { Record.discard(discard).encodedBytes <= journal.recordBytesMax }

  private mutating func append(_ discard: Discard) {
    let numbers = Set(
      discard.names.flatMap { [$0.location.parent] + ($0.inode.map { [$0] } ?? []) } + discard.contents.map(\.inode))
    for number in numbers.sorted() { inodes[number].map { bind($0) } }
    let lsn = journal.append(.discard(discard)).lsn
    for number in numbers {
      inodes[number]?.lastReference = lsn
      inodes[number]?.lastChange = lsn
    }
  }

  /// The mount shows what the backing directory has of an inode.
  private mutating func revert(_ number: InodeNumber) {
    _ = cache.discard(number)
    guard let inode = inodes[number] else { return }
    forgetDetails(of: inode)
    reserve(inode)
    forgetEntries(of: inode)
  }

  /// Has a directory of the backing directory listed again when it is next looked at: others may have names there that were ours.
  func forgetEntries(of directory: Inode) {
    if directory.isInBacking, !directory.isBeingMade { directory.directory?.isComplete = false }
  }

  /// An inode that the backing directory does not have any more, whatever this mount knew of it: takes its names away.
  mutating func forgetMissing(_ number: InodeNumber) -> Forgotten {
    guard let inode = inodes[number], !queue.isClaimedByOpenPlan(number), queue.graph.pending(inode: number).isEmpty else {
      return Forgotten()
    }
    let names = inode.names
    let discard = Discard(names: names.map { Discard.Name($0, nil) })
    guard fits(discard) else { return Forgotten() }
    append(discard)
    cache.dropClean(number)
    for name in names { inodes.clearName(name) }
    inodes.setBackingNames([], of: inode)
    inode.lastReference = journal.append(.binding(binding(of: inode))).lsn
    discardOrphan(inode)
    return Forgotten(names: Array(names), inodes: [number] + names.map(\.parent))
  }

  /// Names are now what they are without changes that were given up (R4: absolute).
  mutating func setNames(_ names: [Discard.Name]) {
    for name in names {
      if let inode = name.inode.flatMap({ inodes[$0] }) {
        inodes.setName(name.location, to: inode)
      } else {
        inodes.clearName(name.location)
      }
    }
  }
}
