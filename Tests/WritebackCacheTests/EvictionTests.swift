import FilesystemModel
import Testing

@testable import WritebackCache

private let block = DirtyContents.blockBytes

/// Bytes that leave the arena, or never were in it: the journal has them.
@Suite struct EvictionTests {
  @Test func evictedBytesAreReadFromTheJournal() {
    let model = ContentsModel()
    model.write(.of("w", 2 * block), at: 100)
    #expect(model.evict(blocks: 10, writtenThrough: LSN(1)) == 3)
    #expect(model.contents.arenaBlocksUsed == 0 && model.contents.dirtyBytes == 2 * block)
    let start = JournalPosition(segment: 1, offset: 100)
    #expect(model.contents.read(file, 0..<2 * block + 100) == [.backing(0..<100), .journal(start, count: 2 * block)])
    #expect(model.isRight() && model.writeBackAll() && model.isRight())
  }

  @Test func theBlockWrittenLongestAgoGoesFirst() {
    let model = ContentsModel()
    for index in 0..<3 { model.write(.of("w", block), at: index * block) }
    model.write(.of("v", 1), at: 0)
    #expect(model.evict(blocks: 1, writtenThrough: LSN(9)) == 1)
    #expect(model.contents.read(file, block..<block + 1) == [.journal(JournalPosition(segment: 2, offset: 100), count: 1)])
    #expect(model.isRight())
  }

  @Test func whatIsNotYetInTheJournalFileStays() {
    let model = ContentsModel()
    model.write(.of("w", block), at: 0)
    model.write(.of("w", block), at: block)
    #expect(model.evict(blocks: 10, writtenThrough: LSN(1)) == 1)
    #expect(model.evict(blocks: 10, writtenThrough: LSN(1)) == 0)
    #expect(model.contents.arenaBlocksUsed == 1)
  }

  @Test func bytesWithoutAPositionStayUntilTheyAreWrittenAnew() {
    let model = ContentsModel()
    model.write(.of("w", 100), at: 0, from: .memoryAlone)
    model.write(.of("v", 100), at: 100)
    #expect(model.evict(blocks: 10, writtenThrough: LSN(9)) == 0)
    model.write(.of("x", 150), at: 0)
    #expect(model.evict(blocks: 10, writtenThrough: LSN(9)) == 0)
    model.write(.of("x", 200), at: 0)
    #expect(model.evict(blocks: 10, writtenThrough: LSN(9)) == 1)
    #expect(model.isRight())
  }

  @Test func aCutOfBytesWithoutAPositionMakesABlockEvictable() {
    let model = ContentsModel()
    model.write(.of("v", 100), at: 0)
    model.write(.of("x", 100), at: 200, from: .memoryAlone)
    #expect(model.evict(blocks: 10, writtenThrough: LSN(9)) == 0)
    model.resize(150)
    #expect(model.evict(blocks: 10, writtenThrough: LSN(9)) == 1)
    #expect(model.isRight())
  }

  @Test func aBlockOfSeveralRecordsIsEvictedWithAPositionEach() {
    let model = ContentsModel()
    model.write(.of("a", block), at: 0)
    model.write(.of("b", 10), at: 100)
    #expect(model.evict(blocks: 1, writtenThrough: LSN(2)) == 1)
    #expect(
      model.contents.read(file, 0..<block) == [
        .journal(JournalPosition(segment: 1, offset: 100), count: 100),
        .journal(JournalPosition(segment: 2, offset: 100), count: 10),
        .journal(JournalPosition(segment: 1, offset: 210), count: block - 110),
      ])
    #expect(model.isRight())
  }

  @Test func aWriteIntoAnEvictedBlockReadsNothingBack() {
    let model = ContentsModel()
    model.write(.of("a", block), at: 0)
    #expect(model.evict(blocks: 1, writtenThrough: LSN(1)) == 1)
    model.write(.of("b", 10), at: 100)
    #expect(
      model.contents.read(file, 0..<200) == [
        .journal(JournalPosition(segment: 1, offset: 100), count: 100), .bytes(.of("b", 10)),
        .journal(JournalPosition(segment: 1, offset: 210), count: 90),
      ])
    #expect(model.isRight() && model.writeBackAll() && model.isRight())
  }

  @Test func aSealedBlockIsEvictedWithoutChange() {
    let model = ContentsModel()
    model.write(.of("s", block), at: 0)
    #expect(model.seal())
    model.write(.of("c", 10), at: 0)
    #expect(model.evict(blocks: 1, writtenThrough: LSN(2)) == 1)
    #expect(model.contents.readSealed(file, 5..<block) == [.journal(JournalPosition(segment: 1, offset: 105), count: block - 5)])
    #expect(model.contents.read(file, 0..<10) == [.bytes(.of("c", 10))])
    #expect(model.isRight())
  }

  @Test func replayTakesNoMemory() {
    let model = ContentsModel(memoryBlocks: 1)
    for index in 0..<20 { model.write(.of("w", 3 * block), at: index * 1000, from: .journal) }
    #expect(model.contents.arenaBlocksUsed == 0 && model.isRight())
    #expect(model.writeBackAll() && model.isRight())
  }

  @Test func replayOverBytesInMemoryFreesTheirBlock() {
    let model = ContentsModel()
    model.write(.of("a", 100), at: 0)
    model.write(.of("b", 100), at: 0, from: .journal)
    #expect(model.contents.arenaBlocksUsed == 0 && model.isRight())
  }

  @Test func roomIsAskedForTheBlocksThatAreNotInMemoryYet() {
    let model = ContentsModel(memoryBlocks: 2)
    #expect(model.contents.hasRoom(forWriting: 0..<2 * block, of: file))
    #expect(!model.contents.hasRoom(forWriting: 1..<2 * block + 1, of: file))
    model.write(.of("w", 2 * block), at: 0)
    #expect(model.contents.hasRoom(forWriting: 5..<2 * block, of: file))
    #expect(!model.contents.hasRoom(forWriting: 2 * block - 1..<2 * block + 1, of: file))
    #expect(!model.contents.hasRoom(forWriting: 0..<1, of: InodeNumber(3)))
    #expect(model.contents.hasRoom(forWriting: 9..<9, of: InodeNumber(3)))
    #expect(model.seal())
    #expect(!model.contents.hasRoom(forWriting: 0..<1, of: file))
    model.contents.release(file)
    #expect(model.contents.hasRoom(forWriting: 0..<2 * block, of: file))
  }

  /// Tiny appends: one block may not hold a segment for each of thousands of records.
  @Test func aBlockOfVeryManyWritesStaysSmall() {
    let model = ContentsModel()
    for offset in 0..<block { model.write([UInt8(truncatingIfNeeded: offset)], at: offset) }
    let segments = model.contents.inodes[file]?.current?.blocks[0]?.segments
    #expect(segments.map { $0.count <= BlockSegments.countMax } == true)
    #expect(model.evict(blocks: 1, writtenThrough: model.lsn) == 0)
    #expect(model.isRight())
    model.write(.of("w", block), at: 0)
    #expect(model.evict(blocks: 1, writtenThrough: model.lsn) == 1)
  }

  @Test func appendsOfSixtyFourBytesCanBeEvicted() {
    let model = ContentsModel()
    for index in 0..<64 { model.write(.of("w", 64), at: index * 64) }
    #expect(model.evict(blocks: 1, writtenThrough: model.lsn) == 1)
    #expect(model.isRight())
  }
}
