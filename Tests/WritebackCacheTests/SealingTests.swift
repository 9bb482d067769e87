import FilesystemModel
import Testing

@testable import WritebackCache

private let block = DirtyContents.blockBytes

/// Two layers: what is being written back, and what came after.
@Suite struct SealingTests {
  @Test func onlyDirtyContentsAreSealedAndOnlyOnce() {
    let model = ContentsModel()
    #expect(!model.seal())
    model.write([1], at: 0)
    #expect(model.seal())
    #expect(!model.seal())
    model.write([2], at: 0)
    #expect(!model.seal())
    model.contents.release(file)
    #expect(model.seal())
  }

  @Test func aWriteOverASealedBlockMakesANewVersion() {
    let model = ContentsModel(backing: .of("b", block))
    model.write(.of("s", 3000), at: 0)
    #expect(model.seal())
    model.write(.of("c", 10), at: 100)
    #expect(model.contents.arenaBlocksUsed == 2)
    #expect(model.contents.readSealed(file, 0..<3000) == [.bytes(.of("s", 3000))])
    let merged: [UInt8] = [UInt8].of("s", 100) + [UInt8].of("c", 10) + [UInt8].of("s", 2890)
    #expect(model.contents.read(file, 0..<block) == [.bytes(merged), .backing(3000..<block)])
    model.beginWriteBack()
    while model.writeBacks[file] != nil { #expect(model.stepWriteBack()) }
    #expect(model.isRight() && model.contents.arenaBlocksUsed == 1)
    #expect(model.contents.read(file, 0..<block) == [.backing(0..<100), .bytes(.of("c", 10)), .backing(110..<block)])
  }

  @Test func aLaterCutHidesSealedBytesAbove() {
    let model = ContentsModel(backing: .of("b", block))
    model.write(.of("s", 3 * block), at: 0)
    #expect(model.seal())
    model.resize(100)
    model.resize(2 * block)
    #expect(model.contents.read(file, 0..<2 * block) == [.bytes(.of("s", 100)), .zeros(2 * block - 100)])
    #expect(model.contents.sealed(file)?.extents == [0..<3 * block])
    model.beginWriteBack()
    while model.writeBacks[file] != nil { #expect(model.stepWriteBack() && model.isRight()) }
    #expect(model.writeBackAll() && model.isRight())
  }

  @Test func aLaterHoleHidesSealedBytes() {
    let model = ContentsModel()
    model.write(.of("s", 2 * block), at: 0)
    #expect(model.seal())
    model.zero(10..<block)
    #expect(model.contents.read(file, 0..<2 * block) == [.bytes(.of("s", 10)), .zeros(block - 10), .bytes(.of("s", block))])
  }

  @Test func sealedZerosHideTheBackingFileUnderCurrentChanges() {
    let model = ContentsModel(backing: .of("b", 2 * block))
    model.zero(0..<block)
    #expect(model.seal())
    model.write(.of("c", 1), at: 5)
    let expected: [ReadPiece] = [.zeros(5), .bytes([99]), .zeros(block - 6), .backing(block..<block + 1)]
    #expect(model.contents.read(file, 0..<block + 1) == expected)
  }

  @Test func theNewestSizeCounts() {
    let model = ContentsModel()
    model.write(.of("s", 10), at: 0)
    #expect(model.seal())
    #expect(model.contents.size(of: file) == 10)
    model.setPermissions(0o600)
    #expect(model.contents.size(of: file) == 10)
    model.resize(3)
    #expect(model.contents.size(of: file) == 3)
    #expect(model.contents.sealed(file)?.sizeAfter == 10)
  }

  @Test func adjacentBlocksAreJoinedUpToTheGreatestExtent() {
    let count = DirtyContents.extentBytesMax / block
    let model = ContentsModel(memoryBlocks: 2 * count)
    model.write(.of("w", (count + 2) * block), at: block)
    model.write(.of("w", 1), at: 5)
    #expect(model.seal())
    let end = block + DirtyContents.extentBytesMax
    #expect(model.contents.sealed(file)?.extents == [5..<6, block..<end, end..<end + 2 * block])
  }

  /// C22.
  @Test func completionCoversSupersededRecords() {
    let model = ContentsModel()
    model.write([0], at: 0)
    model.write([1], at: 0)
    model.resize(0)
    #expect(model.seal())
    #expect(model.contents.sealed(file)?.firstLSN == LSN(1) && model.contents.sealed(file)?.through == LSN(3))
  }

  @Test func discardingTellsTheLastRecordOfBothLayers() {
    let model = ContentsModel()
    #expect(model.discard(file) == nil)
    model.write(.of("s", 2 * block), at: 0)
    #expect(model.seal())
    #expect(model.contents.lastLSN(of: file) == LSN(1))
    model.write(.of("c", block), at: 0)
    #expect(model.contents.firstLSN(of: file) == LSN(1) && model.contents.lastLSN(of: file) == LSN(2))
    #expect(model.discard(file) == LSN(2))
    #expect(model.contents.arenaBlocksUsed == 0 && model.contents.dirtyBytes == 0 && !model.contents.hasContents(file))
    #expect(model.contents._checkInvariants() == [])
  }

  @Test func theOldestRecordIsThatOfTheOldestLayer() {
    let model = ContentsModel()
    let other = InodeNumber(9)
    model.write([1], at: 0)
    model.write([1], at: 0, other)
    #expect(model.contents.oldestLSN() == LSN(1) && model.contents.oldestInode() == file)
    #expect(model.seal())
    model.write([2], at: 0)
    model.contents.release(file)
    #expect(model.contents.oldestLSN() == LSN(2) && model.contents.oldestInode() == other)
    #expect(model.contents.dirtyInodes == [file, other])
    #expect(model.discard(other) == LSN(2))
    #expect(model.contents.oldestLSN() == LSN(3) && model.contents.firstLSN(of: file) == LSN(3))
  }

  @Test func manyShortLivedInodesLeaveNoTraceInTheAgeOrder() {
    let model = ContentsModel()
    for number in 2..<1000 {
      model.write([1], at: 0, InodeNumber(UInt64(number)))
      if number > 10 { #expect(model.discard(InodeNumber(UInt64(number - 8))) != nil) }
    }
    #expect(model.contents.dirtyInodeCount == 9 && model.contents._checkInvariants() == [])
  }
}
