import FilesystemModel
import JournalFormat
import Support
import Testing
import WriteAheadLog

/// Whole segment files missing, copied, exchanged, foreign or left over.
@Suite struct SegmentFileDamageTests {
  typealias Fixture = JournalFixture

  /// Five segments with twelve records, all durable.
  static func sample() throws -> SimulatedJournalStorage {
    try Fixture.storage([(1...12).flatMap { [Fixture.Step.append($0, 1000), .commit] }])
  }

  static func refusal(_ storage: SimulatedJournalStorage) -> JournalError? {
    do throws(JournalError) {
      _ = try Fixture.replay(storage)
      return nil
    } catch { return error }
  }

  @Test func twoFilesMissingInTheMiddleAreRefusedByNumber() throws {
    let storage = try Self.sample()
    storage.lose(2)
    storage.lose(3)
    #expect(
      Self.refusal(storage)
        == .corrupt(segment: 2, offset: 0, lsn: LSN(10), reason: "the files of segments 2 to 3 are missing"))
  }

  @Test func theFirstFileMissingIsRefused() throws {
    let storage = try Self.sample()
    storage.lose(1)
    #expect(Self.refusal(storage) == .corrupt(segment: 2, offset: 0, lsn: LSN(1), reason: "records 1 to 3 are missing"))
  }

  @Test(arguments: [1, 2, 3] as [UInt64]) func twoExchangedFilesAreRefused(_ number: UInt64) throws {
    let storage = try Self.sample()
    let bytes = storage.contents(of: number)
    storage.replace(number, with: storage.contents(of: number + 1))
    storage.replace(number + 1, with: bytes)
    #expect(Self.refusal(storage)?.description.contains("the file holds segment") == true)
  }

  @Test func aSegmentCopiedOverAnotherOrBehindTheLastIsRefused() throws {
    for target in [2, 3, 4, 5] as [UInt64] {
      let storage = try Self.sample()
      storage.replace(target, with: storage.contents(of: 1))
      #expect(
        Self.refusal(storage) == .corrupt(segment: target, offset: 0, lsn: LSN(1), reason: "the file holds segment 1"))
    }
  }

  @Test func aSegmentFilledWithZerosIsRefusedWhenItWasDurable() throws {
    let storage = try Self.sample()
    storage.fill(3, in: 0..<Fixture.segmentBytes, with: 0)
    guard case .corrupt(_, _, LSN(7), _)? = Self.refusal(storage) else {
      Issue.record("not refused at LSN 7: \(String(describing: Self.refusal(storage)))")
      return
    }
  }

  @Test func aSegmentOfAnotherJournalIsRefused() throws {
    let storage = try Self.sample()
    var header = try SegmentHeader(decoding: storage.contents(of: 2))
    header.journalUUID[3] ^= 0xff
    storage.replace(2, with: header.encoded() + storage.contents(of: 2)[SegmentHeader.bytes...])
    #expect(
      Self.refusal(storage) == .corrupt(segment: 2, offset: 0, lsn: LSN(4), reason: "the segment belongs to another journal"))
  }

  @Test func epochsMustNotDecrease() throws {
    let storage = try Fixture.storage([[.append(1, 0)], [.append(2, 0)], [.append(3, 0)]])
    var header = try SegmentHeader(decoding: storage.contents(of: 3))
    header.epoch = 1
    storage.replace(3, with: header.encoded() + storage.contents(of: 3)[SegmentHeader.bytes...])
    #expect(Self.refusal(storage)?.description.contains("epoch is older") == true)
  }

  @Test func aNewerMountsFirstLSNEndsTheSegmentsBeforeIt() throws {
    // The second mount found three records; two more of the first epoch turn up behind them again.
    let storage = try Fixture.storage([[.append(1, 0), .append(2, 0), .append(3, 0)], [.append(101, 0)]])
    let older = try Fixture.storage([(1...5).map { .append($0, 0) }])
    storage.replace(1, with: older.contents(of: 1))
    #expect(try Fixture.replay(storage).map(\.record) == [1, 2, 3, 101].map { Fixture.record($0) })
  }

  @Test func aRecordOfAnotherEpochIsNotTakenForOneOfTheSegments() throws {
    let storage = try Fixture.storage([[.append(1, 0), .append(2, 0)]])
    var bytes = storage.contents(of: 1)
    let second = SegmentHeader.bytes + Fixture.record(1).encodedBytes
    bytes[second + RecordLayout.epochOffset] = 0
    _ = Record.seal(in: &bytes, at: second)
    storage.replace(1, with: bytes)
    #expect(try Fixture.replay(storage).map(\.lsn) == [LSN(1)])
  }

  @Test func aNewerVersionIsRefusedAsSuch() throws {
    let storage = try Self.sample()
    var bytes = storage.contents(of: 4)
    bytes[8] = 9
    bytes.replaceSubrange(4092..<4096, with: headerChecksum(Array(bytes[..<4092])))
    storage.replace(4, with: bytes)
    #expect(Self.refusal(storage) == .newerVersion(found: 9, supported: 1, neededRelease: nil))
    #expect(Self.refusal(storage)?.description.contains("version 9") == true)
  }

  @Test func anotherBackingDirectoryIsRefusedAndNothingIsChanged() throws {
    let storage = try Self.sample()
    let other = Fixture.configuration(backing: "nfs server:/x /srv")
    #expect(throws: JournalError.otherBacking(recorded: "ext4 /dev/sda1 /srv", actual: "nfs server:/x /srv")) {
      try Journal.scan(storage, other)
    }
    #expect(storage.operations.isEmpty)
  }

  @Test func aDescriptionLongerThanAHeaderIsStillCompared() throws {
    let long = String(repeating: "/directory", count: 600)
    let storage = SimulatedJournalStorage()
    _ = try Fixture.start(storage, Fixture.configuration(backing: long + "a"))
    #expect(try Journal.scan(storage, Fixture.configuration(backing: long + "a")).epoch == 1)
    #expect(throws: JournalError.self) { try Journal.scan(storage, Fixture.configuration(backing: long + "b")) }
  }

  @Test func aReadErrorIsToldAndNotTakenForATornTail() throws {
    let storage = try Self.sample()
    storage.failReads(with: .inputOutput)
    guard case .storage(.inputOutput, _)? = Self.refusal(storage) else {
      Issue.record("\(String(describing: Self.refusal(storage)))")
      return
    }
  }

  @Test func everyRefusalIsOneLine() {
    let errors: [JournalError] = [
      .corrupt(segment: 1, offset: 2, lsn: LSN(3), reason: "r"), .newerVersion(found: 2, supported: 1, neededRelease: nil),
      .newerVersion(found: 2, supported: 1, neededRelease: "0.2.0"),
      .otherBacking(recorded: "a", actual: "b"), .tooSmall(needed: 1, available: 0), .storage(.inputOutput, doing: "d"),
    ]
    for error in errors { #expect(!error.description.contains("\n") && error.description.count < 300) }
  }
}

/// CRC32C bit by bit, as a second opinion on what the format says.
private func headerChecksum(_ bytes: [UInt8]) -> [UInt8] {
  var state = UInt32.max
  for byte in bytes {
    state ^= UInt32(byte)
    for _ in 0..<8 { state = state & 1 == 1 ? state >> 1 ^ 0x82f6_3b78 : state >> 1 }
  }
  return (0..<4).map { UInt8(truncatingIfNeeded: ~state >> (8 * UInt32($0))) }
}
