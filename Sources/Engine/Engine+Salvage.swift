import FilesystemModel
import JournalFormat
import StorageInterface
import WriteAheadLog

/// Making a journal that has lost records one that has none, for `RecoveryMode.skipCorrupt`.
///
/// All that counts and is still needed is copied behind the damage, as copying forward does (PROTOCOL.md R21); a checkpoint
/// makes it count, in one step; then the old segments are retired, and those with damage set aside. Cut short before the
/// checkpoint is durable it is done again with the same outcome, and afterwards only the retiring is left.
struct JournalRepair {
  private let scan: JournalScan
  private let journal: Journal
  private let salvage: Salvage
  private var copiedNames: Set<LSN> = []
  /// Inodes with contents of which copies are made, directories for their times.
  private var touched: Set<InodeNumber> = []

  /// Repairs the journal, which can be scanned as any other afterwards.
  ///
  /// - Returns: what is lost.
  static func run(
    _ scan: JournalScan, _ settings: JournalConfiguration, _ storage: any JournalStorage, _ runner: any JobRunner,
    _ clock: any Clock
  ) throws(JournalError) -> [RecoveryLoss] {
    let prefix = EngineState.temporaryNamePrefix(journalUUID: scan.journalUUID)
    let salvage = try Salvage(scan, rules: settings.rules, temporaryNamePrefix: prefix)
    let journal = try Journal(starting: scan, storage: storage, configuration: settings, runner: runner, clock: clock)
    defer { journal.close() }
    var repair = JournalRepair(scan: scan, journal: journal, salvage: salvage)
    try repair.run()
    return salvage.losses
  }

  private init(scan: JournalScan, journal: Journal, salvage: Salvage) {
    self.scan = scan
    self.journal = journal
    self.salvage = salvage
  }

  private mutating func run() throws(JournalError) {
    let lowWater = journal.lastLSN.next
    try scan.replay { logged throws(JournalError) in
      copy(logged)
      journal.pump()
    }
    for adoption in salvage.adoptions {
      touched.formUnion(adoption.change.parents)
      _ = journal.append(.copy(of: adoption.lsn, .namespace(adoption.change, time: adoption.time, request: 0)))
    }
    // Until all of it is written back, the next mount must know that, too.
    if !salvage.losses.isEmpty || salvage.recovery.isDoubtful { _ = journal.append(.outcome(.ofRepair)) }
    copyPlans()
    appendCompletions()
    // As before any checkpoint. One whose change is not as it was is dropped by the recovery.
    for (_, letter) in salvage.recovery.deadLetters.sorted(by: { $0.value.last < $1.value.last }) {
      _ = journal.append(.deadLetter(letter))
    }
    do throws(Errno) {
      try journal.commit()
      _ = journal.appendCheckpoint(
        lowWater: lowWater, nextInode: salvage.recovery.lastNumber.next,
        table: salvage.recovery.bindings.values.sorted { $0.inode < $1.inode })
      try journal.commit()
      try journal.retireSegments(below: lowWater)
    } catch {
      throw .storage(error, doing: "repairing the journal")
    }
  }

  private mutating func copy(_ logged: LoggedRecord) {
    let (lsn, record) = logged.original
    switch record {
    case .namespace(let change, let time, let request):
      guard copiedNames.insert(lsn).inserted else { return }
      if let counted = salvage.changes[lsn] {
        touched.formUnion(counted.parents)
        _ = journal.append(.copy(of: lsn, .namespace(counted, time: time, request: request)))
      } else if salvage.recovery.fate(of: lsn) == .completed {
        // What is left of it are the times of its directories.
        for parent in change.parents {
          let times = ContentChange(inode: parent, attributes: AttributeChange(modified: time, changed: time))
          copy(times, lsn, .content(times, bytes: [], time: time, request: request))
        }
      }
    case .content(let change, _, _, _): copy(change, lsn, record)
    case .binding, .intent, .outcome, .checkpointBegin, .checkpointTable, .checkpointEnd, .copy, .deadLetter, .deadLetterRetry,
      .discard:
      break
    }
  }

  private mutating func copy(_ change: ContentChange, _ lsn: LSN, _ record: Record) {
    guard salvage.isNeeded(change, lsn) else { return }
    touched.insert(change.inode)
    _ = journal.append(.copy(of: lsn, record))
  }

  private func copyPlans() {
    for (lsn, plan) in salvage.recovery.openPlans.sorted(by: { $0.key < $1.key }) {
      _ = journal.append(.copy(of: lsn, .intent(plan.actions)))
      let ended = plan.actions.indices.filter { !plan.remaining.contains($0) }
      if !ended.isEmpty { _ = journal.append(.outcome(PlanOutcome(plan: lsn, completedActions: ended))) }
    }
  }

  /// What of the copied records is completed all the same: stages of exchanges, and contents up to a record.
  private func appendCompletions() {
    let entriesMax = 1000
    let stages = salvage.changes.keys.sorted().flatMap { [Stage($0, stage: 1), Stage($0, stage: 2)] }
      .filter(salvage.recovery.completed.contains)
    let contents = touched.sorted()
      .map { ContentsCompletion(inode: $0, through: salvage.recovery.contentsDone($0)) }.filter { $0.through > .zero }
    for start in stride(from: 0, to: max(stages.count, contents.count), by: entriesMax) {
      _ = journal.append(
        .outcome(
          PlanOutcome(
            plan: .zero, completes: Array(stages.dropFirst(start).prefix(entriesMax)),
            contents: Array(contents.dropFirst(start).prefix(entriesMax)))))
    }
  }
}

extension PlanOutcome {
  /// The outcome of nothing: says that records before it are lost.
  static let ofRepair = PlanOutcome(plan: .zero)
}

extension JournalStorage {
  func damagedSegments() throws(JournalError) -> [UInt64] {
    do throws(Errno) {
      return try shelved(.damaged).map(\.number)
    } catch {
      throw .storage(error, doing: "listing damaged segments")
    }
  }
}
