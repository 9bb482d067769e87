import FilesystemModel
import Testing

@testable import WritebackCache

private let block = DirtyContents.blockBytes

/// What the journal must keep of old records of a file's contents. RandomChangesTests has the rest.
@Suite struct CopyingTests {
  private func needed(_ model: ContentsModel, _ index: Int, isForReading: Bool = false) -> NeededContents? {
    let record = model.records[file]![index]
    return model.contents.needed(of: record.change, lsn: record.lsn, position: record.position, isForReading: isForReading)
  }

  @Test func bytesThatWereOverwrittenAreNotNeeded() {
    let model = ContentsModel()
    model.write(.of("a", 10), at: 0)
    model.write(.of("b", 3 * block), at: 0)
    model.write(.of("c", block), at: block)
    #expect(needed(model, 0)?.pieces == [])
    #expect(needed(model, 1)?.pieces == [0..<block, 2 * block..<3 * block])
    #expect(needed(model, 2)?.pieces == [block..<2 * block])
    model.resize(0)
    #expect(needed(model, 1) == nil && needed(model, 2)?.pieces == [])
    #expect(needed(model, 3)?.change.data == .resize(0))
  }

  @Test func theFirstRecordIsNeededForItsAgeWhateverIsLeftOfIt() {
    let model = ContentsModel()
    model.setPermissions(0o600)
    model.setPermissions(0o640)
    model.setPermissions(0o644)
    #expect(needed(model, 0)?.change == ContentChange(inode: file))
    #expect(needed(model, 1) == nil)
    #expect(needed(model, 2)?.change.attributes.permissions == 0o644)
  }

  @Test func ofAFileWithoutANameOnlyBytesAreNeeded() {
    let model = ContentsModel()
    model.setPermissions(0o600)
    model.write(.of("a", 10), at: 5)
    model.resize(100)
    #expect(needed(model, 0, isForReading: true) == nil && needed(model, 2, isForReading: true) == nil)
    #expect(needed(model, 1, isForReading: true)?.pieces == [5..<15])
  }

  @Test func bytesWithoutAPositionAreNeededOfEachRecordThatMayHaveThem() {
    let model = ContentsModel()
    model.write(.of("a", 10), at: 0, from: .memoryAlone)
    #expect(needed(model, 0)?.pieces == [0..<10])
    #expect(needed(model, 0, isForReading: true) == nil)
  }

  @Test func whatIsWrittenBackIsNotNeeded() {
    let model = ContentsModel()
    model.write(.of("a", 10), at: 0)
    let record = model.records[file]![0]
    #expect(model.writeBackAll())
    model.write(.of("b", 10), at: 0)
    #expect(model.contents.needed(of: record.change, lsn: record.lsn, position: record.position, isForReading: false) == nil)
  }

  @Test func copiesAreReadWhereTheyAreAndReplayedAsTheirOriginals() {
    let model = ContentsModel(backing: .of("o", 3 * block))
    model.write(.of("a", 2 * block), at: 100)
    model.write(.of("b", 50), at: 300)
    model.zero(400..<500)
    #expect(model.evict(blocks: 10, writtenThrough: LSN(9)) > 0)
    model.copyForward(file, through: model.lsn)
    #expect(model.isRight())
    model.recover()
    #expect(model.isRight() && model.writeBackAll() && model.isRight())
  }
}
