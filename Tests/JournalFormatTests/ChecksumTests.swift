import CLinux
import Support
import Testing

@Suite struct ChecksumTests {
  /// The checksum as journal files have it.
  static func checksum(_ bytes: [UInt8], from start: UInt32 = 0) -> UInt32 {
    // SAFETY: the function reads exactly the array's bytes.
    unsafe bytes.withUnsafeBytes { all in unsafe ebbfs_crc32c(start, all.baseAddress, all.count) }
  }

  private static func checksumByTables(_ bytes: [UInt8]) -> UInt32 {
    // SAFETY: the function reads exactly the array's bytes.
    unsafe bytes.withUnsafeBytes { all in unsafe ebbfs_crc32c_by_tables(0, all.baseAddress, all.count) }
  }

  /// RFC 3720, B.4.
  @Test func theChecksumIsThatOfTheStandard() {
    #expect(Self.checksum(Array("123456789".utf8)) == 0xe306_9283)
    #expect(Self.checksum([UInt8](repeating: 0, count: 32)) == 0x8a91_36aa)
    #expect(Self.checksum([UInt8](repeating: 0xff, count: 32)) == 0x62a8_ab43)
    #expect(Self.checksum(Array(0..<32)) == 0x46dd_794e)
    #expect(Self.checksum([]) == 0)
  }

  @Test func instructionAndTablesAgreeAtEveryLength() {
    let seed = Seed.fromEnvironment
    var generator = SeededGenerator(seed: seed)
    // Up to 256 and 4096 bytes at a time are taken in three parts.
    let long: [Int] = [768, 1536, 12_288, 24_576, 208_896]
    let around: [Int] = long.flatMap { (length: Int) -> [Int] in [length - 1, length, length + 1, length + 769] }
    for count in Array(0..<300) + around {
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
      #expect(Self.checksum(bytes) == Self.checksumByTables(bytes), "EBBFS_SEED=\(seed), \(count) bytes")
    }
  }

  @Test func aChecksumGoesOnWhereAnotherStopped() {
    let bytes = Array(0..<200 as Range<UInt8>)
    for cut in 0...bytes.count {
      #expect(Self.checksum(Array(bytes[cut...]), from: Self.checksum(Array(bytes[..<cut]))) == Self.checksum(bytes))
    }
  }
}
