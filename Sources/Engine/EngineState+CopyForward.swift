import FilesystemModel
import Flushing
import Inodes
import JournalFormat
import WriteAheadLog
import WritebackCache

/// What is certain though no release has told the queue yet: outcomes that are in the journal before any copy.
struct AppendedOutcomes {
  /// Actions without an outcome, of each open plan.
  var open: [LSN: Set<Int>] = [:]
  var stages: Set<Stage> = []
  var contents: [InodeNumber: LSN] = [:]

  init(_ plans: [LSN: PlanRun]) {
    for (lsn, run) in plans {
      let completed = run.isOutcomeAppended ? run.completed : []
      open[lsn] = Set(run.open).subtracting(completed).subtracting(run.isOutcomeAppended ? run.aborted : [])
      for action in completed.map({ run.actions[$0].action }) {
        stages.formUnion(action.completes)
        if let through = action.contentsThrough { contents[action.inode] = max(contents[action.inode] ?? .zero, through) }
      }
    }
  }
}

/// Copying forward what is needed of old records, so that their segments can be retired (PROTOCOL.md R21). A copy counts as its
/// original: recovery sorts by the LSN of that.
extension EngineState {
  /// Appends copies of what is needed of the records. In one step: what completes later has its outcome behind the copies.
  mutating func copyForward(_ records: [LoggedRecord], _ outcomes: AppendedOutcomes) {
    let pending = queue.pendingStages.subtracting(outcomes.stages)
    for logged in records {
      let (lsn, record) = logged.original
      switch record {
      case .namespace(let change, let time, _): copy(change, time, lsn, record, pending, outcomes)
      case .content(let change, let bytes, _, _):
        copy(change, lsn, record, bytes: bytes, at: logged.dataPosition, outcomes)
      case .intent(let actions): copy(actions, lsn, record, outcomes)
      // Checkpoints tell of dead letters; what a discard says of names is where their inodes are.
      case .binding, .outcome, .checkpointBegin, .checkpointTable, .checkpointEnd, .copy, .deadLetter, .deadLetterRetry, .discard:
        break
      }
    }
  }

  private mutating func copy(
    _ change: NamespaceChange, _ time: Timestamp, _ lsn: LSN, _ record: Record, _ pending: Set<Stage>,
    _ outcomes: AppendedOutcomes
  ) {
    let stages = change.stages(lsn)
    guard stages.contains(where: pending.contains) || isUnnamedCreation(change) else {
      // What is left of it are the times of its directories.
      for parent in change.parents {
        let times = ContentChange(inode: parent, attributes: AttributeChange(modified: time, changed: time))
        copy(times, lsn, .content(times, bytes: [], time: time, request: 0), bytes: [], at: nil, outcomes)
      }
      return
    }
    refer(change.inodes, to: journal.append(.copy(of: lsn, record)).lsn)
    let done = PlanOutcome(
      plan: .zero, completes: stages.filter { !pending.contains($0) && !isUnnamedCreation(change) },
      contents: change.parents.filter { !isContentNeeded($0, lsn, outcomes) }.map {
        ContentsCompletion(inode: $0, through: lsn)
      })
    if !done.completes.isEmpty || !done.contents.isEmpty { _ = journal.append(.outcome(done)) }
  }

  private func isUnnamedCreation(_ change: NamespaceChange) -> Bool {
    if case .create(let new, at: nil) = change { unnamed.contains(new.number) } else { false }
  }

  private func isContentNeeded(_ inode: InodeNumber, _ lsn: LSN, _ outcomes: AppendedOutcomes) -> Bool {
    guard let first = cache.firstLSN(of: inode), lsn >= first else { return false }
    return lsn > outcomes.contents[inode] ?? .zero
  }

  private mutating func copy(
    _ change: ContentChange, _ lsn: LSN, _ record: Record, bytes: [UInt8], at position: JournalPosition?,
    _ outcomes: AppendedOutcomes
  ) {
    guard let inode = inodes[change.inode], isContentNeeded(inode.number, lsn, outcomes),
      case .content(_, _, let time, let request) = record
    else { return }
    // What lost its last name is gone after a crash; what never had one may still get it.
    let isGone = !inode.isKept && !unnamed.contains(inode.number)
    let isForReading = isGone && !queue.isClaimedByOpenPlan(inode.number)
    guard let needed = cache.needed(of: change, lsn: lsn, position: position, isForReading: isForReading) else { return }
    guard case .write(let offset, _)? = change.data, let position, !needed.pieces.isEmpty else {
      let copied = Record.content(needed.change, bytes: [], time: time, request: request)
      return refer([inode.number], to: journal.append(.copy(of: lsn, copied)).lsn)
    }
    var part = needed.change
    for piece in needed.pieces {
      part.data = .write(offset: piece.lowerBound, count: piece.count)
      let start = piece.lowerBound - offset
      let copied = Record.content(part, bytes: Array(bytes[start..<start + piece.count]), time: time, request: request)
      let appended = journal.append(.copy(of: lsn, copied))
      refer([inode.number], to: appended.lsn)
      if let target = appended.dataPosition {
        cache.move(piece, of: inode.number, from: position.advanced(by: start), to: target)
      }
      part = ContentChange(inode: inode.number, sizeAfter: change.sizeAfter)
    }
  }

  /// An open plan is redone verbatim: its intent is copied with what is known of its actions.
  private mutating func copy(_ actions: [PhysicalAction], _ lsn: LSN, _ record: Record, _ outcomes: AppendedOutcomes) {
    guard let open = outcomes.open[lsn], !open.isEmpty else { return }
    let copied = journal.append(.copy(of: lsn, record)).lsn
    refer(actions.flatMap { $0.inodes }, to: copied)
    let ended = actions.indices.filter { !open.contains($0) }
    if !ended.isEmpty { _ = journal.append(.outcome(PlanOutcome(plan: lsn, completedActions: ended))) }
  }

  /// The checkpoints' tables tell where these inodes are as long as the record is live.
  private func refer(_ numbers: [InodeNumber], to lsn: LSN) {
    for number in numbers { inodes[number]?.lastReference = lsn }
  }
}

extension NamespaceChange {
  /// The stages that the record is written back in: an exchange has three (R10).
  fileprivate func stages(_ lsn: LSN) -> [Stage] {
    if case .exchange = self { [Stage(lsn, stage: 1), Stage(lsn, stage: 2), Stage(lsn)] } else { [Stage(lsn)] }
  }
}

extension PhysicalAction {
  /// All inodes that it names, directories included.
  var inodes: [InodeNumber] { [inode, replaced, source?.parent, target?.parent].compactMap(\.self) }
}
