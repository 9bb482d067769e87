import FilesystemModel
import Testing

@testable import WritebackCache

private let block = DirtyContents.blockBytes

/// Blocks that are written back and stay in memory until that is needed.
@Suite struct CleanBlockTests {
  /// What is read in the place of the backing file.
  private func read(_ model: ContentsModel, _ range: ByteRange, _ inode: InodeNumber = file) -> [ReadPiece] {
    model.contents.read(inode, range, includingClean: true)
  }

  @Test func whatIsWrittenBackIsReadFromMemory() {
    let model = ContentsModel()
    let bytes: [UInt8] = (0..<block + 100).map { UInt8(truncatingIfNeeded: $0 / 7) }
    model.write(bytes, at: 0)
    #expect(model.writeBackAll())
    #expect(read(model, 0..<block + 100) == [.bytes(bytes)])
    #expect(model.contents.cleanBlocks == 2 && model.contents.arenaBlocksUsed == 0)
    #expect(!model.contents.hasContents(file) && model.contents.dirtyBytes == 0 && model.isRight())
    #expect(model.contents.read(file, 0..<9) == [.backing(0..<9)], "what is not believed is not read")
    model.contents.dropClean(file)
    #expect(model.contents.cleanBlocks == 0 && model.isRight())
  }

  @Test func onlyWholeBlocksAndTheLastOneStay() {
    let model = ContentsModel(backing: .of("b", 3 * block))
    model.write(.of("w", block), at: 100)
    #expect(model.writeBackAll())
    #expect(model.contents.cleanBlocks == 0, "parts of two blocks")
    model.write(.of("v", 2 * block), at: block / 2)
    model.write(.of("v", 10), at: 3 * block)
    #expect(model.writeBackAll() && model.contents.cleanBlocks == 2 && model.isRight())
    #expect(read(model, 3 * block..<3 * block + 10) == [.bytes(.of("v", 10))])
  }

  @Test func dirtyBytesLieOverCleanOnesOverTheBackingFile() {
    let model = ContentsModel(backing: .of("b", 2 * block))
    model.write(.of("w", block), at: 0)
    #expect(model.writeBackAll())
    model.write(.of("d", 2), at: 5)
    let bytes: [UInt8] = .of("w", 5) + .of("d", 2) + .of("w", block - 7)
    let expected: [ReadPiece] = [.bytes(bytes), .backing(block..<block + 1)]
    #expect(read(model, 0..<block + 1) == expected)
    #expect(model.writeBackAll() && model.isRight())
    #expect(model.contents.cleanBlocks == 1, "bytes written back go over those that were clean")
    #expect(read(model, 4..<6) == [.bytes(Array(bytes[4..<6]))])
  }

  @Test func appendsLengthenTheLastBlock() {
    let model = ContentsModel()
    for number in 0..<5 {
      model.write(.of("a", 1000), at: number * 1000)
      #expect(model.writeBackAll() && model.isRight())
    }
    #expect(model.contents.cleanBlocks == 2)
    #expect(read(model, 0..<5000) == [.bytes(.of("a", 5000))])
    model.write(.of("a", 10), at: 6000)
    #expect(model.writeBackAll() && model.isRight())
    #expect(model.contents.cleanBlocks == 1, "between the old end and the new bytes there is a gap")
  }

  @Test func bytesThatAreInTheJournalAloneAreNotKept() {
    let model = ContentsModel()
    model.write(.of("w", 2 * block), at: 0)
    #expect(model.evict(blocks: 1, writtenThrough: LSN(9)) == 1)
    #expect(model.writeBackAll() && model.contents.cleanBlocks == 1 && model.isRight())
    model.write(.of("v", 100), at: block + 50, from: .journal)
    #expect(model.writeBackAll() && model.contents.cleanBlocks == 0 && model.isRight())
  }

  @Test func aCutDropsWhatItTakesAway() {
    let model = ContentsModel()
    model.write(.of("w", 3 * block), at: 0)
    #expect(model.writeBackAll())
    model.resize(block + 10)
    model.resize(3 * block)
    #expect(model.isRight())
    #expect(model.writeBackAll() && model.isRight())
    let expected: [ReadPiece] = [.bytes(.of("w", block + 10)), .backing(block + 10..<3 * block)]
    #expect(read(model, 0..<3 * block) == expected)
    model.resize(block)
    #expect(model.writeBackAll() && model.contents.cleanBlocks == 1 && model.isRight())
  }

  @Test func aHoleDropsWhatItTouches() {
    let model = ContentsModel()
    model.write(.of("w", 4 * block), at: 0)
    #expect(model.writeBackAll())
    model.zero(block - 1..<2 * block)
    model.write(.of("x", 1), at: block)
    #expect(model.isRight() && model.writeBackAll() && model.isRight())
    #expect(model.contents.cleanBlocks == 2)
  }

  @Test func aChangeOfAttributesKeepsThem() {
    let model = ContentsModel()
    model.write(.of("w", block), at: 0)
    #expect(model.writeBackAll())
    model.setPermissions(0o600)
    #expect(model.writeBackAll() && model.contents.cleanBlocks == 1)
    model.setPermissions(0o640)
    #expect(model.seal())
    model.contents.release(file)
    #expect(model.contents.cleanBlocks == 1)
  }

  @Test func withoutAKnownStateNothingStays() {
    let model = ContentsModel()
    model.write(.of("w", 2 * block), at: 0)
    #expect(model.writeBackAll() && model.contents.cleanBlocks == 2)
    model.write(.of("x", 1), at: 0)
    #expect(model.seal())
    model.contents.release(file)
    #expect(model.contents.cleanBlocks == 0 && model.contents._checkInvariants().isEmpty)
  }

  @Test func whatOthersMayHaveChangedMeanwhileIsNotCarriedOver() {
    let model = ContentsModel()
    model.write(.of("w", 3 * block), at: 0)
    #expect(model.writeBackAll())
    model.write(.of("x", block), at: block)
    #expect(model.seal())
    model.contents.release(file, keeping: .test, carriesOver: false)
    let expected: [ReadPiece] = [.backing(0..<block), .bytes(.of("x", block))]
    #expect(read(model, 0..<2 * block) == expected)
    #expect(model.contents._checkInvariants().isEmpty)
  }

  @Test func cleanBlocksMakeRoomBeforeDirtyOnes() {
    let model = ContentsModel(memoryBlocks: 4)
    let other = InodeNumber(9)
    model.write(.of("d", block), at: 0, other)
    model.write(.of("w", 3 * block), at: 0)
    #expect(model.writeBackAll() && model.contents.cleanBlocks == 3)
    #expect(model.contents.hasRoom(forWriting: 0..<3 * block, of: other) == true)
    #expect(!model.contents.hasRoom(forWriting: block..<5 * block, of: other))
    model.write(.of("d", block), at: block, other)
    #expect(model.contents.cleanBlocks == 2 && model.contents.arenaBlocksUsed == 2)
    let expected: [ReadPiece] = [.backing(0..<block), .bytes(.of("w", block))]
    #expect(read(model, 0..<2 * block) == expected, "the oldest goes first")
    model.write(.of("e", 2 * block), at: 2 * block, other)
    #expect(model.contents.cleanBlocks == 0 && model.isRight(other) && model.isRight())
    #expect(!model.contents.hasRoom(forWriting: 0..<1, of: file))
    #expect(model.contents.read(other, 0..<block) == [.bytes(.of("d", block))], "nothing dirty has left memory")
  }

  @Test func aWriteMayTakeTheMemoryOfItsOwnFile() {
    let model = ContentsModel(memoryBlocks: 2)
    model.write(.of("w", 2 * block), at: 0)
    #expect(model.writeBackAll())
    model.write(.of("x", block), at: block / 2)
    #expect(model.contents.cleanBlocks == 0 && model.isRight())
    #expect(model.discard() != nil && model.contents._checkInvariants().isEmpty)
  }
}
