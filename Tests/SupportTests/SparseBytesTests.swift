import FilesystemModel
import Support
import Testing

@Suite struct SparseBytesTests {
  @Test func anyChangesReadLikeAPlainArrayOfBytes() {
    let seed = Seed.fromEnvironment
    var generator = SeededGenerator(seed: seed)
    var sparse = SparseBytes()
    var plain: [UInt8] = []
    for _ in 0..<1500 {
      let offset = Int.random(in: 0..<3000, using: &generator)
      let count = Int.random(in: 0..<1500, using: &generator)
      switch Int.random(in: 0..<4, using: &generator) {
      case 0, 1:
        let bytes = [UInt8](repeating: UInt8.random(in: 0...3, using: &generator), count: count)
        sparse.write(bytes, at: offset)
        if count > 0 { plain += [UInt8](repeating: 0, count: max(0, offset + count - plain.count)) }
        if count > 0 { plain.replaceSubrange(offset..<offset + count, with: bytes) }
      case 2:
        sparse.zero(offset..<offset + count)
        for index in offset..<offset + count where index < plain.count { plain[index] = 0 }
      default:
        sparse.resize(offset)
        plain = Array(plain.prefix(offset)) + [UInt8](repeating: 0, count: max(0, offset - plain.count))
      }
      #expect(sparse.size == plain.count, "EBBFS_SEED=\(seed)")
      #expect(sparse.read(at: 0, count: 10_000) == plain, "EBBFS_SEED=\(seed)")
      #expect(sparse == SparseBytes(plain), "EBBFS_SEED=\(seed)")
      #expect(sparse.read(at: offset, count: count) == Array(plain.dropFirst(offset).prefix(count)))
    }
  }

  @Test func holesAndDataAreFoundByTheSector() {
    var bytes = SparseBytes()
    bytes.resize(5000)
    bytes.write([1], at: 1024)
    #expect(bytes.nextData(from: 0) == 1024)
    #expect(bytes.nextHole(from: 0) == 0)
    #expect(bytes.nextHole(from: 1030) == 1536)
    #expect(bytes.nextData(from: 1536) == nil)
    #expect(bytes.nextHole(from: 5000) == nil)
    #expect(bytes.isZero(in: 0..<1024) && !bytes.isZero(in: 1000..<1025))
    #expect(bytes.firstDifference(from: SparseBytes([UInt8](repeating: 0, count: 5000))) == 1024)
  }

  @Test func farOffsetsTakeNoSpace() {
    var bytes = SparseBytes()
    bytes.write([7], at: 1 << 42)
    bytes.zero(0..<1 << 41)
    #expect(bytes.sectors.count == 1 && bytes.size == 1 << 42 + 1)
    #expect(bytes.read(at: 1 << 42, count: 10) == [7])
  }
}
