import FilesystemModel
import Testing

@testable import Flushing

/// What somebody waits for is written back first, with what it must wait for, and nothing else before its time.
@Suite struct UrgentPartTests {
  private struct World: PlanningWorld {
    var locations: [InodeNumber: Location] = [
      InodeNumber(2): Location(.root, "a"), InodeNumber(4): Location(.root, "d"), InodeNumber(5): Location(InodeNumber(4), "x"),
    ]
    var dirty: [InodeNumber: PendingContents] = [:]

    func backingLocation(of inode: InodeNumber) -> Location? { locations[inode] }
    func ancestors(of directory: InodeNumber) -> [InodeNumber]? {
      directory == .root ? [] : locations[directory].flatMap { ancestors(of: $0.parent).map { [.root] + $0 } }
    }
    func contents(of inode: InodeNumber) -> PendingContents? { dirty[inode] }
    func hasUnknownNames(_ inode: InodeNumber) -> Bool { false }
  }

  private var queue = WritebackQueue(temporaryName: { EntryName(unchecked: Array(".e\($0.rawValue)".utf8)) })
  private var world = World()
  private let d = InodeNumber(4)
  private let x = InodeNumber(5)
  private let new = InodeNumber(10)

  private mutating func add(_ lsn: UInt64, _ change: NamespaceChange, losesLastName: Bool = false) {
    _ = queue.add(
      change, lsn: LSN(lsn), facts: ChangeFacts(fileKind: .regular, losesLastName: losesLastName), nowMilliseconds: 0)
  }

  private mutating func write(_ inode: InodeNumber, _ lsn: UInt64) {
    let first = world.dirty[inode]?.firstLSN ?? LSN(lsn)
    world.dirty[inode] = PendingContents(firstLSN: first, lastLSN: LSN(lsn), bytes: 1)
    queue.contentsChanged(inode, fileKind: .regular, lsn: LSN(lsn), nowMilliseconds: 0)
  }

  private mutating func press(_ inodes: Set<InodeNumber>, contents: [InodeNumber: LSN] = [:]) -> Int {
    queue.followPart(contents: contents) { touched in touched.inodes.contains(where: inodes.contains) }
  }

  /// The next plan at time 0, at which nothing else is due, opened and written back.
  private mutating func writeBack(_ plan: UInt64, at now: Int = 0) -> [String] {
    guard let proposal = queue.nextPlan(nowMilliseconds: now, world: world) else { return [] }
    for action in proposal.actions where action.contentsThrough != nil { world.dirty[action.inode] = nil }
    queue.opened(proposal, plan: LSN(plan), world: world)
    queue.finished(plan: LSN(plan), completed: Array(proposal.actions.indices), aborted: [], nowMilliseconds: 0)
    return proposal.actions.map { "\($0.kind) \($0.inode.rawValue)" }
  }

  @Test mutating func onlyThePartAndWhatItWaitsForIsWrittenBack() {
    add(1, .remove(x, from: Location(d, "x")), losesLastName: true)
    add(2, .create(PendingGraphTests.born(new.rawValue), at: Location(d, "x")))
    add(3, .create(PendingGraphTests.born(11), at: Location(.root, "other")))
    write(InodeNumber(2), 4)
    let part = press([new])
    #expect(writeBack(20) == ["removeFile 5"], "the name must be free first")
    #expect(queue.left(ofUrgentPart: part)?.operations == 1)
    #expect(writeBack(21) == ["create 10"])
    #expect(queue.left(ofUrgentPart: part) == nil)
    #expect(writeBack(22) == [])
  }

  @Test mutating func whatSomebodyWaitsForTakesTurnsWithWhatIsPastTheDeadline() {
    queue.change(WritebackSettings(batchOperations: 1))
    for inode in 11...14 as ClosedRange<UInt64> {
      add(inode, .create(PendingGraphTests.born(inode), at: Location(.root, EntryName(unchecked: [UInt8(inode)]))))
    }
    _ = press([InodeNumber(13), InodeNumber(14)])
    let plans = (20...24).map { writeBack($0, at: 100_000) }
    #expect(plans == [["create 13"], ["create 11"], ["create 14"], ["create 12"], []])
  }

  @Test mutating func contentsCountAsWrittenThroughTheWantedRecordOnly() {
    write(x, 1)
    let proposal = queue.nextPlan(nowMilliseconds: 100_000, world: world)
    queue.opened(proposal ?? PlanProposal(), plan: LSN(20), world: world)
    world.dirty[x] = nil
    write(x, 2)
    let part = press([], contents: [x: LSN(2)])
    queue.finished(plan: LSN(20), completed: [0], aborted: [], nowMilliseconds: 0)
    #expect(queue.left(ofUrgentPart: part)?.inodes == [x], "an older version of the contents does not do")
    #expect(writeBack(21) == ["writeContents 5"])
    #expect(queue.left(ofUrgentPart: part) == nil)
  }

  @Test mutating func foldingKeepsThePartAndBringsWhatTheWholeWaitsFor() {
    add(1, .create(PendingGraphTests.born(new.rawValue), at: Location(d, "y")))
    let part = press([new])
    add(2, .remove(x, from: Location(d, "x")), losesLastName: true)
    add(3, .rename(new, from: Location(d, "y"), to: Location(d, "x"), replacing: nil))
    #expect(queue.graph.allItems.map(\.key) == [Stage(LSN(2)), Stage(LSN(3))], "creation and rename became one")
    #expect(writeBack(20) == ["removeFile 5"])
    #expect(writeBack(21) == ["create 10"])
    #expect(queue.left(ofUrgentPart: part) == nil)
  }

  @Test mutating func whatIsUndoneIsNotWaitedFor() {
    add(1, .create(PendingGraphTests.born(new.rawValue), at: Location(d, "y")))
    write(new, 2)
    let part = press([new], contents: [new: LSN(2)])
    add(3, .remove(new, from: Location(d, "y")), losesLastName: true)
    #expect(queue.left(ofUrgentPart: part) == nil)
  }

  @Test mutating func allStagesOfAnExchangeAreUrgent() {
    add(1, .exchange(InodeNumber(2), at: Location(.root, "a"), with: x, otherAt: Location(d, "x")))
    let part = press([x])
    #expect((20...22).map { writeBack($0) } == [["rename 2"], ["rename 5"], ["rename 2"]])
    #expect(queue.left(ofUrgentPart: part) == nil)
  }
}
