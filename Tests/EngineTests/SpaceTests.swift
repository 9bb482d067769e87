import FilesystemModel
import StorageInterface
import Support
import Testing

@testable import Engine

/// A full backing directory is told to the writer, not found out by write-back.
@Suite struct SpaceTests {
  private static let capacityBytes = 1 << 20
  private let piece = [UInt8](repeating: 5, count: 64 << 10)

  private func mount() throws -> EngineOnDisks {
    try EngineOnDisks(capacityBytes: Self.capacityBytes) {
      $0.journalBytes = 16 << 20
      $0.segmentBytes = 1 << 20
      $0.writebackDelayMilliseconds = 60_000
      $0.writebackDeadlineMilliseconds = 120_000
    }
  }

  private func make(_ name: EntryName, _ mount: EngineOnDisks) throws -> InodeNumber {
    let reply = try mount.ask(.make(parent: .root, name: name, MakeRequest(kind: .regular, permissions: 0o644)))
    guard case .entry(let entry) = reply else { throw EngineOnDisks.NoAnswer(operation: "make") }
    return entry.inode
  }

  /// Lets the engine measure what is free.
  private func settle(_ mount: EngineOnDisks) {
    for _ in 0..<3 {
      mount.pass(milliseconds: 1000)
      mount.runner.runAll()
    }
  }

  private func write(_ mount: EngineOnDisks, _ inode: InodeNumber, at offset: Int) throws -> Bool {
    do {
      return try mount.ask(.write(inode, offset: offset, bytes: piece), milliseconds: 20_000) == .count(piece.count)
    } catch let errno as Errno where errno == .noSpace {
      return false
    }
  }

  private func drain(_ mount: EngineOnDisks) {
    mount.engine.drain {}
    for _ in 0..<2000 where mount.engine.status().pendingOperations > 0 {
      mount.runner.runAll()
      mount.pass(milliseconds: 50)
    }
  }

  private func available(_ mount: EngineOnDisks) throws -> UInt64 {
    guard case .statistics(let statistics) = try mount.ask(.statistics) else { return 0 }
    return statistics.blocksAvailable
  }

  @Test(arguments: [false, true]) func writesAreRefusedBeforeWriteBackCannotCarryThemOut(isKilled: Bool) throws {
    let mount = try mount()
    var inode = try make("f", mount)
    #expect(try write(mount, inode, at: 0))
    settle(mount)
    var count = 1
    while try write(mount, inode, at: count * piece.count) { count += 1 }
    #expect((12...16).contains(count), "\(count) of 16 pieces fit")
    if isKilled {
      try mount.restart()
      guard case .entry(let entry) = try mount.ask(.lookup(parent: .root, name: "f")) else { return }
      inode = entry.inode
      settle(mount)
    }
    // What was written back needs no allowance for metadata any more.
    while try write(mount, inode, at: count * piece.count) { count += 1 }
    #expect(count <= 16)
    #expect(try write(mount, inode, at: 0), "overwriting needs nothing")
    drain(mount)
    #expect(mount.engine.status().lastFailure == nil, "write-back met a full filesystem")
    #expect(try mount.backing.status(BackingPath(["f"])).attributes.size == count * piece.count)
    #expect(try write(mount, inode, at: piece.count), "overwriting what is written back needs nothing")
    _ = try mount.ask(.unlink(parent: .root, name: "f"))
    mount.engine.forget(inode, count: 100)
    let other = try make("g", mount)
    #expect(try write(mount, other, at: 0), "a writer waits for what a removal gives back")
    drain(mount)
    #expect(mount.engine.status().lastFailure == nil)
  }

  @Test func statisticsTellWhatCanStillBeWritten() throws {
    let mount = try mount()
    let before = try available(mount)
    let inode = try make("f", mount)
    for place in 0..<4 { #expect(try write(mount, inode, at: place * piece.count)) }
    let pending = try available(mount)
    #expect((64...68).contains(before - pending), "\(before - pending) blocks for 64")
    drain(mount)
    #expect(try before - available(mount) == 64)
  }

  @Test func aFilesystemThatTellsNoSizeRefusesNothing() {
    var space = SpaceReservation()
    let first = space.begin(nowMilliseconds: 0, hasPending: true)
    #expect(first)
    space.end(
      FilesystemStatistics(
        blockBytes: 4096, fragmentBytes: 4096, blocks: 0, blocksFree: 0, blocksAvailable: 0, files: 0, filesFree: 0,
        nameBytesMax: 255))
    #expect(space.hasRoom(bytes: 1 << 50, files: 1, pendingCreations: 1 << 30))
    let early = space.begin(nowMilliseconds: 999, hasPending: true)
    let late = space.begin(nowMilliseconds: 1000, hasPending: true)
    #expect(!early && late, "not asked more often than once a second")
  }
}
