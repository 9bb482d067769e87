import Engine
import FilesystemModel
import StorageInterface
import Support
import Testing
import Threading

/// Times of directories whose changed entries have all cancelled each other (Decision 0005).
@Suite struct IdleTimesTests {
  /// A mount that has looked at the backing directory, with how many calls of that came before.
  private func mount(
    _ change: (inout EngineConfiguration) -> Void = { _ in }
  ) throws -> (mount: EngineOnDisks, callsBefore: Int) {
    let mount = try EngineOnDisks { configuration in
      configuration.writebackDelayMilliseconds = 1000
      configuration.writebackDeadlineMilliseconds = 2000
      change(&configuration)
    }
    mount.backing.keepLog()
    #expect(throws: Errno.noEntry) { try mount.lookup("none") }
    return (mount, mount.backing.log.count)
  }

  private func comeAndGo(_ mount: EngineOnDisks, _ count: Int, in directory: InodeNumber = .root) throws {
    for _ in 0..<count {
      mount.clock.advance(milliseconds: 1)
      let file = try mount.create("t", in: directory)
      try mount.write(file, "some text")
      _ = try mount.ask(.rename(from: Location(directory, "t"), to: Location(directory, "f"), .replace))
      _ = try mount.ask(.unlink(parent: directory, name: "f"))
      mount.engine.forget(file, count: 1)
    }
  }

  private func times(_ mount: EngineOnDisks, _ inode: InodeNumber = .root) throws -> Timestamp {
    guard case .attributes(_, let attributes) = try mount.ask(.getAttributes(inode)) else { throw Errno.inputOutput }
    return attributes.modified
  }

  private func changes(_ mount: EngineOnDisks, after count: Int) -> [String] {
    mount.backing.log.dropFirst(count).filter { !$0.name.isReading && !$0.isSynchronization && $0.name != .statistics }
      .map(\.description)
  }

  private func modified(_ mount: EngineOnDisks) throws -> Timestamp {
    try mount.backing.status(BackingPath([])).attributes.modified
  }

  private func unmount(_ mount: EngineOnDisks) {
    let isOver = Lock(false)
    mount.engine.drain(isLast: true) { isOver.withLock { $0 = true } }
    mount.settle()
    #expect(isOver.withLock { $0 })
  }

  @Test func aStormOfTemporaryFilesIsNoWork() throws {
    let (mount, before) = try mount()
    try comeAndGo(mount, 20)
    let status = mount.engine.status()
    #expect(status.pendingOperations == 0 && status.dirtyInodes == 0 && status.oldestAgeMilliseconds == 0)
    let isFlushed = Lock(false)
    mount.engine.drain { isFlushed.withLock { $0 = true } }
    #expect(isFlushed.withLock { $0 })
    mount.settle(milliseconds: 10_000)
    #expect(changes(mount, after: before) == [])
    #expect(try times(mount) > modified(mount), "the mount shows them")
    unmount(mount)
    #expect(changes(mount, after: before) == ["setAttributes ."])
    #expect(try times(mount) == modified(mount), "after an unmount the backing directory has them")
  }

  @Test func theySurviveAKill() throws {
    let (mount, _) = try mount()
    try comeAndGo(mount, 3)
    let shown = try times(mount)
    mount.settle(milliseconds: 5000)
    try mount.restart()
    #expect(try times(mount) == shown)
    mount.settle(milliseconds: 5000)
    #expect(try modified(mount) == shown)
  }

  @Test func theyAreWrittenAfterTheNextEntryThatChanges() throws {
    let (mount, before) = try mount()
    try comeAndGo(mount, 3)
    mount.settle(milliseconds: 10_000)
    _ = try mount.create("kept")
    try comeAndGo(mount, 3)
    mount.settle(milliseconds: 900)
    #expect(changes(mount, after: before) == [], "their age counts from the entry's change")
    mount.settle(milliseconds: 3000)
    #expect(changes(mount, after: before).last == "setAttributes .")
    #expect(try times(mount) == modified(mount))
    try comeAndGo(mount, 3)
    mount.settle(milliseconds: 5000)
    #expect(try times(mount) > modified(mount), "idle again")
  }

  @Test func theyAreWrittenWithAChangeOfTheDirectoryItself() throws {
    let (mount, before) = try mount()
    try comeAndGo(mount, 3)
    _ = try mount.ask(.setAttributes(.root, AttributeRequest(permissions: 0o700)))
    try comeAndGo(mount, 3)
    mount.settle(milliseconds: 5000)
    #expect(changes(mount, after: before) == ["setAttributes ."])
    #expect(try times(mount) == modified(mount))
  }

  /// A tree that is extracted and removed at once.
  @Test func aTreeThatComesAndGoesIsNoWork() throws {
    let (mount, before) = try mount()
    let top = try mount.create("top", .directory)
    let inner = try mount.create("inner", in: top, .directory)
    try mount.write(mount.create("file", in: inner), "text")
    _ = try mount.ask(.unlink(parent: inner, name: "file"))
    _ = try mount.ask(.removeDirectory(parent: top, name: "inner"))
    _ = try mount.ask(.removeDirectory(parent: .root, name: "top"))
    #expect(mount.engine.status().pendingOperations == 0)
    mount.settle(milliseconds: 10_000)
    #expect(changes(mount, after: before) == [])
  }

  /// The last name of a file goes in another directory than the one where its creation waited.
  @Test func allDirectoriesThatAFileWasInAreIdle() throws {
    let (mount, _) = try mount()
    let other = try mount.create("other", .directory)
    mount.settle(milliseconds: 5000)
    let before = mount.backing.log.count
    let file = try mount.create("a")
    _ = try mount.ask(.link(file, at: Location(other, "b")))
    _ = try mount.ask(.unlink(parent: .root, name: "a"))
    #expect(mount.engine.status().pendingOperations > 0)
    _ = try mount.ask(.unlink(parent: other, name: "b"))
    #expect(mount.engine.status().pendingOperations == 0)
    mount.settle(milliseconds: 10_000)
    #expect(changes(mount, after: before) == [])
  }

  @Test func theyDoNotFillTheJournal() throws {
    let (mount, before) = try mount()
    for _ in 0..<40 {
      try comeAndGo(mount, 100)
      mount.settle(milliseconds: 200)
      #expect(mount.engine.status().journalUsedBytes <= 5 * mount.configuration.segmentBytes)
    }
    let written = changes(mount, after: before)
    let bytes = Int(mount.engine.status().lastLSN.rawValue) * 64
    let segments = bytes / mount.configuration.segmentBytes
    #expect(!written.isEmpty && written.count <= segments && Set(written) == ["setAttributes ."], "\(written) of \(segments)")
  }

  /// What others do in the directory would be hidden by them.
  @Test func whereOthersChangeTheDirectoryTheyAreWritten() throws {
    let (mount, before) = try mount { $0.revalidateMilliseconds = 1000 }
    try comeAndGo(mount, 3)
    mount.settle(milliseconds: 5000)
    #expect(changes(mount, after: before) == ["setAttributes ."])
  }
}
