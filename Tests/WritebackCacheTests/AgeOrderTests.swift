import FilesystemModel
import Testing

@testable import WritebackCache

@Suite struct AgeOrderTests {
  @Test func layersThatAreGoneLeaveNoTraceBehindAnOldOne() {
    var contents = DirtyContents(memoryBytes: 1 << 20)
    func change(_ inode: InodeNumber, _ lsn: UInt64) {
      contents.apply(
        ContentChange(inode: inode, attributes: AttributeChange(permissions: 0o600)), bytes: nil, position: nil, lsn: LSN(lsn))
    }
    change(InodeNumber(2), 1)
    for lsn in 2...10_000 as ClosedRange<UInt64> {
      change(InodeNumber(3), lsn)
      _ = contents.seal(InodeNumber(3))
      contents.release(InodeNumber(3))
    }
    #expect(contents.age.count < 100 && contents.oldestLSN() == LSN(1))
    contents.release(InodeNumber(2))
    change(InodeNumber(4), 20_000)
    _ = contents.discard(InodeNumber(2))
    #expect(contents.oldestLSN() == LSN(20_000))
  }
}
