import Engine
import FilesystemModel
import Flushing
import StorageInterface
import Support
import Testing
import Threading

/// What is answered about one file, and waiting without haste.
@Suite struct FileStatusTests {
  private func mount(delay: Int = 1000) throws -> EngineOnDisks {
    try EngineOnDisks {
      $0.writebackDelayMilliseconds = delay
      $0.writebackDeadlineMilliseconds = 4 * delay
      $0.retry = RetryPolicy(firstMilliseconds: 50, mostMilliseconds: 200, retriesMax: 3)
    }
  }

  private func isClean(_ mount: EngineOnDisks, _ inode: InodeNumber) -> Bool {
    mount.engine.fileStatus(inode).standing.operations == 0
  }

  @Test func aFileIsDirtyFromItsFirstChangeUntilItIsSynced() throws {
    let mount = try mount()
    let (file, other) = (try mount.create("f"), try mount.create("g"))
    mount.settle(milliseconds: 5000)
    #expect(isClean(mount, file) && mount.engine.fileStatus(file).since == nil)
    try mount.write(file, "four")
    mount.pass(milliseconds: 300)
    try mount.write(file, "more")
    let status = mount.engine.fileStatus(file)
    #expect(status.standing.operations == 1 && status.dirtyBytes == 4 && status.ageMilliseconds == 300)
    #expect(status.since != nil && !status.standing.isBeingWrittenBack && status.standing.letter == nil)
    #expect(isClean(mount, other), "of the file alone")
    mount.settle(milliseconds: 5000)
    #expect(isClean(mount, file))
    #expect(isClean(mount, InodeNumber(4711)), "nothing is known of it")
  }

  @Test func whatIsInAnOpenPlanIsBeingWrittenBack() throws {
    let mount = try mount()
    let file = try mount.create("f")
    mount.settle(milliseconds: 5000)
    mount.backing.order(BackingFault(.inputOutput) { $0.path == "f" && $0.name == .synchronizeFile })
    try mount.write(file, "text")
    mount.settle(milliseconds: 1300)
    let status = mount.engine.fileStatus(file)
    #expect(status.standing.isBeingWrittenBack && status.standing.operations == 1 && status.standing.failedAttempts > 0)
  }

  @Test func aFileWhoseDirectoryIsNotThereYetIsNotClean() throws {
    let mount = try mount(delay: 10_000)
    let directory = try mount.create("d", .directory)
    let file = try mount.create("f", in: directory)
    mount.settle(milliseconds: 60_000)
    #expect(isClean(mount, file) && isClean(mount, directory))
    let (source, target) = (Location(.root, "d"), Location(.root, "e"))
    _ = try mount.ask(.rename(from: source, to: target, .replace))
    #expect(!isClean(mount, file) && !isClean(mount, directory) && !isClean(mount, .root))
  }

  @Test func aDeadLetterIsToldWithWhatWaitsForIt() throws {
    let mount = try mount(delay: 50)
    mount.backing.order(BackingFault(.accessDenied) { $0.path == "d" && $0.name == .make })
    let directory = try mount.create("d", .directory)
    let file = try mount.create("f", in: directory)
    mount.settle(milliseconds: 3000)
    for inode in [directory, file] { #expect(mount.engine.fileStatus(inode).standing.letter?.errno == .accessDenied) }
  }

  @Test func aWaitHastensNothing() throws {
    let mount = try mount()
    let directory = try mount.create("d", .directory)
    let file = try mount.create("f", in: directory)
    try mount.write(file, "text")
    let isOver = Lock(0)
    _ = mount.engine.drain([directory], isHastened: false) { _ in isOver.withLock { $0 += 1 } }
    mount.engine.drain(isHastened: false) { isOver.withLock { $0 += 1 } }
    mount.settle(milliseconds: 800)
    #expect(isOver.withLock { $0 } == 0 && mount.backing.callCount(.make) == 0, "written back before its time")
    mount.settle(milliseconds: 4000)
    #expect(isOver.withLock { $0 } == 2 && isClean(mount, file))
  }

  /// Times of a directory all of whose entries cancel each other are not written by themselves.
  @Test func aWaitForADirectoryWhoseEntriesCancelEachOtherEnds() throws {
    let mount = try mount()
    let directory = try mount.create("d", .directory)
    mount.settle(milliseconds: 5000)
    _ = try mount.create("f", in: directory)
    let isOver = Lock(false)
    _ = mount.engine.drain([directory], isHastened: false) { _ in isOver.withLock { $0 = true } }
    _ = try mount.ask(.unlink(parent: directory, name: "f"))
    mount.settle(milliseconds: 6000)
    #expect(isOver.withLock { $0 })
  }

  @Test func theHottestFilesAreThoseWrittenToMost() throws {
    let mount = try mount()
    var files: [InodeNumber] = []
    for index in 0..<40 { files.append(try mount.create(EntryName(unchecked: Array("f\(index)".utf8)))) }
    for round in 0..<30 {
      for file in files.prefix(2 + round % 3) { try mount.write(file, "0123456789") }
      try mount.write(files[round], "once")
    }
    let hottest = mount.engine.hottest(3)
    #expect(Set(hottest.prefix(2).map(\.path)) == [Array("f0".utf8), Array("f1".utf8)], "\(hottest)")
    #expect(hottest[0].writes >= 30 && hottest[0].bytes >= 300)
    #expect(mount.engine.hottest(100).count >= 25)
    for _ in 0..<8 { mount.settle(milliseconds: 10_000) }
    #expect(mount.engine.hottest(3).isEmpty, "what was hot has cooled down")
  }
}
