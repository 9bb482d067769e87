import FilesystemModel
import Support
import Testing

@testable import Inodes

@Suite struct InodeIndexTests {
  /// Numbers one after another, and at distances that many tables would put into one place.
  @Test(arguments: [1, 3, 64, 1024, 1 << 20, 1 << 40] as [UInt64])
  func inodesAreFoundByTheirNumbersWhateverCameAndWent(distance: UInt64) {
    let seed = Seed.fromEnvironment
    var generator = SeededGenerator(seed: seed)
    var index = InodeIndex()
    var present: [UInt64: Inode] = [:]
    for step in 0..<6000 {
      // First more come than go, then the other way round.
      let number = UInt64.random(in: 0..<1000, using: &generator) &* distance + 1
      if Int.random(in: 0..<6000, using: &generator) > step {
        guard present[number] == nil else { continue }
        let inode = Inode(number: InodeNumber(number), kind: .regular, isNew: true)
        index.insert(inode)
        present[number] = inode
      } else {
        index.remove(InodeNumber(number))
        present[number] = nil
      }
      if step % 100 == 0 { check(index, present, distance, seed) }
    }
    for number in present.keys { index.remove(InodeNumber(number)) }
    #expect(index.count == 0 && Array(index.all).isEmpty)
  }

  private func check(_ index: InodeIndex, _ present: [UInt64: Inode], _ distance: UInt64, _ seed: UInt64) {
    #expect(index.count == present.count, "EBBFS_SEED=\(seed)")
    #expect(Set(index.all.map(\.number.rawValue)) == Set(present.keys), "EBBFS_SEED=\(seed)")
    for place in 0..<1000 as Range<UInt64> {
      let number = place &* distance + 1
      #expect(index[InodeNumber(number)] === present[number], "EBBFS_SEED=\(seed), number \(number)")
    }
  }
}
