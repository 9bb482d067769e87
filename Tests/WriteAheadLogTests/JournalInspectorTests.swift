import FilesystemModel
import JournalFormat
import Support
import Testing
import WriteAheadLog

@Suite struct JournalInspectorTests {
  typealias Fixture = JournalFixture

  @Test func checkTellsEmptyCleanTornAndCorruptApart() throws {
    #expect(try JournalInspector.check(SimulatedJournalStorage()).verdict == .empty)
    let storage = try JournalDamageTests.sample()
    let clean = try JournalInspector.check(storage)
    #expect(clean.verdict == .clean && clean.isAcceptable)
    #expect(clean.firstLSN == LSN(1) && clean.lastLSN == LSN(13) && clean.epoch == 2)
    #expect(clean.recordsByType.map(\.count) == [5, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    let map = try RecordMap(storage)
    let last = try #require(map.entries.last)
    storage.flip(1, in: last.segment, at: last.range.upperBound - 1)
    guard case .torn(let tail) = try JournalInspector.check(storage).verdict else {
      Issue.record("not torn")
      return
    }
    #expect(tail.lsn == LSN(13))
    storage.flip(1, in: 1, at: map.entries[1].range.lowerBound + 45)
    let corrupt = try JournalInspector.check(storage)
    #expect(!corrupt.isAcceptable && corrupt.description.contains("LSN 2, segment 1"))
    #expect(storage.operations.isEmpty, "looking at a journal changes nothing")
  }

  @Test func checkWorksForAnyBackingDirectoryAndTellsWhich() throws {
    let report = try JournalInspector.check(JournalDamageTests.sample())
    #expect(report.backingDescription == "ext4 /dev/sda1 /srv")
    #expect(report.description == "clean; 3 segments, epoch 2, LSN 1 to 13, low-water 1: 5 namespace, 8 content")
  }

  @Test func dumpHasOneLinePerSegmentAndRecordWithoutContents() throws {
    let storage = SimulatedJournalStorage()
    let journal = try Fixture.start(storage)
    _ = journal.append(Fixture.record(1))
    let secret = Array("secret contents".utf8)
    let change = ContentChange(inode: InodeNumber(2), data: .write(offset: 7, count: secret.count), sizeAfter: 22)
    _ = journal.append(.content(change, bytes: secret, time: Timestamp(seconds: 3, nanoseconds: 4), request: 5))
    _ = journal.append(
      .namespace(
        .link(InodeNumber(2), at: Location(.root, EntryName(unchecked: [0x1b, 0x22, 0x41]))), time: Timestamp(seconds: 0),
        request: 6))
    _ = journal.appendCheckpoint(lowWater: LSN(1), nextInode: InodeNumber(3), table: [JournalCheckpointTests.binding(2)])
    journal.pump()
    var lines: [String] = []
    try JournalInspector.dump(storage) { lines.append($0) }
    #expect(lines.count == 8)
    #expect(
      lines[0].hasPrefix("segment 1: journal 6465666768696a6b6c6d6e6f70717273 epoch 1 first LSN 1 durable 0 backing \"ext4"))
    #expect(lines[1].hasPrefix("1 epoch 1 at 1:4096 "))
    #expect(lines[1].hasSuffix("namespace remove 1 from 1/\"name\" time 1.000000000 request 1"))
    #expect(lines[2].hasSuffix("content inode 2 write 15 bytes at 7 size 22 time 3.000000004 request 5"))
    #expect(lines[3].contains("link 2 at 1/\"\\x1b\\\"A\""))
    #expect(lines[5].contains("checkpoint table 1 rows"))
    #expect(lines[7].hasPrefix("segment 1: no record at offset "))
    #expect(!lines.joined().contains("secret") && !lines.joined().contains("\u{1b}"))
  }

  @Test func dumpGoesOnBehindADamagedSegment() throws {
    let storage = try SegmentFileDamageTests.sample()
    storage.flip(1, in: 2, at: 20)
    var lines: [String] = []
    try JournalInspector.dump(storage) { lines.append($0) }
    #expect(lines.contains("segment 2: no readable header"))
    #expect(lines.contains { $0.hasPrefix("7 epoch 1 at 3:4096 ") })
  }
}
