import FilesystemModel
import Testing

@testable import Flushing

@Suite struct PendingGraphTests {
  var graph = PendingGraph(rules: ProtocolRules(), temporaryName: { EntryName(unchecked: Array(".e\($0.rawValue)".utf8)) })

  static func born(_ number: UInt64, _ kind: FileKind = .regular) -> NewInode {
    let now = Timestamp(seconds: 1)
    let attributes = Attributes(
      kind: kind, permissions: 0o644, owner: 0, group: 0, accessed: now, modified: now, changed: now)
    return NewInode(number: InodeNumber(number), attributes: attributes)
  }

  @discardableResult
  private mutating func create(
    _ lsn: UInt64, _ number: UInt64, _ parent: InodeNumber, _ name: EntryName, _ kind: FileKind = .regular
  )
    -> AddResult
  {
    graph.add(.create(Self.born(number, kind), at: Location(parent, name)), lsn: LSN(lsn), facts: ChangeFacts(fileKind: kind))
  }

  @discardableResult
  private mutating func rename(
    _ lsn: UInt64, _ number: UInt64, _ from: EntryName, _ to: EntryName, over replaced: UInt64? = nil, losesLastName: Bool = true
  ) -> AddResult {
    graph.add(
      .rename(
        InodeNumber(number), from: Location(.root, from), to: Location(.root, to), replacing: replaced.map { InodeNumber($0) }),
      lsn: LSN(lsn),
      facts: ChangeFacts(
        fileKind: .regular, otherKind: replaced == nil ? nil : .regular, losesLastName: replaced != nil && losesLastName))
  }

  @Test mutating func tenThousandCreationsInANewDirectoryHaveOneEdgeEach() {
    create(1, 10, .root, "d", .directory)
    for index in UInt64(0)..<10_000 {
      create(index + 2, index + 11, InodeNumber(10), EntryName(unchecked: Array("f\(index)".utf8)))
    }
    #expect(graph.ready == [Stage(LSN(1))])
    #expect(graph.allItems.dropFirst().allSatisfy { $0.dependencies == [Stage(LSN(1))] })
    graph.markPlanned([Stage(LSN(1))])
    #expect(graph.ready.isEmpty)
    graph.complete([Stage(LSN(1))])
    #expect(graph.ready.count == 10_000)
    #expect(graph.oldestLSN == LSN(2))
    graph.complete(graph.ready)
    #expect(graph.isEmpty && graph.oldestLSN == nil)
  }

  @Test mutating func cancelledCreationsLeaveNothingBehind() {
    create(1, 9, .root, "pinned")
    for index in UInt64(0)..<1_000 {
      create(2 * index + 2, index + 10, .root, "t")
      let facts = ChangeFacts(fileKind: .regular, losesLastName: true, discardedThrough: LSN(2 * index + 2))
      let result = graph.add(
        .remove(InodeNumber(index + 10), from: Location(.root, "t")), lsn: LSN(2 * index + 3), facts: facts)
      #expect(result.completed == [Stage(LSN(2 * index + 2)), Stage(LSN(2 * index + 3))])
      #expect(result.contents == [ContentsCompletion(inode: InodeNumber(index + 10), through: LSN(2 * index + 2))])
    }
    #expect(graph.count == 1 && graph.oldestLSN == LSN(1) && graph.keysByName.count == 1)
  }

  @Test mutating func replacingAFileAgainAndAgainDoesNotGrow() throws {
    for round in UInt64(0)..<100 {
      let inode = round + 10
      create(3 * round + 1, inode, .root, "t")
      rename(3 * round + 2, inode, "t", "a", over: round == 0 ? 2 : inode - 1)
    }
    try GraphInvariants.check(graph)
    let items = graph.allItems
    #expect(items.count == 2)
    #expect(items.last?.replaced == InodeNumber(2) && items.last?.inode == InodeNumber(109))
    #expect(items.flatMap(\.completes).count == 200)
  }

  @Test mutating func thereAndBackIsNothing() {
    for round in UInt64(0)..<50 {
      #expect(rename(2 * round + 1, 2, "a", "b") == AddResult())
      #expect(rename(2 * round + 2, 2, "b", "a").completed == [Stage(LSN(2 * round + 1)), Stage(LSN(2 * round + 2))])
    }
    #expect(graph.isEmpty)
  }

  @Test mutating func plannedItemsAreNotFoldedInto() {
    create(1, 10, .root, "t")
    graph.markPlanned([Stage(LSN(1))])
    rename(2, 10, "t", "c")
    #expect(graph.count == 2 && graph[Stage(LSN(2))]?.dependencies == [Stage(LSN(1))])
    graph.unplan([Stage(LSN(1))])
    rename(3, 10, "c", "e")
    #expect(graph.allItems.map(\.kind) == [.create, .rename], "only the second rename is folded")
  }

  @Test mutating func fileWithoutANameIsCreatedAtItsFirstLink() {
    #expect(graph.add(.create(Self.born(10), at: nil), lsn: LSN(1), facts: ChangeFacts(fileKind: .regular)).isEmpty)
    #expect(graph.isEmpty)
    _ = graph.add(
      .link(InodeNumber(10), at: Location(.root, "c")), lsn: LSN(3),
      facts: ChangeFacts(fileKind: .regular, unnamedCreation: LSN(1)))
    let item = graph.creation(of: InodeNumber(10))
    #expect(item?.kind == .create && item?.completes == [Stage(LSN(1)), Stage(LSN(3))] && graph.oldestLSN == LSN(1))
  }

  @Test mutating func exchangeClaimsBothNamesUntilItsLastStage() {
    let a = Location(.root, "a")
    let b = Location(.root, "b")
    _ = graph.add(
      .exchange(InodeNumber(2), at: a, with: InodeNumber(3), otherAt: b), lsn: LSN(1), facts: ChangeFacts(fileKind: .regular))
    #expect(graph.allItems.map(\.key) == [Stage(LSN(1), stage: 1), Stage(LSN(1), stage: 2), Stage(LSN(1))])
    for item in graph.allItems {
      #expect(graph.ready == [item.key] && graph.isNameClaimed(a) && graph.isNameClaimed(b))
      graph.complete([item.key])
    }
    #expect(!graph.isNameClaimed(a) && graph.isEmpty)
  }

  @Test mutating func exchangeAtRecoveryEntersOnlyTheStagesThatAreLeft() {
    var facts = ChangeFacts(fileKind: .directory, otherKind: .regular)
    facts.stagesDone = 2
    _ = graph.add(
      .exchange(InodeNumber(2), at: Location(.root, "a"), with: InodeNumber(3), otherAt: Location(.root, "b")), lsn: LSN(7),
      facts: facts)
    #expect(graph.allItems.map(\.key) == [Stage(LSN(7))])
    #expect(graph[Stage(LSN(7))]?.source == Location(.root, ".e7"))
    #expect(graph[Stage(LSN(7))]?.movesDirectory == true)
  }

  @Test mutating func reenteredItemComesBeforeNewerOnesThatTouchTheSame() throws {
    rename(5, 2, "c", "e")
    create(6, 10, .root, "x")
    graph.reenter(
      PhysicalAction(
        kind: .rename, inode: InodeNumber(2), fileKind: .regular, source: Location(.root, "a"), target: Location(.root, "c"),
        completes: [Stage(LSN(3))]), nowMilliseconds: 0)
    #expect(graph.ready == [Stage(LSN(3)), Stage(LSN(6))])
    #expect(graph[Stage(LSN(5))]?.dependencies == [Stage(LSN(3))])
    try GraphInvariants.check(graph)
  }
}

@Suite struct SortedKeysTests {
  @Test func behavesAsASortedSet() {
    var random = SeededRandom(seed: 7)
    var keys = SortedKeys<Int>()
    var model: Set<Int> = []
    for _ in 0..<2_000 {
      let key = Int.random(in: 0..<60, using: &random)
      switch Int.random(in: 0..<5, using: &random) {
      case 0, 1:
        keys.insert(key)
        model.insert(key)
      case 2:
        keys.remove(key)
        model.remove(key)
      case 3:
        let group = (0..<5).map { _ in Int.random(in: 0..<60, using: &random) }
        keys.insert(contentsOf: group)
        model.formUnion(group)
      default:
        let group = (0..<5).map { _ in Int.random(in: 0..<60, using: &random) }
        keys.remove(contentsOf: group)
        model.subtract(group)
      }
      #expect(Array(keys.keys) == model.sorted() && keys.count == model.count && keys.contains(key) == model.contains(key))
    }
  }
}

@Suite struct RetryPolicyTests {
  @Test func delaysGrowToTheirLimitWithJitterInTheUpperHalf() {
    let policy = RetryPolicy(firstMilliseconds: 100, mostMilliseconds: 1_000)
    var random = SeededRandom(seed: 3)
    for (failures, bound) in [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1_000), (1_000_000, 1_000)] {
      let delays = (0..<200).map { _ in policy.delayMilliseconds(failures: failures, using: &random) }
      #expect(delays.allSatisfy { (bound / 2...bound).contains($0) })
      #expect(Set(delays).count > 20)
    }
  }
}
