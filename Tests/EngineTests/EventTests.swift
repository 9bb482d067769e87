import Engine
import FilesystemModel
import StorageInterface
import Support
import Testing
import Threading

/// What operators are told of while it happens.
@Suite struct EventTests {
  private let told = Lock<[String]>([])

  private func mount() throws -> EngineOnDisks {
    let settings: (inout EngineConfiguration) -> Void = {
      $0.retry.firstMilliseconds = 50
      $0.retry.mostMilliseconds = 100
      $0.retry.retriesMax = 2
    }
    return try EngineOnDisks(settings, observe: { [told] event in told.withLock { $0.append(Self.text(event)) } })
  }

  private static func text(_ event: EngineEvent) -> String {
    switch event {
    case .writeBackFailed(let change, let errno, let attempt): "failed \(path(change.path)) \(errno.rawValue) \(attempt)"
    case .deadLetter(let change, let errno, let attempts): "dead \(path(change.path)) \(errno.rawValue) \(attempts)"
    case .conflict(let conflict): "conflict \(conflict.kind.name) \(path(conflict.path))"
    case .backingIsAway(let errno): "away \(errno.rawValue)"
    case .backingIsBack: "back"
    case .opened(let pending, _, _, _): "opened \(pending)"
    case .journalFailed(let errno): "journal \(errno.rawValue)"
    case .wroteBack(let operations, _): "wrote \(operations)"
    case .conflictRemains, .lost: "\(event)"
    }
  }

  private static func path(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  private func make(_ name: EntryName, _ mount: EngineOnDisks) {
    _ = mount.submit(.make(parent: .root, name: name, MakeRequest(kind: .fifo, permissions: 0o644)))
  }

  private func take() -> [String] {
    told.withLock { told in
      defer { told = [] }
      return told
    }
  }

  @Test func everyAttemptIsToldWithPathAndErrorAndTheLastAsADeadLetter() throws {
    let mount = try mount()
    mount.backing.order(BackingFault(.inputOutput) { $0.name == .createFile && $0.path == "d/bad" })
    let directory = try mount.create("d", .directory)
    _ = try mount.create("bad", in: directory)
    mount.settle(milliseconds: 3000)
    let all = take()
    #expect(all.filter { !$0.hasPrefix("wrote") } == ["opened 0", "failed d/bad 5 1", "failed d/bad 5 2", "dead d/bad 5 3"])
    #expect(all.contains("wrote 1"))
    try mount.restart()
    #expect(take().first != "opened 0", "there is something left")
  }

  @Test func aBackingDirectoryThatIsAwayIsToldOnceAndNotForEachChange() throws {
    let mount = try mount()
    _ = take()
    mount.backing.goAway()
    for name: EntryName in ["a", "b", "c"] { make(name, mount) }
    mount.settle(milliseconds: 3000)
    let away = take()
    #expect(away.count == 1 && away[0].hasPrefix("away "), "\(away)")
    mount.backing.comeBack()
    mount.settle(milliseconds: 3000)
    let back = take()
    #expect(back.first == "back" && !back.contains { $0.hasPrefix("failed") }, "\(back)")
  }

  @Test func conflictsAndTheEndOfTheJournalAreTold() throws {
    let mount = try mount()
    _ = try mount.create("f")
    _ = try mount.backing.createFile("f", permissions: 0o600)
    mount.settle()
    #expect(take().contains("conflict new-name f"))
    mount.journalDisk.fail(operation: mount.journalDisk.operations.count, with: .noSpace)
    make("g", mount)
    mount.settle()
    #expect(take() == ["journal 28"], "once")
  }
}
