import FilesystemModel
import Flushing
import JournalFormat
import WriteAheadLog

/// One thing that a damaged journal has lost.
package struct RecoveryLoss: Hashable, Sendable, CustomStringConvertible {
  /// The records, `first` to `last`.
  package let first: LSN
  package let last: LSN
  /// Where they were; `nil` for a readable record that does not make sense without the others.
  package var place: JournalPosition?
  /// The file that is affected, and where it is, as far as the journal tells.
  package var inode: InodeNumber?
  package var path: [EntryName]?
  /// One line for the operator: what is lost, and where.
  package let description: String
}

/// What a mount found of damage to its journal.
package struct SalvageReport: Hashable, Sendable {
  /// What the journal had lost when it was opened.
  package var losses: [RecoveryLoss] = []
  /// Segments with damage, of this and earlier mounts, whose bytes are kept; ascending.
  package var damagedSegments: [UInt64] = []
  /// Whether changes that are to be written back may be already, unknown to the journal: by this mount's losses, or an earlier
  /// one's that was cut short.
  package var isDoubtful = false

  package init() {}

  init(losses: [RecoveryLoss], damagedSegments: [UInt64], isDoubtful: Bool) {
    self.losses = losses
    self.damagedSegments = damagedSegments
    self.isDoubtful = isDoubtful
  }
}

/// Decides what of a journal with lost records counts, so that what counts is a history that could have been: recovery then
/// goes on as from any other journal.
///
/// Recovery.md tells the decisions. Nothing is read from the backing directory.
struct Salvage {
  /// What the readable records say, with what can be concluded of lost outcomes.
  private(set) var recovery: Recovery
  /// The changes of names that count and are not completed, as they fit the tree.
  private(set) var changes: [LSN: NamespaceChange] = [:]
  /// Renames in the places of exchanges whose records are lost half way: they give back a visible name.
  private(set) var adoptions: [(lsn: LSN, change: NamespaceChange, time: Timestamp)] = []
  private(set) var losses: [RecoveryLoss]
  private var tree: SalvagedTree
  private var fates: Recovery
  private var namesBefore = NameBook()

  init(_ scan: JournalScan, rules: ProtocolRules, temporaryNamePrefix: [UInt8]) throws(JournalError) {
    var recovery = Recovery(table: [], nextInode: scan.checkpoint?.nextInode ?? .root, rules: rules)
    var names = NameBook()
    // What bindings were lost may be told by older ones: a move of a file would have been told, too.
    try scan.replay(withTables: true, from: .zero) { logged in
      if logged.lsn >= scan.lowWater { recovery.read(logged) } else { recovery.readBindings(logged) }
      names.take(logged.record)
    }
    recovery.sortStepsOfCopies()
    recovery.concludeLostOutcomes()
    var given: [PhysicalAction] = []
    var count: Int
    repeat {
      count = given.count
      recovery.forgetUnreachableBindings()
      given += recovery.giveUpUnknownActions()
    } while given.count > count
    // Each lost record may have made an inode.
    let lost = scan.losses.reduce(0) { $0 + $1.next.rawValue - $1.first.rawValue }
    recovery.reserveNumbers(lost)
    self.recovery = recovery
    fates = recovery
    fates.rollForward(temporaryNamePrefix: temporaryNamePrefix)
    tree = SalvagedTree(fates.bindings, reserved: recovery.namesInDoubt, temporaryNamePrefix: temporaryNamePrefix)
    losses = scan.losses.map { $0.loss }
    namesBefore = names
    tell(given)
    let hidden = hiddenFiles(temporaryNamePrefix)
    let known = Set(recovery.steps.map(\.lsn))
    for (inode, location, lsn) in hidden where !known.contains(lsn) {
      adopt(inode, location, lsn, wanted: source(of: location).map { [$0] } ?? [])
    }
    for step in recovery.steps { decide(step) }
    for (inode, location, lsn) in hidden where known.contains(lsn) && changes[lsn] == nil {
      adopt(inode, location, lsn, wanted: [])
    }
    tell(self.recovery.giveUpContents(without: oldestContents()))
  }

  /// A file with the hidden name of an exchange would not be seen again without the exchange's record: it gets a visible one, in
  /// the place of that record.
  ///
  /// - Parameter wanted: names that it may get; the last resort is one that no other file has had.
  private mutating func adopt(_ inode: InodeNumber, _ hidden: Location, _ lsn: LSN, wanted: [Location]) {
    let last = Location(hidden.parent, EntryName(unchecked: SalvagedTree.suffix + Array(String(lsn.rawValue).utf8)))
    let time = recovery.steps.last?.time ?? Timestamp(seconds: 0)
    guard let place = tree.name(inode, at: wanted + [last], lsn: lsn) else { return }
    adoptions.append((lsn, .rename(inode, from: hidden, to: place, replacing: nil), time))
    losses.append(loss(lsn, inode, "was being exchanged with another file, and what of that is lost"))
  }

  /// The files with hidden names, and the exchanges that gave them these.
  private func hiddenFiles(_ prefix: [UInt8]) -> [(InodeNumber, Location, LSN)] {
    fates.bindings.sorted { $0.key < $1.key }.flatMap { inode, binding in
      binding.locations.compactMap { location in
        guard location.name.bytes.starts(with: prefix),
          let number = UInt64(String(decoding: location.name.bytes.dropFirst(prefix.count), as: UTF8.self))
        else { return nil }
        return (inode, location, LSN(number))
      }
    }
  }

  /// Where an open plan found what it gives a hidden name.
  private func source(of hidden: Location) -> Location? {
    recovery.openPlans.values.lazy.flatMap(\.actions).first { $0.target == hidden }?.source
  }

  private mutating func tell(_ given: [PhysicalAction]) {
    for action in given {
      let lsn = action.completes.map(\.lsn).max() ?? action.contentsThrough ?? .zero
      losses.append(loss(lsn, action.inode, "may be half written back, and what was to be written is lost"))
    }
  }

  /// The oldest change of each inode's contents that is needed; of directories, for their times.
  private func oldestContents() -> [InodeNumber: LSN] {
    var oldest: [InodeNumber: LSN] = [:]
    for step in recovery.steps {
      for inode in changedContents(step) where oldest[inode] == nil { oldest[inode] = step.lsn }
    }
    return oldest
  }

  private func changedContents(_ step: Recovery.Step) -> [InodeNumber] {
    switch step.change {
    case .contents(let change, _): return isNeeded(change, step.lsn) ? [change.inode] : []
    case .names: return []
    case .namespace(let change):
      guard let counted = changes[step.lsn] ?? (fates.fate(of: step.lsn) == .completed ? change : nil) else { return [] }
      return counted.parents.filter { isNeeded(ContentChange(inode: $0), step.lsn) }
    }
  }

  /// Whether a record of contents is still needed.
  func isNeeded(_ change: ContentChange, _ lsn: LSN) -> Bool {
    guard fates.fate(ofContentsOf: change.inode, lsn) != .completed, let kind = tree.kind(of: change.inode) else { return false }
    return change.data == nil || kind == .regular
  }

  private mutating func decide(_ step: Recovery.Step) {
    switch step.change {
    case .namespace(let change):
      switch fates.fate(of: step.lsn) {
      case .completed: return
      case .inDoubt: changes[step.lsn] = foldedEnd(of: step.lsn).map(change.ending) ?? change
      case .pending: decide(change, step.lsn)
      }
    case .contents(let change, _):
      guard fates.fate(ofContentsOf: change.inode, step.lsn) != .completed, !isNeeded(change, step.lsn) else { return }
      losses.append(loss(step.lsn, change.inode, "was changed, and which file it is is lost"))
    // What was given up is not there, and where the backing directory has things the bindings say.
    case .names: return
    }
  }

  /// The open action that carries a record out together with later ones that are lost.
  private func foldedEnd(of lsn: LSN) -> PhysicalAction? {
    let actions = recovery.openPlans.values.lazy.flatMap { plan in plan.remaining.map { plan.actions[$0] } }
    guard let action = actions.first(where: { $0.completes.contains(Stage(lsn)) }), let last = action.completes.max()?.lsn,
      last > lsn
    else { return nil }
    return recovery.steps.contains { $0.lsn > lsn && action.completes.map(\.lsn).contains($0.lsn) } ? nil : action
  }

  private mutating func decide(_ change: NamespaceChange, _ lsn: LSN) {
    if tree.has(change) { return }
    guard let fitted = tree.fit(change, lsn: lsn, isHalfDone: fates.stagesDone(of: lsn) > 0) else {
      for inode in change.subjects {
        losses.append(loss(lsn, inode, "was \(change.participle), and what came before is lost"))
      }
      return
    }
    changes[lsn] = fitted
    guard fitted != change, fitted.locations.last != change.locations.last, let place = fitted.locations.last else { return }
    let name = EscapedText.printable(place.name.bytes)
    losses.append(loss(lsn, change.subjects[0], "has the name \(name), since its own is taken by what a lost record moved"))
  }

  private func loss(_ lsn: LSN, _ inode: InodeNumber, _ what: String) -> RecoveryLoss {
    let path = tree.path(of: inode) ?? namesBefore.path(of: inode)
    let shown = path.map { " \(EscapedText.printable($0.pathBytes))" } ?? ""
    return RecoveryLoss(
      first: lsn, last: lsn, inode: inode, path: path,
      description: "LSN \(lsn.rawValue): inode \(inode.rawValue)\(shown) \(what)")
  }
}

extension JournalGap {
  /// What it means for the operator.
  fileprivate var loss: RecoveryLoss {
    let last = next.previous
    let records = first == last ? "record \(first.rawValue)" : "records \(first.rawValue) to \(last.rawValue)"
    return RecoveryLoss(
      first: first, last: last, place: JournalPosition(segment: segment, offset: offset),
      description: "\(records), segment \(segment), offset \(offset): not readable")
  }
}

extension NamespaceChange {
  /// The change with the end that an action gives it in which it was folded with later ones.
  fileprivate func ending(as action: PhysicalAction) -> NamespaceChange {
    guard let target = action.target else { return self }
    return switch self {
    case .create(let new, .some): .create(new, at: target)
    case .link(let inode, _): .link(inode, at: target)
    case .rename(let inode, let source, _, _): .rename(inode, from: source, to: target, replacing: action.replaced)
    case .create, .remove, .exchange: self
    }
  }

  fileprivate var participle: String {
    switch self {
    case .create: "created"
    case .link: "linked"
    case .remove: "removed"
    case .rename: "renamed"
    case .exchange: "exchanged"
    }
  }
}
