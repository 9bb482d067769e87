import FilesystemModel
import JournalFormat
import Support
import Testing
import Threading
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

  @Test func theReadingOfAJournalTellsHowFarItIs() throws {
    let seen = Lock<[JournalReading]>([])
    _ = try JournalInspector.check(JournalDamageTests.sample()) { reading in seen.withLock { $0.append(reading) } }
    let readings = seen.withLock { $0 }
    #expect(readings.count == 3, "three segments, each read once")
    #expect(Set(readings.map(\.bytesTotal)) == [3 * JournalFixture.segmentBytes])
    let parts = readings.map { $0.bytesRead / JournalFixture.segmentBytes }
    #expect(parts == [1, 2, 3], "\(parts)")
  }

  @Test func checkWorksForAnyBackingDirectoryAndTellsWhich() throws {
    let report = try JournalInspector.check(JournalDamageTests.sample())
    #expect(report.backingDescription == "ext4 /dev/sda1 /srv")
    #expect(
      report.description == "clean; 3 segments of format version 1, epoch 2, LSN 1 to 13, low-water 1: 5 namespace, 8 content")
  }
}
