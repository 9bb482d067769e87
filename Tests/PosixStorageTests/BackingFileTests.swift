import CLinux
import FilesystemModel
import Glibc
import StorageInterface
import Testing

@testable import PosixStorage

@Suite struct BackingFileTests {
  let directory = TestDirectory()

  @Test func aFileKeepsWorkingWhenItsNameIsGone() throws {
    let storage = try directory.storage()
    try storage.put("0123456789", at: at("f"))
    let file = try storage.open(at("f"), writable: true)
    try storage.removeFile(at("f"))
    try file.write(Array("ab".utf8), at: 4)
    #expect(try file.read(at: 2, count: 100) == Array("23ab6789".utf8))
    #expect(try file.read(at: 10, count: 5).isEmpty)
    try file.resize(3)
    #expect(try file.status().attributes.size == 3)
    #expect(try file.status().identity.linkCount == 0)
    try file.synchronize()
  }

  @Test func bytesBeyondTheEndAreZerosAfterAWriteBehindIt() throws {
    let storage = try directory.storage()
    let file = try storage.put("x", at: at("f"))
    try file.write([1], at: 5000)
    #expect(try file.read(at: 0, count: 1 << 20) == [UInt8(ascii: "x")] + [UInt8](repeating: 0, count: 4999) + [1])
    #expect(throws: Errno.invalidArgument) { try file.read(at: -1, count: 1) }
    #expect(throws: Errno.fileTooLarge) { try file.resize(Int.max) }
  }

  @Test func zeroingNeverChangesTheSize() throws {
    let storage = try directory.storage()
    let file = try #require(try storage.createFile(at("f")) as? PosixBackingFile)
    let ranges = [0..<0, 1..<3, 4090..<4100, 0..<8192, 9990..<10_010, 20_000..<30_000]
    for zero in [file.zero, file.writeZeros] {
      for range in ranges {
        try file.resize(0)
        try file.write([UInt8](repeating: 1, count: 10_000), at: 0)
        try zero(range)
        let bytes = try file.read(at: 0, count: 1 << 20)
        #expect(bytes == (0..<10_000).map { range.contains($0) ? 0 : 1 })
      }
    }
  }

  @Test func writtenZerosMayBeLongerThanOnePiece() throws {
    let storage = try directory.storage()
    let file = try #require(try storage.createFile(at("f")) as? PosixBackingFile)
    try file.write([UInt8](repeating: 1, count: 3 << 20), at: 0)
    try file.writeZeros(100..<(3 << 20) - 100)
    let bytes = try file.read(at: 0, count: 4 << 20)
    #expect(bytes.count == 3 << 20)
    #expect(bytes.reduce(0) { $0 + Int($1) } == 200)
  }

  @Test func dataAndHolesAreFound() throws {
    let storage = try directory.storage()
    let file = try storage.createFile(at("f"))
    try file.write([1], at: 0)
    try file.write([1], at: 1 << 20)
    try file.resize(4 << 20)
    #expect(try file.seek(from: 0, .data) == 0)
    #expect(try file.seek(from: 0, .hole) == 4096)
    #expect(try file.seek(from: 4096, .data) == 1 << 20)
    #expect(try file.seek(from: 2 << 20, .data) == nil)
    #expect(try file.seek(from: 2 << 20, .hole) == 2 << 20)
    #expect(try file.seek(from: 4 << 20, .hole) == nil)
    try file.resize((1 << 20) + 1)
    #expect(try file.seek(from: 1 << 20, .hole) == nil, "the end of the file is no hole before it")
  }

  @Test func whatIsFetchedAheadIsInThePageCacheSoon() throws {
    let file = try directory.storage().createFile(at("f"), permissions: 0o600)
    let size = 4 << 20
    try file.write([UInt8](repeating: 1, count: size), at: 0)
    try file.synchronize()
    let cached = try CachedPages("\(directory.path)/f", bytes: size)
    cached.drop()
    #expect(cached.count(1 << 20..<3 << 20) < 512)
    file.fetchAhead(1 << 20..<3 << 20)
    file.fetchAhead(size..<2 * size)
    for _ in 0..<1000 where cached.count(1 << 20..<3 << 20) < 512 { usleep(10_000) }
    #expect(cached.count(1 << 20..<3 << 20) == 512)
    #expect(cached.count(0..<1 << 20) == 0, "nothing else is fetched")
  }

  @Test func aFileIsReadWithoutChangingItsAccessTime() throws {
    let storage = try directory.storage()
    let file = try storage.put("x", at: at("f"))
    try file.setAttributes(AttributeChange(accessed: Timestamp(seconds: 1)))
    #expect(try storage.text(at("f")) == "x")
    #expect(try storage.status(at("f")).attributes.accessed == Timestamp(seconds: 1))
  }

  @Test(arguments: featureSets) func synchronizingWorksForEveryKindThatIsAsked(_ features: KernelFeatures) throws {
    let storage = try directory.storage(features)
    try storage.put("x", at: at("regular"))
    for kind in FileKind.allCases {
      let path = at(EntryName(unchecked: Array("\(kind)".utf8)))
      if kind != .regular { try storage.make(path, kind: kind, device: 1 << 8 | 3, target: [97]) }
      try storage.synchronize(path)
    }
    try storage.synchronizeDirectory(.root)
    try storage.synchronizeFilesystem()
    #expect(throws: Errno.notDirectory) { try storage.synchronizeDirectory(at("regular")) }
    #expect(throws: Errno.noEntry) { try storage.synchronize(at("no")) }
  }

  /// Else its changes would be tried again for ever.
  @Test func aDirectoryThatCannotBeSyncedIsAsGoodAsSynced() throws {
    let storage = try PosixBackingStorage(rootPath: "/proc/self/task")
    try storage.synchronizeDirectory(.root)
  }
}

/// The pages of a file that the kernel has in memory.
@safe private final class CachedPages {
  // SAFETY: `memory` is mapped until `deinit`, and never read.
  private let memory: UnsafeMutableRawPointer
  private let bytes: Int
  private let file: Int32

  init(_ path: String, bytes: Int) throws {
    self.bytes = bytes
    file = unsafe open(path, O_RDONLY)
    unsafe memory = try #require(unsafe mmap(nil, bytes, PROT_READ, MAP_SHARED, file, 0))
  }

  deinit {
    unsafe munmap(memory, bytes)
    close(file)
  }

  func drop() { posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) }

  func count(_ range: ByteRange) -> Int {
    var pages = [UInt8](repeating: 0, count: range.count / 4096)
    unsafe mincore(memory + range.lowerBound, range.count, &pages)
    return pages.count { $0 & 1 != 0 }
  }
}
