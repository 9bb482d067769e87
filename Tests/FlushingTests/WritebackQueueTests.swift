import FilesystemModel
import Testing

@testable import Flushing

/// A world that a test writes down.
private struct FixedWorld: PlanningWorld {
  var locations: [InodeNumber: Location] = [
    InodeNumber(2): Location(.root, "a"), InodeNumber(3): Location(.root, "b"), InodeNumber(4): Location(.root, "d"),
    InodeNumber(5): Location(InodeNumber(4), "x"), InodeNumber(6): Location(.root, "c"),
  ]
  var dirty: [InodeNumber: PendingContents] = [:]
  var withUnknownNames: Set<InodeNumber> = []

  func backingLocation(of inode: InodeNumber) -> Location? { locations[inode] }
  func ancestors(of directory: InodeNumber) -> [InodeNumber]? {
    if directory == .root { return [] }
    return locations[directory].flatMap { location in ancestors(of: location.parent).map { [location.parent] + $0 } }
  }
  func contents(of inode: InodeNumber) -> PendingContents? { dirty[inode] }
  func hasUnknownNames(_ inode: InodeNumber) -> Bool { withUnknownNames.contains(inode) }
}

@Suite struct WritebackQueueTests {
  private var queue = WritebackQueue(temporaryName: { EntryName(unchecked: Array(".e\($0.rawValue)".utf8)) })
  private var world = FixedWorld()
  private let a = InodeNumber(2)
  private let b = InodeNumber(3)
  private let d = InodeNumber(4)
  private let x = InodeNumber(5)

  private mutating func add(
    _ lsn: UInt64, _ change: NamespaceChange, _ kind: FileKind = .regular, other: FileKind? = nil, losesLastName: Bool = false,
    at now: Int = 0
  ) {
    _ = queue.add(
      change, lsn: LSN(lsn), facts: ChangeFacts(fileKind: kind, otherKind: other, losesLastName: losesLastName),
      nowMilliseconds: now)
  }

  private mutating func write(_ inode: InodeNumber, _ lsn: UInt64, _ kind: FileKind = .regular, bytes: Int = 1, at now: Int = 0) {
    let first = world.dirty[inode]?.firstLSN ?? LSN(lsn)
    world.dirty[inode] = PendingContents(firstLSN: first, lastLSN: LSN(lsn), bytes: bytes)
    queue.contentsChanged(inode, fileKind: kind, lsn: LSN(lsn), nowMilliseconds: now)
  }

  /// Opens the next plan of all that waits, whatever its age.
  private mutating func open(_ lsn: UInt64, at now: Int = 100_000) -> [PhysicalAction] {
    guard let proposal = queue.nextPlan(nowMilliseconds: now, world: world) else { return [] }
    for action in proposal.actions where action.contentsThrough != nil { world.dirty[action.inode] = nil }
    queue.opened(proposal, plan: LSN(lsn), world: world)
    return proposal.actions
  }

  private mutating func finish(_ plan: UInt64, at now: Int = 100_000) {
    queue.finished(
      plan: LSN(plan), completed: Array(queue.actions(of: LSN(plan)).indices), aborted: [], nowMilliseconds: now)
  }

  private func text(_ actions: [PhysicalAction]) -> [String] { actions.map { "\($0.kind) \($0.inode.rawValue)" } }

  // MARK: Time

  @Test mutating func changeWaitsForTheDelayAfterItsLastWriteAndForTheDeadlineAtMost() {
    write(a, 1, at: 0)
    for second in 1...40 {
      let now = second * 1_000
      let plan = queue.nextPlan(nowMilliseconds: now, world: world)
      #expect((plan != nil) == (now >= 30_000), "at \(now)")
      if now < 30_000 { #expect(queue.nextDue(nowMilliseconds: now) == min(4_000, 30_000 - now)) }
      write(a, UInt64(second) + 1, at: now)
    }
  }

  @Test mutating func attributesOfABusyDirectoryHaveTheirTurnAtTheDeadline() {
    write(d, 1, .directory, at: 0)
    add(2, .remove(x, from: Location(d, "x")), losesLastName: true, at: 0)
    #expect(queue.overdueDirectories(nowMilliseconds: 29_999).isEmpty)
    #expect(queue.overdueDirectories(nowMilliseconds: 30_000) == [d])
    #expect(text(open(10, at: 30_000)) == ["writeContents 4"], "a later change of the entries waits")
    finish(10, at: 30_000)
    #expect(text(open(11, at: 30_000)) == ["removeFile 5"])
  }

  @Test mutating func slowChangesAreSpreadOverDirectories() {
    for (lsn, inode) in zip(UInt64(1)..., [10, 11, 12, 13].map(InodeNumber.init(_:))) {
      let parent = lsn < 4 ? InodeNumber.root : d
      add(lsn, .create(PendingGraphTests.born(inode.rawValue), at: Location(parent, EntryName(unchecked: Array("n\(lsn)".utf8)))))
    }
    queue.limitBatches(toBytes: .max, operations: 1)
    #expect(text(open(20, at: 10_000)) == ["create 10"])
    #expect(text(open(21, at: 10_000)) == ["create 11"], "one is synced while the other is made")
    #expect(text(open(22, at: 10_000)) == ["create 13"], "a third in the root would only wait there")
    #expect(text(open(23, at: 10_000)) == ["create 12"], "better than nothing")
    finish(20, at: 10_000)
    finish(21, at: 10_000)
    add(5, .create(PendingGraphTests.born(14), at: Location(.root, "late")))
    add(6, .create(PendingGraphTests.born(15), at: Location(d, "later")))
    #expect(text(open(24, at: 10_000)) == ["create 14"], "the oldest, as there is room again")
    #expect(text(open(25, at: 10_000)) == ["create 15"])
    finish(22, at: 10_000)
    add(7, .create(PendingGraphTests.born(16), at: Location(.root, "last")))
    add(8, .create(PendingGraphTests.born(17), at: Location(d, "elsewhere")))
    #expect(queue.nextPlan(nowMilliseconds: 10_000, world: world).map { text($0.actions) } == ["create 17"])
    #expect(text(open(26, at: 30_000)) == ["create 16"], "past the deadline the oldest comes, crowded or not")
  }

  @Test mutating func contentsThatFailHoldUpNoOtherNamesOfTheDirectory() {
    write(a, 1)
    add(2, .rename(a, from: Location(.root, "a"), to: Location(d, "x"), replacing: x), losesLastName: true)
    write(d, 3, .directory)
    add(4, .remove(b, from: Location(.root, "b")), losesLastName: true)
    add(5, .rename(InodeNumber(6), from: Location(.root, "c"), to: Location(d, "c"), replacing: nil))
    #expect(queue.overdueDirectories(nowMilliseconds: 100_000) == [d])
    queue.failures[.contents(a)] = .init(untilMilliseconds: .max)
    #expect(queue.overdueDirectories(nowMilliseconds: 100_000).isEmpty, "its times wait for the rename, that for contents")
    #expect(text(open(10)) == ["removeFile 3", "rename 6"])
  }

  @Test mutating func quietChangeIsDueAfterTheDelay() {
    add(1, .remove(a, from: Location(.root, "a")), losesLastName: true, at: 100)
    #expect(queue.nextDue(nowMilliseconds: 100) == 5_000)
    #expect(queue.nextPlan(nowMilliseconds: 5_099, world: world) == nil)
    #expect(queue.nextPlan(nowMilliseconds: 5_100, world: world) != nil)
    #expect(queue.nextDue(nowMilliseconds: 5_100) == 25_000, "only the deadline is ahead")
  }

  @Test mutating func newFileWaitsWhileItIsWrittenUnlessOthersWaitForIt() {
    add(1, .create(PendingGraphTests.born(10), at: Location(.root, "c")), at: 0)
    write(InodeNumber(10), 2, at: 4_000)
    #expect(queue.nextPlan(nowMilliseconds: 6_000, world: world) == nil)
    #expect(queue.nextDue(nowMilliseconds: 6_000) == 3_000)
    add(3, .link(InodeNumber(10), at: Location(.root, "e")), at: 4_000)
    #expect(queue.nextPlan(nowMilliseconds: 6_000, world: world)?.actions.map(\.contentsThrough) == [LSN(2)])
  }

  @Test mutating func pressureAndFlushMakeThingsDueAtOnce() {
    write(a, 1)
    write(b, 2)
    add(3, .remove(x, from: Location(d, "x")), losesLastName: true)
    queue.pressAll(through: LSN(1))
    #expect(queue.nextPlan(nowMilliseconds: 0, world: world).map { text($0.actions) } == ["writeContents 2"])
    queue.setPressure(true)
    #expect(
      queue.nextPlan(nowMilliseconds: 0, world: world).map { text($0.actions) }
        == ["writeContents 2", "writeContents 3", "removeFile 5"])
  }

  @Test mutating func oldRecordHiddenInAYoungItemMeetsTheDeadline() {
    for round in 0..<20 {
      let names: [EntryName] = ["a", "p", "q", "r"]
      let from = round == 0 ? names[0] : names[(round - 1) % 3 + 1]
      let change = NamespaceChange.rename(
        a, from: Location(.root, from), to: Location(.root, names[round % 3 + 1]), replacing: nil)
      add(UInt64(round) + 1, change, at: round * 2_000)
    }
    #expect(queue.graph.count == 1)
    #expect(queue.nextPlan(nowMilliseconds: 38_000, world: world) != nil)
  }

  // MARK: Batches

  @Test mutating func newTreeIsOneBatchParentFirstWithItsData() {
    add(1, .create(PendingGraphTests.born(10, .directory), at: Location(.root, "n")), .directory)
    add(2, .create(PendingGraphTests.born(11, .directory), at: Location(InodeNumber(10), "m")), .directory)
    add(3, .create(PendingGraphTests.born(12), at: Location(InodeNumber(11), "f")))
    write(InodeNumber(12), 4)
    add(5, .rename(a, from: Location(.root, "a"), to: Location(InodeNumber(10), "a"), replacing: nil))
    let proposal = queue.nextPlan(nowMilliseconds: 100_000, world: world)
    #expect(proposal.map { text($0.actions) } == ["create 10", "create 11", "create 12"], "existing files never move into it")
    #expect(proposal?.isInsideNewDirectory == [false, true, true])
    #expect(proposal?.actions.last?.contentsThrough == LSN(4))
  }

  @Test mutating func batchEndsAtItsLimits() {
    for index in UInt64(0)..<100 { add(index + 1, .create(PendingGraphTests.born(10 + index), at: Location(.root, name(index)))) }
    #expect(open(200).count == 64)
    #expect(open(201).count == 36)
    finish(200)
    finish(201)
    #expect(queue.isEmpty)
    write(a, 202, bytes: 20 << 20)
    write(b, 203, bytes: 20 << 20)
    #expect(text(open(204)) == ["writeContents 2"])
    #expect(text(open(205)) == ["writeContents 3"])
  }

  private func name(_ index: UInt64) -> EntryName { EntryName(unchecked: Array("f\(index)".utf8)) }

  @Test mutating func nothingPassesThroughADirectoryThatMoves() {
    add(1, .rename(d, from: Location(.root, "d"), to: Location(.root, "e"), replacing: nil), .directory)
    write(x, 2)
    add(3, .create(PendingGraphTests.born(10), at: Location(d, "n")))
    #expect(text(open(4)) == ["rename 4"])
    #expect(open(5).isEmpty)
    #expect(queue.isUnsettled(x, ancestors: [d, .root]) && !queue.isUnsettled(a, ancestors: [.root]))
    world.locations[d] = Location(.root, "e")
    finish(4)
    #expect(text(open(6)) == ["writeContents 5", "create 10"])
    #expect(!queue.isUnsettled(x, ancestors: [d, .root]), "writing and creating moves nothing")
  }

  @Test mutating func renameOverAFileWaitsForOlderContentsOfWhatTakesTheName() {
    write(a, 1)
    add(2, .rename(a, from: Location(.root, "a"), to: Location(.root, "b"), replacing: b), other: .regular, losesLastName: true)
    #expect(text(open(3)) == ["writeContents 2"])
    write(a, 4)
    #expect(open(5).isEmpty, "the inode is in an open plan")
    finish(3)
    #expect(text(open(6)) == ["rename 2"], "younger contents do not hold it up")
  }

  @Test(arguments: [true, false])
  mutating func r9ReplacedNameNeverShowsAFileWithoutItsData(_ isOn: Bool) {
    var rules = ProtocolRules()
    rules.replacingWaitsForData = isOn
    queue = WritebackQueue(rules: rules, temporaryName: { EntryName(unchecked: Array(".e\($0.rawValue)".utf8)) })
    write(a, 1)
    add(2, .rename(a, from: Location(.root, "a"), to: Location(.root, "b"), replacing: b), other: .regular, losesLastName: true)
    #expect(text(open(3)) == ["writeContents 2"])
    queue.finished(plan: LSN(3), completed: [], aborted: [0], nowMilliseconds: 100_000)
    world.dirty[a] = PendingContents(firstLSN: LSN(1), lastLSN: LSN(1), bytes: 1)
    #expect(text(open(4)) == (isOn ? [] : ["rename 2"]), "the contents wait after a failure")
  }

  @Test mutating func contentsAreWrittenBeforeTheLastKnownNameGoesWhenThereAreUnknownOnes() {
    world.withUnknownNames = [a]
    write(a, 1)
    add(2, .remove(a, from: Location(.root, "a")))
    #expect(text(open(3)) == ["writeContents 2"])
    finish(3)
    #expect(text(open(4)) == ["removeFile 2"])
  }

  @Test mutating func attributesOfADirectoryComeAfterEarlierEntriesAndNotBesideLaterOnes() {
    add(1, .create(PendingGraphTests.born(10), at: Location(d, "n")))
    write(d, 2, .directory)
    #expect(text(open(3)) == ["create 10"])
    #expect(open(4).isEmpty)
    finish(3)
    add(5, .create(PendingGraphTests.born(11), at: Location(d, "m")))
    #expect(text(open(6)) == ["writeContents 4"], "not together with a later entry")
    #expect(open(7).isEmpty)
    finish(6)
    #expect(text(open(8)) == ["create 11"])
  }

  @Test mutating func rootDirectoryHasAttributesToo() {
    write(.root, 1, .directory)
    #expect(text(open(2)) == ["writeContents 1"])
  }

  // MARK: Plans

  @Test mutating func openPlanClaimsBothNamesOfARename() {
    add(1, .rename(a, from: Location(.root, "a"), to: Location(.root, "c"), replacing: nil))
    _ = open(2)
    #expect(queue.isClaimedByOpenPlan(Location(.root, "a")) && queue.isClaimedByOpenPlan(Location(.root, "c")))
    #expect(queue.isClaimedByOpenPlan(a) && queue.changesEntries(of: .root) && queue.oldestLSN == LSN(1))
    finish(2)
    #expect(!queue.isClaimedByOpenPlan(Location(.root, "a")) && !queue.isClaimedByOpenPlan(a) && queue.oldestLSN == nil)
  }

  @Test mutating func abortedActionsComeBackLaterAndLater() {
    write(a, 1)
    add(2, .remove(x, from: Location(d, "x")), losesLastName: true)
    var now = 100_000
    var waits: [Int] = []
    for plan in UInt64(0)..<6 {
      #expect(open(10 + plan, at: now).count == 2)
      queue.finished(plan: LSN(10 + plan), completed: [], aborted: [0, 1], nowMilliseconds: now)
      #expect(queue.nextPlan(nowMilliseconds: now, world: world) == nil && queue.oldestLSN == LSN(1))
      world.dirty[a] = PendingContents(firstLSN: LSN(1), lastLSN: LSN(1), bytes: 1)
      let first = queue.nextDue(nowMilliseconds: now)!
      waits.append(first)
      now += 2 * first
    }
    #expect(zip(waits, waits.dropFirst()).allSatisfy { $0 < $1 && $1 <= 4 * $0 }, "\(waits)")
  }

  @Test mutating func planIsFinishedInParts() {
    write(a, 1)
    write(b, 2)
    #expect(open(3).count == 2)
    queue.finished(plan: LSN(3), completed: [1], aborted: [], nowMilliseconds: 0)
    #expect(queue.isClaimedByOpenPlan(a) && !queue.isClaimedByOpenPlan(b) && queue.openPlanLSNs == [LSN(3)])
    queue.finished(plan: LSN(3), completed: [0], aborted: [], nowMilliseconds: 0)
    #expect(queue.isEmpty)
  }

  @Test mutating func outcomeNamesWhatWasWrittenAndWhatWasDiscarded() {
    write(a, 1)
    write(b, 2)
    world.dirty[b] = nil
    let facts = ChangeFacts(fileKind: .regular, losesLastName: true, discardedThrough: LSN(2))
    _ = queue.add(.remove(b, from: Location(.root, "b")), lsn: LSN(3), facts: facts, nowMilliseconds: 0)
    #expect(open(4).count == 2)
    let outcome = queue.outcome(of: LSN(4), completed: [0, 1], aborted: [])
    #expect(outcome.completes == [Stage(LSN(3))])
    #expect(
      outcome.contents == [ContentsCompletion(inode: a, through: LSN(1)), ContentsCompletion(inode: b, through: LSN(2))])
  }

  @Test mutating func contentsChangedDuringAPlanComeNext() {
    add(1, .create(PendingGraphTests.born(10), at: Location(.root, "c")))
    write(InodeNumber(10), 2)
    #expect(open(3).first?.contentsThrough == LSN(2))
    write(InodeNumber(10), 4)
    #expect(open(5).isEmpty && queue.oldestLSN == LSN(1))
    world.locations[InodeNumber(10)] = Location(.root, "c")
    finish(3)
    #expect(queue.oldestLSN == LSN(4))
    #expect(open(6).first?.contentsThrough == LSN(4))
  }

  @Test mutating func contentsWhoseLastNameGoesDuringAPlanDoNotComeBack() {
    write(a, 1)
    _ = open(2)
    add(3, .remove(a, from: Location(.root, "a")), losesLastName: true)
    queue.finished(plan: LSN(2), completed: [], aborted: [0], nowMilliseconds: 100_000)
    #expect(queue.oldestLSN == LSN(3))
    #expect(text(open(4)) == ["removeFile 2"])
  }

  @Test mutating func attributesThatAreFlushedMakeTheEntriesBeforeThemDue() {
    write(d, 1, .directory)
    add(2, .create(PendingGraphTests.born(10), at: Location(d, "n")))
    write(d, 3, .directory)
    queue.pressAll(through: LSN(1))
    #expect(text(open(4, at: 0)) == ["create 10"])
    finish(4, at: 0)
    #expect(text(open(5, at: 0)) == ["writeContents 4"])
  }

  @Test mutating func forgottenDelaysLetEverythingBeTriedAtOnce() {
    write(a, 1)
    _ = open(2)
    queue.finished(plan: LSN(2), completed: [], aborted: [0], nowMilliseconds: 100_000)
    world.dirty[a] = PendingContents(firstLSN: LSN(1), lastLSN: LSN(1), bytes: 1)
    #expect(open(3).isEmpty)
    queue.forgetDelays()
    #expect(text(open(3)) == ["writeContents 2"])
  }

  @Test mutating func whatAnOpenPlanWritesIsNotYoungerForThat() {
    write(a, 1)
    let arrived = queue.oldestMilliseconds
    #expect(arrived != nil)
    _ = open(2)
    #expect(queue.oldestMilliseconds == arrived)
    queue.finished(plan: LSN(2), completed: [0], aborted: [], nowMilliseconds: 100_000)
    #expect(queue.oldestMilliseconds == nil)
    queue.restoreOpen(
      plan: LSN(3), actions: [PhysicalAction(kind: .writeContents, inode: a, fileKind: .regular, contentsThrough: LSN(1))],
      world: world, nowMilliseconds: 77)
    #expect(queue.oldestMilliseconds == 77)
  }

  // MARK: Recovery

  @Test mutating func everythingThatTouchesARestoredPlanWaitsForIt() {
    let actions = [
      PhysicalAction(
        kind: .rename, inode: d, fileKind: .directory, source: Location(.root, "d"), target: Location(.root, "e"),
        completes: [Stage(LSN(1))]),
      PhysicalAction(
        kind: .create, inode: InodeNumber(10), fileKind: .directory, target: Location(.root, "n"), completes: [Stage(LSN(2))]),
    ]
    queue.restoreOpen(plan: LSN(3), actions: actions, world: world, nowMilliseconds: 0)
    add(4, .remove(x, from: Location(d, "x")), losesLastName: true)
    add(5, .create(PendingGraphTests.born(11), at: Location(InodeNumber(10), "f")))
    add(6, .create(PendingGraphTests.born(12), at: Location(.root, "d")))
    add(7, .remove(InodeNumber(10), from: Location(.root, "n")), .directory, losesLastName: true)
    add(8, .remove(b, from: Location(.root, "b")), losesLastName: true)
    #expect(text(open(9)) == ["removeFile 3"])
    queue.finished(plan: LSN(3), completed: [1], aborted: [0], nowMilliseconds: 0)
    world.locations[InodeNumber(10)] = Location(.root, "n")
    #expect(text(open(10)) == ["rename 4", "create 11"], "what was given back comes before what is newer")
  }
}
