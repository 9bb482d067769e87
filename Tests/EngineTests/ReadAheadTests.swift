import Engine
import FilesystemModel
import StorageInterface
import Support
import Testing

/// What is read from one end to the other is fetched ahead from a far backing directory.
@Suite struct ReadAheadTests {
  private let piece = 128 << 10
  private let size = 6 << 20

  /// A mount over a file with `size` bytes of contents.
  private func mount(isFar: Bool, endingAt end: Int? = nil) throws -> (EngineOnDisks, InodeNumber) {
    let mount = try EngineOnDisks(abilities: BackingAbilities(hasFilesystemSync: !isFar, description: "simulated"))
    let file = try mount.backing.bystander.createFile(BackingPath(["great"]), permissions: 0o644)
    for offset in stride(from: 0, to: size, by: piece) { try file.write(contents(at: offset), at: offset) }
    try file.resize(end ?? size)
    return (mount, try mount.lookup("great"))
  }

  /// Other bytes in each piece.
  private func contents(at offset: Int) -> [UInt8] { [UInt8](repeating: UInt8(truncatingIfNeeded: offset / piece), count: piece) }

  private func read(_ mount: EngineOnDisks, _ file: InodeNumber, at offset: Int) throws {
    guard case .bytes(let bytes) = try mount.ask(.read(file, offset: offset, count: piece)) else { throw Errno.inputOutput }
    #expect(bytes == contents(at: offset))
  }

  @Test func theWholeFileIsFetchedOnceAndNeverFarAhead() throws {
    let (mount, file) = try mount(isFar: true)
    for offset in stride(from: 0, to: size, by: piece) {
      try read(mount, file, at: offset)
      let fetched = mount.backing.rangesFetchedAhead.withLock { $0 }
      guard offset > 0 else {
        #expect(fetched == [], "who reads the beginning only may have seen enough")
        continue
      }
      #expect(zip(fetched, fetched.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound }, "nothing twice")
      let end = try #require(fetched.last?.upperBound)
      #expect(end >= offset + 2 * piece && end <= offset + piece + 4 << 20)
    }
  }

  @Test func readsThatOvertakeEachOtherAreOneStream() throws {
    let (mount, file) = try mount(isFar: true)
    for offset in stride(from: 0, to: 2 << 20, by: 2 * piece) {
      try read(mount, file, at: offset + piece)
      try read(mount, file, at: offset)
    }
    let fetched = mount.backing.rangesFetchedAhead.withLock { $0 }
    #expect(zip(fetched, fetched.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
    #expect(try #require(fetched.last?.upperBound) > 4 << 20)
  }

  @Test func whatIsReadHereAndThereIsNotFetchedAhead() throws {
    let (mount, file) = try mount(isFar: true)
    for offset in [4, 1, 5, 2, 0, 3].map({ $0 << 20 }) { try read(mount, file, at: offset) }
    #expect(mount.backing.rangesFetchedAhead.withLock { $0 } == [])
  }

  @Test func theFileMayEndAtTheLargestOffset() throws {
    let (mount, file) = try mount(isFar: true, endingAt: .max)
    for offset in stride(from: Int.max - 1 << 20, to: .max, by: piece) {
      #expect(try mount.read(file, offset: offset, count: piece).utf8.count == min(piece, .max - offset))
    }
  }

  @Test func aDirectoryOnADiskReadsAheadByItself() throws {
    let (mount, file) = try mount(isFar: false)
    for offset in stride(from: 0, to: 2 << 20, by: piece) { try read(mount, file, at: offset) }
    #expect(mount.backing.rangesFetchedAhead.withLock { $0 } == [])
  }
}
