import FilesystemModel
import JournalFormat
import Support
import Testing
import WriteAheadLog

/// The catalogue of damage: what was durable and is not readable refuses the mount, what nobody was promised is cut, and
/// nothing but what was written is ever handed out.
@Suite struct JournalDamageTests {
  typealias Fixture = JournalFixture

  /// Three segments, two epochs, durable and not durable records, nothing cut.
  static func sample() throws -> SimulatedJournalStorage {
    try Fixture.storage([
      [
        .append(1, 0), .append(2, 40), .commit, .append(3, 1700), .append(4, 1900), .append(5, 10), .write, .append(6, 500),
        .commit,
        .append(7, 0), .append(8, 60),
      ],
      [.append(9, 0), .append(10, 30), .commit, .append(11, 0), .append(12, 20), .append(13, 0)],
    ])
  }

  /// What a scan of a damaged disk gives: the records, or the refusal.
  static func outcome(_ storage: SimulatedJournalStorage) -> Result<[LoggedRecord], JournalError> {
    do throws(JournalError) { return .success(try Fixture.replay(storage)) } catch { return .failure(error) }
  }

  /// Checks the rule for damage of the record with LSN `lost`: refuse exactly when a later record shows that it had been
  /// durable, else cut right before it.
  static func expectRuling(
    _ storage: SimulatedJournalStorage, lost: LSN, _ map: RecordMap, _ original: [LoggedRecord], _ what: String
  ) {
    switch outcome(storage) {
    case .success(let records):
      #expect(records == Array(original.prefix { $0.lsn < lost }), "\(what)")
      #expect(!map.showsDurable(lost), "\(what): LSN \(lost.rawValue) had been durable and was cut")
    case .failure(.corrupt(_, _, let lsn, _)):
      #expect(lsn == lost && map.showsDurable(lost), "\(what): refused at LSN \(lsn.rawValue)")
    case .failure(let error): Issue.record("\(what): \(error)")
    }
  }

  @Test(arguments: [1, 0x80, 0xff] as [UInt8]) func aFlippedByteOfAnyRecordIsRuledByTheStamps(_ mask: UInt8) throws {
    let storage = try Self.sample()
    let map = try RecordMap(storage)
    let original = try Fixture.replay(storage)
    var refused = 0
    for entry in map.entries {
      // Of long data a few bytes stand for all.
      for offset in entry.range
      where offset < entry.range.lowerBound + 120 || offset % 211 == 0 || offset == entry.range.upperBound - 1 {
        storage.flip(mask, in: entry.segment, at: offset)
        Self.expectRuling(storage, lost: entry.lsn, map, original, "byte \(offset) of segment \(entry.segment)")
        storage.flip(mask, in: entry.segment, at: offset)
      }
      refused += map.showsDurable(entry.lsn) ? 1 : 0
    }
    #expect(refused > 0 && refused < map.entries.count)
  }

  @Test func aFlippedByteBetweenRecordsChangesNothing() throws {
    let storage = try Self.sample()
    let map = try RecordMap(storage)
    let original = try Fixture.replay(storage)
    let entry = try #require(map.entries.first { $0.range.count % RecordLayout.alignment != 0 })
    storage.flip(0xff, in: entry.segment, at: entry.range.upperBound)
    #expect(try Fixture.replay(storage) == original)
  }

  @Test func everyRecordFilledWithZerosIsRuledByTheStamps() throws {
    let original = try Fixture.replay(Self.sample())
    for entry in try RecordMap(Self.sample()).entries {
      let storage = try Self.sample()
      let map = try RecordMap(storage)
      storage.fill(entry.segment, in: entry.range, with: 0)
      Self.expectRuling(storage, lost: entry.lsn, map, original, "record \(entry.lsn.rawValue) zeroed")
    }
  }

  @Test func aSegmentCutAtAnyByteIsRuledByTheStamps() throws {
    let sample = try Self.sample()
    let map = try RecordMap(sample)
    let original = try Fixture.replay(sample)
    for number in try sample.segments() {
      let entries = map.entries.filter { $0.segment == number }
      let end = entries.map(\.range.upperBound).max() ?? SegmentHeader.bytes
      for count in SegmentHeader.bytes...end where count < SegmentHeader.bytes + 150 || count % 97 == 0 || count > end - 50 {
        let storage = sample.copy()
        storage.truncate(number, to: count)
        if let lost = entries.first(where: { $0.range.upperBound > count }) {
          let left = map.cutting(number, to: count)
          Self.expectRuling(storage, lost: lost.lsn, left, original, "segment \(number) cut at \(count)")
        } else {
          #expect(try Fixture.replay(storage) == original)
        }
      }
    }
  }

  @Test func aMisdirectedSectorIsRuledByTheStamps() throws {
    let sample = try Self.sample()
    let map = try RecordMap(sample)
    let original = try Fixture.replay(sample)
    let sectors = try sample.segments().flatMap { segment in
      stride(from: SegmentHeader.bytes, to: Fixture.segmentBytes, by: SimulatedJournalStorage.sectorBytes).map {
        (segment: segment, range: $0..<$0 + SimulatedJournalStorage.sectorBytes)
      }
    }
    var damages = 0
    for source in sectors {
      for target in sectors {
        let storage = sample.copy()
        let changed = storage.misdirect(source.segment, source.range, to: target.segment, at: target.range.lowerBound)
        let damaged = map.entries.filter { entry in
          entry.segment == target.segment && changed.contains { entry.range.contains($0) }
        }
        guard let lost = damaged.first else {
          // Behind the last record a copy of an earlier one is no record either.
          #expect(try Fixture.replay(storage) == original)
          continue
        }
        damages += 1
        let what = "sector \(source) over \(target)"
        Self.expectRuling(storage, lost: lost.lsn, map.without(damaged), original, what)
      }
    }
    #expect(damages > 100)
  }

  @Test func aDamagedHeaderNeverLetsAWrongRecordThrough() throws {
    let sample = try Self.sample()
    let original = try Fixture.replay(sample)
    let map = try RecordMap(sample)
    for number in try sample.segments() {
      guard let first = map.entries.first(where: { $0.segment == number }) else { continue }
      for offset in [0, 7, 8, 16, 31, 33, 41, 49, 57, 64, 72, 500, 4091, 4092, 4095] {
        sample.flip(0x40, in: number, at: offset)
        switch Self.outcome(sample) {
        case .success(let records):
          #expect(records == Array(original.prefix { $0.lsn < first.lsn }) && !map.showsDurable(first.lsn))
        case .failure(.corrupt): break
        case .failure(let error): Issue.record("\(error)")
        }
        sample.flip(0x40, in: number, at: offset)
      }
    }
  }

  @Test func aDamagedHeaderOfAMountsFirstSegmentIsAlwaysRefused() throws {
    let storage = try Fixture.storage([[.append(1, 0)], [.append(2, 0), .append(3, 0)]])
    storage.flip(1, in: 2, at: 50)
    #expect(throws: JournalError.self) { try Fixture.replay(storage) }
  }

  @Test func aLostOnlyHeaderIsRefusedUnlessNothingWasEverWritten() throws {
    var storage = try Fixture.storage([[.append(1, 0)]])
    storage.fill(1, in: 0..<SegmentHeader.bytes, with: 0)
    #expect(throws: JournalError.corrupt(segment: 1, offset: 0, lsn: .zero, reason: "no segment has a readable header")) {
      try Fixture.replay(storage)
    }
    storage = try Fixture.storage([[]])
    storage.fill(1, in: 0..<512, with: 0)
    let scan = try Journal.scan(storage, Fixture.configuration())
    #expect(scan.isEmpty)
    let journal = try Journal(
      starting: scan, storage: storage, configuration: Fixture.configuration(), runner: SimulatedJournalJobs(),
      clock: SimulatedClock())
    _ = journal.append(Fixture.record(1))
    try journal.commit()
    #expect(try Fixture.replay(storage).count == 1)
  }

  @Test func bytesOfAUserThatLookLikeRecordsAreNotTakenForEvidence() throws {
    // A file that holds a copy of the journal's own segment is written, and its record is torn.
    let storage = try Fixture.storage([[.append(1, 0), .append(2, 0), .commit, .append(3, 0), .commit]])
    let journal = try Fixture.start(storage)
    let copied = Array(storage.contents(of: 1)[4096..<4500])
    let change = ContentChange(inode: InodeNumber(9), data: .write(offset: 0, count: copied.count), sizeAfter: copied.count)
    _ = journal.append(.content(change, bytes: copied, time: Timestamp(seconds: 0), request: 0))
    journal.pump()
    storage.flip(1, in: 2, at: SegmentHeader.bytes + 50)
    let scan = try Journal.scan(storage, Fixture.configuration())
    #expect(scan.nextLSN == LSN(4))
    #expect(scan.tornTail?.lsn == LSN(4))
  }
}
