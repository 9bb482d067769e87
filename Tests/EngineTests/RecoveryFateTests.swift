import FilesystemModel
import JournalFormat
import Testing

@testable import Engine
@testable import WriteAheadLog

/// The decision table of Recovery.md: whatever the journal holds, each record has the fate of exactly one row.
@Suite struct RecoveryFateTests {
  /// What may follow a plan's INTENT in the journal, for its only action.
  private enum End {
    case missing
    case completed
    case aborted
  }

  fileprivate static let file = InodeNumber(5)
  fileprivate static let place = Location(.root, "f")

  fileprivate static func recovery(_ records: [Record]) -> Recovery {
    var recovery = Recovery(table: [], nextInode: .root, rules: ProtocolRules())
    for (index, record) in records.enumerated() {
      recovery.read(LoggedRecord(lsn: LSN(UInt64(index + 1)), epoch: 1, record: record, dataPosition: nil))
    }
    recovery.finishReading()
    recovery.rollForward(temporaryNamePrefix: Array(".ebbfs-".utf8))
    return recovery
  }

  fileprivate static func creation() -> Record {
    let now = Timestamp(seconds: 1)
    let attributes = Attributes(
      kind: .regular, permissions: 0o644, owner: 0, group: 0, accessed: now, modified: now, changed: now)
    let new = NewInode(number: file, attributes: attributes, target: [], extendedAttributes: [])
    return .namespace(.create(new, at: place), time: now, request: 0)
  }

  private static func resize(_ size: Int) -> Record {
    .content(ContentChange(inode: file, data: .resize(size), sizeAfter: size), bytes: [], time: Timestamp(seconds: 1), request: 0)
  }

  /// LSN 1 creates, 2 and 3 change contents; a plan (LSN 4) with the creation and the contents through 2 may follow, and its end.
  private static func history(_ end: End?) -> [Record] {
    var records = [creation(), resize(1), resize(2)]
    guard let end else { return records }
    let action = PhysicalAction(
      kind: .create, inode: file, fileKind: .regular, target: place, completes: [Stage(LSN(1))], contentsThrough: LSN(2))
    records.append(.intent([action]))
    switch end {
    case .missing: break
    case .completed:
      records.append(
        .outcome(
          PlanOutcome(
            plan: LSN(4), completedActions: [0], completes: [Stage(LSN(1))],
            contents: [ContentsCompletion(inode: file, through: LSN(2))],
            bindings: [Binding(inode: file, kind: .regular, locations: [place])])))
    case .aborted: records.append(.outcome(PlanOutcome(plan: LSN(4), abortedActions: [0])))
    }
    return records
  }

  private func fates(_ recovery: Recovery) -> [Recovery.Fate] {
    [recovery.fate(of: LSN(1))] + [2, 3].map { recovery.fate(ofContentsOf: Self.file, LSN($0)) }
  }

  @Test func eachRecordHasTheFateOfItsPlan() {
    #expect(fates(Self.recovery(Self.history(nil))) == [.pending, .pending, .pending])
    #expect(fates(Self.recovery(Self.history(.missing))) == [.inDoubt, .inDoubt, .pending])
    #expect(fates(Self.recovery(Self.history(.completed))) == [.completed, .completed, .pending])
    #expect(fates(Self.recovery(Self.history(.aborted))) == [.pending, .pending, .pending])
  }

  @Test func anOpenPlanCountsAsCarriedOut() {
    let inDoubt = Self.recovery(Self.history(.missing))
    #expect(inDoubt.bindings[Self.file]?.locations == [Self.place])
    #expect(inDoubt.isInDoubt(Self.file) && inDoubt.isBeingMade(Self.file))
    #expect(inDoubt.openPlans[LSN(4)]?.remaining == [0])
    let aborted = Self.recovery(Self.history(.aborted))
    #expect(aborted.bindings[Self.file] == nil && aborted.openPlans.isEmpty)
  }

  @Test func aPlanIsOpenUntilEachOfItsActionsHasEnded() {
    var records = Self.history(.missing)
    let other = PhysicalAction(
      kind: .removeFile, inode: InodeNumber(9), fileKind: .regular, source: Location(.root, "a"),
      completes: [Stage(LSN(7))])
    guard case .intent(let actions) = records[3] else { preconditionFailure("the history has its plan there") }
    records[3] = .intent(actions + [other])
    records.append(.outcome(PlanOutcome(plan: LSN(4), completedActions: [1], completes: [Stage(LSN(7))])))
    #expect(Self.recovery(records).openPlans[LSN(4)]?.remaining == [0])
    records.append(.outcome(PlanOutcome(plan: LSN(4), completedActions: [0], completes: [Stage(LSN(1))])))
    #expect(Self.recovery(records).openPlans.isEmpty)
  }

  @Test func anExchangeHasTheFateOfItsLastStage() {
    let exchange = Record.namespace(
      .exchange(Self.file, at: Self.place, with: InodeNumber(6), otherAt: Location(.root, "b")),
      time: Timestamp(seconds: 1), request: 0)
    var records = [exchange]
    for (stage, done) in [(UInt8(1), 1), (2, 2)] {
      records.append(.outcome(PlanOutcome(plan: .zero, completes: [Stage(LSN(1), stage: stage)])))
      let recovery = Self.recovery(records)
      #expect(recovery.fate(of: LSN(1)) == .pending && recovery.stagesDone(of: LSN(1)) == done)
    }
    records.append(.outcome(PlanOutcome(plan: .zero, completes: [Stage(LSN(1))])))
    #expect(Self.recovery(records).fate(of: LSN(1)) == .completed)
  }

  /// The renaming was completed together with the creation. It was never copied, and is in a retired segment.
  @Test func aCompletedCopyOfNamesIsNotReplayedWithoutWhatBecameOfThem() {
    let copied = [
      Record.outcome(PlanOutcome(plan: .zero, completes: [Stage(LSN(7))])), .copy(of: LSN(3), Self.creation()),
    ]
    #expect(Self.recovery(copied).namespaceSteps == [LSN(3)])
    let completed = copied + [.outcome(PlanOutcome(plan: .zero, completes: [Stage(LSN(3)), Stage(LSN(4))]))]
    let recovery = Self.recovery(completed)
    #expect(recovery.namespaceSteps == [] && recovery.steps.map(\.lsn) == [LSN(3)], "the times of the directory stay")
  }
}

extension RecoveryFateTests {
  /// Of two files that had one name after the other, the second one is in the backing directory already, as what the first did
  /// with the name was folded away; its record is gone. The replay of the other's does not take the name from it.
  @Test func aNameThatWasTakenInPassingIsTheOneOfItsBinding() {
    let (other, elsewhere, time) = (InodeNumber(6), Location(.root, "g"), Timestamp(seconds: 1))
    let recovery = Self.recovery([
      .outcome(PlanOutcome(plan: .zero, bindings: [Binding(inode: other, kind: .regular, locations: [Self.place])])),
      .copy(of: LSN(4), Self.creation()),
      .copy(
        of: LSN(5),
        .namespace(.rename(Self.file, from: Self.place, to: elsewhere, replacing: nil), time: time, request: 0)),
    ])
    #expect(recovery.lastingNames.map(\.0) == [Self.place] && recovery.lastingNames.map(\.1) == [other])
    #expect(recovery.isNamed(other) && recovery.isNamed(Self.file))
  }
}

extension Recovery {
  fileprivate var namespaceSteps: [LSN] { steps.compactMap { if case .namespace = $0.change { $0.lsn } else { nil } } }
}
