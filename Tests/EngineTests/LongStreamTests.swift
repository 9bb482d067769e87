import Engine
import FilesystemModel
import StorageInterface
import Support
import Testing
import Threading

/// A great file is sent to a far backing directory while it is still written.
@Suite struct LongStreamTests {
  private let piece = [UInt8](repeating: 7, count: 1 << 20)

  private func mount(isFar: Bool) throws -> EngineOnDisks {
    let abilities = BackingAbilities(hasFilesystemSync: !isFar, description: "simulated")
    return try EngineOnDisks(abilities: abilities) {
      $0.journalBytes = 256 << 20
      $0.segmentBytes = 16 << 20
      $0.memoryBytes = 64 << 20
      $0.writebackDelayMilliseconds = 60_000
      $0.writebackDeadlineMilliseconds = 120_000
    }
  }

  private func append(_ megabytes: Range<Int>, to file: InodeNumber, _ mount: EngineOnDisks) throws {
    for megabyte in megabytes {
      _ = try mount.ask(.write(file, offset: megabyte << 20, bytes: piece))
      mount.settle(milliseconds: 100)
    }
  }

  private func arrived(_ mount: EngineOnDisks, _ name: EntryName = "stream") -> Int? {
    (try? mount.backing.status(BackingPath([name])))?.attributes.size
  }

  @Test func aFarDirectoryGetsTheBeginningBeforeTheEndIsWritten() throws {
    let mount = try mount(isFar: true)
    let file = try mount.create("stream")
    try append(0..<7, to: file, mount)
    #expect(arrived(mount) == nil, "it may still be removed or overwritten")
    try append(7..<9, to: file, mount)
    #expect(try #require(arrived(mount)) >= 8 << 20)
    try append(9..<30, to: file, mount)
    let size = try #require(arrived(mount))
    #expect(size >= 22 << 20 && size < 30 << 20, "\(size): the rest waits until it is much, or has rested")
    let isOver = Lock(false)
    mount.engine.drain { isOver.withLock { $0 = true } }
    mount.settle()
    #expect(isOver.withLock { $0 } && arrived(mount) == 30 << 20)
  }

  @Test func whatIsNoStreamRests() throws {
    let mount = try mount(isFar: true)
    let file = try mount.create("database")
    for megabyte in stride(from: 30, through: 0, by: -2) { try append(megabyte..<megabyte + 1, to: file, mount) }
    #expect(arrived(mount, "database") == nil)
  }

  @Test func aDirectoryOnADiskWouldOnlyCompete() throws {
    let mount = try mount(isFar: false)
    try append(0..<30, to: mount.create("stream"), mount)
    #expect(arrived(mount) == nil)
  }
}
