import FilesystemModel
import Testing

@testable import WritebackCache

private let block = DirtyContents.blockBytes

/// What writes, cuts and zeros make of a file, alone and on top of each other.
@Suite struct LayerSemanticsTests {
  @Test func whatIsNotDirtyIsReadFromTheBackingFile() {
    let contents = DirtyContents(memoryBytes: block)
    #expect(contents.read(file, 5..<9000) == [.backing(5..<9000)])
    #expect(contents.read(file, 5..<5) == [])
    #expect(contents.parts(of: file, in: 5..<9000) == [ContentsPart(range: 5..<9000, kind: .backing)])
    #expect(contents.size(of: file) == nil && !contents.hasContents(file) && contents.attributes(of: file).isEmpty)
  }

  @Test func aWriteInsideABlockLeavesTheRestToTheBackingFile() {
    let model = ContentsModel(backing: .of("b", 10_000))
    model.write(.of("w", 50), at: 4000)
    #expect(model.contents.read(file, 0..<10_000) == [.backing(0..<4000), .bytes(.of("w", 50)), .backing(4050..<10_000)])
    #expect(model.isRight() && model.writeBackAll() && model.isRight())
  }

  @Test func aWriteAcrossBlocksReadsAsOnePiece() {
    let model = ContentsModel()
    model.write(.of("w", 3 * block + 2), at: block - 1)
    #expect(model.contents.arenaBlocksUsed == 5)
    #expect(model.contents.read(file, block - 1..<4 * block + 1) == [.bytes(.of("w", 3 * block + 2))])
    #expect(model.isRight() && model.writeBackAll() && model.isRight())
  }

  @Test func overwritesCoalesceInPlace() {
    let model = ContentsModel()
    for byte in "abcdefgh" { model.write(.of(byte, block), at: 0) }
    #expect(model.contents.arenaBlocksUsed == 1 && model.contents.dirtyBytes == block)
    #expect(model.contents.read(file, 0..<block) == [.bytes(.of("h", block))])
  }

  @Test func disjointPartsOfABlockAreFilledByAWriteOverAll() {
    let model = ContentsModel(backing: .of("b", block))
    for start in stride(from: 0, to: 4000, by: 1000) { model.write(.of("w", 10), at: start) }
    #expect(model.contents.dirtyBytes == 40 && model.contents.read(file, 0..<block).count == 8)
    #expect(model.isRight())
    model.write(.of("f", 3500), at: 5)
    #expect(model.contents.read(file, 0..<block) == [.bytes([UInt8].of("w", 5) + [UInt8].of("f", 3500)), .backing(3505..<block)])
    model.write(.of("g", block), at: 0)
    #expect(model.contents.read(file, 0..<block) == [.bytes(.of("g", block))])
    #expect(model.contents.arenaBlocksUsed == 1 && model.isRight())
  }

  @Test func cuttingThenLengtheningShowsZerosNotOldBytes() {
    let model = ContentsModel(backing: .of("b", 10_000))
    model.resize(100)
    model.resize(9000)
    #expect(model.contents.read(file, 0..<9000) == [.backing(0..<100), .zeros(8900)])
    #expect(model.isRight() && model.writeBackAll() && model.isRight())
  }

  /// C23.
  @Test func truncateToZeroThenWritingBlockOneShowsZerosInBlockZero() {
    let model = ContentsModel(backing: .of("b", block))
    model.resize(0)
    model.write(.of("w", block), at: block)
    #expect(model.contents.read(file, 0..<2 * block) == [.zeros(block), .bytes(.of("w", block))])
    #expect(model.isRight() && model.writeBackAll() && model.isRight())
  }

  /// C23 with R18 off: the counter-example appears.
  @Test func withoutTheSmallestSizeTheOldBlockComesBack() {
    var rules = ProtocolRules()
    rules.keepsSmallestSize = false
    let model = ContentsModel(backing: .of("b", block), rules: rules)
    model.resize(0)
    model.write(.of("w", block), at: block)
    #expect(!model.writeBackAll())
    #expect(model.backing[file]?.bytes.first == UInt8(ascii: "b"))
  }

  @Test func theSmallestOfSeveralSizesIsKept() {
    let model = ContentsModel(backing: .of("b", 10_000))
    for size in [5000, 100, 8000, 3000, 9000] { model.resize(size) }
    #expect(model.seal())
    #expect(model.contents.sealed(file)?.smallestSize == 100)
    #expect(model.contents.sealed(file)?.sizeAfter == 9000)
  }

  @Test func lengtheningAFileOfKnownSizeIsNoCut() {
    let model = ContentsModel()
    model.write(.of("w", 10), at: 0)
    model.resize(5000)
    #expect(model.seal())
    #expect(model.contents.sealed(file)?.smallestSize == nil && model.contents.sealed(file)?.sizeAfter == 5000)
  }

  @Test func cuttingInTheMiddleOfABlockDropsItsEnd() {
    let model = ContentsModel()
    model.write(.of("w", 3 * block), at: 0)
    model.resize(block + 100)
    #expect(model.contents.arenaBlocksUsed == 2 && model.contents.dirtyBytes == block + 100)
    model.resize(3 * block)
    #expect(model.contents.read(file, 0..<3 * block) == [.bytes(.of("w", block + 100)), .zeros(2 * block - 100)])
    #expect(model.isRight() && model.writeBackAll() && model.isRight())
  }

  @Test func aHoleInDirtyBytesReadsZerosAndFreesWholeBlocks() {
    let model = ContentsModel(backing: .of("b", 5 * block))
    model.write(.of("w", 4 * block), at: 100)
    model.zero(200..<3 * block)
    #expect(model.contents.arenaBlocksUsed == 3)
    #expect(model.contents.read(file, 0..<3 * block) == [.backing(0..<100), .bytes(.of("w", 100)), .zeros(3 * block - 200)])
    #expect(model.isRight() && model.writeBackAll() && model.isRight())
  }

  @Test func aWriteIntoAHoleWins() {
    let model = ContentsModel(backing: .of("b", 3 * block))
    model.zero(10..<2 * block)
    model.write(.of("w", 10), at: 500)
    let holes: [ReadPiece] = [.backing(0..<10), .zeros(490), .bytes(.of("w", 10)), .zeros(2 * block - 510)]
    #expect(model.contents.read(file, 0..<2 * block) == holes)
    #expect(model.isRight() && model.writeBackAll() && model.isRight())
  }

  @Test func aWriteOverAllOfAHoleLeavesNothingToZero() {
    let model = ContentsModel(backing: .of("b", 3 * block))
    model.zero(10..<20)
    model.zero(2000..<3000)
    model.write(.of("w", 2500), at: 10)
    #expect(model.seal())
    #expect(model.contents.sealed(file)?.zeroed == [2510..<3000])
  }

  @Test func aHoleBeyondTheEndIsNothing() {
    let model = ContentsModel(backing: .of("b", 100))
    model.zero(200..<300)
    model.resize(400)
    #expect(model.seal() && model.contents.sealed(file)?.zeroed == [])
    #expect(model.isRight() && model.size() == 400)
  }

  @Test func zeroingBeyondTheEndLengthensTheFile() {
    let model = ContentsModel(backing: .of("b", 100))
    model.zero(50..<300, keepSize: false)
    #expect(model.contents.size(of: file) == 300)
    #expect(model.isRight() && model.writeBackAll() && model.isRight())
  }

  @Test func holesAboveTheSmallestSizeNeedNoCall() {
    let model = ContentsModel(backing: .of("b", 10_000))
    model.resize(1000)
    model.resize(9000)
    model.zero(500..<5000)
    model.zero(6000..<7000)
    #expect(model.seal() && model.contents.sealed(file)?.zeroed == [500..<1000])
    #expect(model.isRight())
  }

  @Test func aHoleOfATebibyteIsOneRange() {
    var model = DirtyContents(memoryBytes: 16 * block)
    let huge = 1 << 40
    model.apply(
      ContentChange(inode: file, data: .write(offset: huge / 2, count: 1), sizeAfter: 2 * huge), bytes: [1], position: nil,
      lsn: LSN(1))
    model.apply(ContentChange(inode: file, data: .zero(1..<huge), sizeAfter: 2 * huge), bytes: nil, position: nil, lsn: LSN(2))
    #expect(model.read(file, 0..<2 * huge) == [.backing(0..<1), .zeros(huge - 1), .backing(huge..<2 * huge)])
    #expect(model.arenaBlocksUsed == 0 && model._checkInvariants() == [])
  }

  @Test func offsetsNearTheGreatestWork() {
    var contents = DirtyContents(memoryBytes: 16 * block)
    for (number, end) in [Int.max / 2, Int.max - 1, Int.max].enumerated() {
      let change = ContentChange(inode: file, data: .write(offset: end - 5000, count: 5000), sizeAfter: end)
      contents.apply(change, bytes: .of("w", 5000), position: nil, lsn: LSN(UInt64(number + 1)))
      #expect(contents.read(file, end - 5000..<end) == [.bytes(.of("w", 5000))])
    }
    #expect(contents._checkInvariants() == [])
    let half = Int.max / 2
    #expect(
      contents.parts(of: file, in: 0..<half + 10) == [
        ContentsPart(range: 0..<half - 5000, kind: .backing), ContentsPart(range: half - 5000..<half, kind: .dirty),
        ContentsPart(range: half..<half + 10, kind: .backing),
      ])
    contents.apply(ContentChange(inode: file, data: .resize(10), sizeAfter: 10), bytes: nil, position: nil, lsn: LSN(9))
    #expect(contents.arenaBlocksUsed == 0 && contents.dirtyBytes == 0)
    #expect(contents.read(file, 0..<Int.max) == [.backing(0..<10), .zeros(Int.max - 10)])
  }

  @Test func attributesAndExtendedAttributesKeepTheLastValue() {
    let model = ContentsModel(backing: [])
    model.setPermissions(0o600)
    model.setExtendedAttribute([2], [1])
    model.setExtendedAttribute([1], [1])
    model.setExtendedAttribute([2], nil)
    #expect(model.seal())
    let sealed = model.contents.sealed(file)
    #expect(sealed?.attributes == AttributeChange(permissions: 0o600))
    #expect(sealed?.extendedAttributes.map(\.name) == [[1], [2]] && sealed?.extendedAttributes.map(\.value) == [[1], nil])
    #expect(sealed?.sizeAfter == nil && sealed?.smallestSize == nil && sealed?.extents == [])
    model.setPermissions(0o700)
    model.setExtendedAttribute([2], [9])
    #expect(model.contents.extendedAttributes(of: file).map(\.value) == [[1], [9]])
    #expect(model.contents.size(of: file) == nil && model.isRight())
  }

  @Test func anEmptyWriteIsAChangeWithoutBytes() {
    let model = ContentsModel(backing: .of("b", 10))
    model.write([], at: 4)
    #expect(model.contents.dirtyBytes == 0 && model.contents.size(of: file) == 10 && model.isRight())
  }
}
