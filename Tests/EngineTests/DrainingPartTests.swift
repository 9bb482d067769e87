import Engine
import FilesystemModel
import Flushing
import StorageInterface
import Support
import Testing
import Threading

/// `ebbfs flush` of paths: what is asked for is written back at once, and nothing else.
@Suite struct DrainingPartTests {
  private func mount() throws -> EngineOnDisks {
    try EngineOnDisks {
      $0.writebackDelayMilliseconds = 60_000
      $0.writebackDeadlineMilliseconds = 120_000
      $0.retry = RetryPolicy(firstMilliseconds: 50, mostMilliseconds: 200, retriesMax: 3)
    }
  }

  private func make(
    _ mount: EngineOnDisks, _ name: EntryName, in parent: InodeNumber = .root, _ kind: FileKind = .regular
  ) throws -> InodeNumber {
    let reply = try mount.ask(.make(parent: parent, name: name, MakeRequest(kind: kind, permissions: 0o755)))
    guard case .entry(let entry) = reply else { throw EngineOnDisks.NoAnswer(operation: "make") }
    if kind == .regular { _ = try mount.ask(.write(entry.inode, offset: 0, bytes: [1, 2, 3])) }
    return entry.inode
  }

  private func names(_ mount: EngineOnDisks, _ path: EntryName...) throws -> Set<EntryName> {
    Set(try mount.backing.list(BackingPath(path)).map(\.name))
  }

  @Test func aSubtreeIsWrittenBackWithTheDirectoriesAboveIt() throws {
    let mount = try mount()
    let top = try make(mount, "top", .directory)
    let inner = try make(mount, "inner", in: top, .directory)
    _ = try make(mount, "file", in: inner)
    _ = try make(mount, "sibling", in: top)
    _ = try make(mount, "other")
    let isOver = Lock(false)
    let drain = mount.engine.drain([inner]) { _ in isOver.withLock { $0 = true } }
    #expect(mount.engine.left(ofDrain: drain).bytes == 3)
    for _ in 0..<20 where !isOver.withLock({ $0 }) {
      mount.runner.runAll()
      mount.pass(milliseconds: 50)
    }
    #expect(isOver.withLock { $0 })
    #expect(mount.engine.left(ofDrain: drain).bytes == 0 && mount.engine.left(ofDrain: drain).operations == 0)
    #expect(try names(mount) == ["top"])
    #expect(try names(mount, "top") == ["inner"])
    #expect(try names(mount, "top", "inner") == ["file"])
    #expect(try mount.backing.status(BackingPath(["top", "inner", "file"])).attributes.size == 3)
    mount.backing.crash(.powerCut(keep: .nothing))
    #expect(try names(mount, "top", "inner") == ["file"], "it was synced")
  }

  @Test func nothingPendingIsOverAtOnce() throws {
    let mount = try mount()
    let isOver = Lock(false)
    _ = mount.engine.drain([InodeNumber(4711), .root]) { _ in isOver.withLock { $0 = true } }
    #expect(isOver.withLock { $0 })
  }

  @Test func entriesOfAGrowingDirectoryDoNotHoldItUp() throws {
    let mount = try mount()
    let top = try make(mount, "top", .directory)
    let isOver = Lock(false)
    _ = mount.engine.drain([top]) { _ in isOver.withLock { $0 = true } }
    var round = 0
    while !isOver.withLock({ $0 }), round < 40 {
      _ = try make(mount, EntryName(unchecked: Array("f\(round)".utf8)), in: top)
      mount.runner.runAll()
      mount.pass(milliseconds: 50)
      round += 1
    }
    #expect(isOver.withLock { $0 }, "new entries held the directory's attributes up")
  }

  @Test func aDeadLetterHoldsNobodyUp() throws {
    let mount = try mount()
    let top = try make(mount, "top", .directory)
    _ = try make(mount, "file", in: top)
    mount.backing.order(BackingFault(.accessDenied) { $0.name == .make })
    let isOver = Lock(false)
    _ = mount.engine.drain([top]) { _ in isOver.withLock { $0 = true } }
    for _ in 0..<200 where !isOver.withLock({ $0 }) {
      mount.runner.runAll()
      mount.pass(milliseconds: 50)
    }
    #expect(isOver.withLock { $0 })
    #expect(mount.engine.status().deadLetters == 1)
    #expect(try names(mount) == [])
  }

  /// Who waits is told of the dead letters that hold up what was asked for, and of no others.
  @Test func onlyDeadLettersThatHoldThePathUpAreTold() throws {
    let mount = try mount()
    let top = try make(mount, "top", .directory)
    let held = try make(mount, "held", in: top)
    let other = try make(mount, "other", .directory)
    let free = try make(mount, "free", in: other)
    let refused = try make(mount, "refused", in: other)
    mount.backing.order(
      BackingFault(.accessDenied) { ["top", "other/refused"].contains($0.path.text) && $0.name != .status })
    func letters(_ inodes: InodeNumber...) -> Int? {
      let told = Lock<Int?>(nil)
      _ = mount.engine.drain(Set(inodes)) { count in told.withLock { $0 = count } }
      for _ in 0..<200 where told.withLock({ $0 }) == nil {
        mount.runner.runAll()
        mount.pass(milliseconds: 50)
      }
      return told.withLock { $0 }
    }
    for _ in 0..<2 {
      #expect(letters(free) == 0, "beside a dead letter")
      #expect(letters(held) == 1, "inside of one")
      #expect(letters(refused) == 1 && letters(top) == 1 && letters(other) == 1)
      #expect(letters(top, other) == 2 && letters(.root) == 2)
    }
    #expect(mount.engine.status().deadLetters == 2)
  }
}
