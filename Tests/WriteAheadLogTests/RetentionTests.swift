import FilesystemModel
import JournalFormat
import StorageInterface
import Support
import Testing
import WriteAheadLog

/// Retired segments that are kept for audit.
@Suite struct RetentionTests {
  typealias Fixture = JournalFixture
  static let segment = Fixture.segmentBytes

  static func configuration(_ retention: Retention) -> JournalConfiguration {
    var configuration = Fixture.configuration()
    configuration.retention = retention
    return configuration
  }

  /// Appends records that fill a segment for every three, then retires everything but the current segment.
  static func work(_ journal: Journal, _ numbers: ClosedRange<Int>, now: Timestamp = Timestamp(seconds: 0)) throws {
    for number in numbers { _ = journal.append(Fixture.record(number, bytes: 1000)) }
    _ = journal.appendCheckpoint(lowWater: journal.lastLSN.next, nextInode: InodeNumber(2), table: [])
    try journal.commit()
    try journal.retireSegments(below: journal.lastLSN)
    try journal.pruneRetained(now: now)
  }

  static func numbers(_ storage: SimulatedJournalStorage) throws -> [UInt64] { try storage.shelved(.retained).map(\.number) }

  @Test func retiredSegmentsAreKeptUpToTheLimitAndTheOldestGoFirst() throws {
    let storage = SimulatedJournalStorage()
    let journal = try Fixture.start(storage, Self.configuration(.bytes(3 * Self.segment + 100)))
    try Self.work(journal, 1...7)
    #expect(try Self.numbers(storage) == [1, 2])
    #expect(journal.retained.bytes == 2 * Self.segment && journal.metrics.segmentsRecycled.value == 0)
    try Self.work(journal, 8...30)
    let kept = try Self.numbers(storage)
    #expect(kept.count == 3 && kept == Array(kept[0]...kept[0] + 2), "whole segments, without gaps: \(kept)")
    #expect(try kept[2] + 1 == storage.segments()[0])
    #expect(journal.metrics.segmentsRecycled.value > 0, "what is given up is written again")
    for number in kept {
      #expect(try SegmentHeader(decoding: storage.contents(of: number, on: .retained)).number == number)
    }
  }

  @Test func withoutTheOptionNothingIsKept() throws {
    let storage = SimulatedJournalStorage()
    let journal = try Fixture.start(storage)
    try Self.work(journal, 1...30)
    #expect(try Self.numbers(storage) == [])
  }

  @Test func segmentsAreKeptForTheTimeGivenFromTheirLastWrite() throws {
    let storage = SimulatedJournalStorage()
    let journal = try Fixture.start(storage, Self.configuration(.time(milliseconds: 60_000)))
    storage.setTime(Timestamp(seconds: 100))
    try Self.work(journal, 1...14, now: Timestamp(seconds: 100))
    storage.setTime(Timestamp(seconds: 130, nanoseconds: 500_000_000))
    try Self.work(journal, 15...28, now: Timestamp(seconds: 131))
    let all = try Self.numbers(storage)
    #expect(all.count >= 3 && !journal.hasExcessRetained(now: Timestamp(seconds: 159, nanoseconds: 999_000_000)))
    #expect(journal.hasExcessRetained(now: Timestamp(seconds: 160)))
    try journal.pruneRetained(now: Timestamp(seconds: 160))
    let left = try Self.numbers(storage)
    #expect(!left.isEmpty && left.count < all.count)
    try journal.pruneRetained(now: Timestamp(seconds: 190, nanoseconds: 499_000_000))
    #expect(try Self.numbers(storage) == left)
    try journal.pruneRetained(now: Timestamp(seconds: 190, nanoseconds: 500_000_000))
    #expect(try Self.numbers(storage) == [])
  }

  @Test func whatIsKeptSurvivesRemountsAndIsPrunedWhenTheLimitIsLowered() throws {
    let storage = SimulatedJournalStorage()
    try Self.work(try Fixture.start(storage, Self.configuration(.bytes(1 << 20))), 1...40)
    let kept = try Self.numbers(storage)
    #expect(kept.count >= 5)
    storage.restart()
    let second = try Fixture.start(storage, Self.configuration(.bytes(1 << 20)))
    try second.pruneRetained(now: Timestamp(seconds: 0))
    #expect(try Self.numbers(storage) == kept && second.retained.segments == kept.count)
    storage.restart()
    let third = try Fixture.start(storage, Self.configuration(.bytes(2 * Self.segment)))
    #expect(third.hasExcessRetained(now: Timestamp(seconds: 0)))
    try third.pruneRetained(now: Timestamp(seconds: 0))
    #expect(try Self.numbers(storage) == kept.suffix(2))
    storage.restart()
    let fourth = try Fixture.start(storage)
    try fourth.pruneRetained(now: Timestamp(seconds: 0))
    #expect(try Self.numbers(storage) == [])
  }

  @Test(arguments: [0, 20, 40, 4095, 5000]) func damageOfWhatIsKeptDisturbsNoMount(_ offset: Int) throws {
    let storage = SimulatedJournalStorage()
    let configuration = Self.configuration(.bytes(3 * Self.segment))
    try Self.work(try Fixture.start(storage, configuration), 1...40)
    for number in try Self.numbers(storage) { storage.flip(0xff, in: number, on: .retained, at: offset) }
    // Damaged segments are given up, become spares if at all they can, and the journal goes on over them.
    for round in 0..<3 {
      storage.restart()
      try Self.work(try Fixture.start(storage, configuration), 100 * (round + 1)...100 * (round + 1) + 40)
      storage.restart()
      let scan = try Journal.scan(storage, configuration)
      #expect(scan.tornTail == nil)
    }
  }

  @Test func onAFullDiskWhatIsKeptGoesFirst() throws {
    let storage = SimulatedJournalStorage()
    let configuration = Self.configuration(.bytes(1 << 20))
    let journal = try Fixture.start(storage, configuration)
    try Self.work(journal, 1...40)
    let kept = try Self.numbers(storage).count
    storage.setBytesAvailable(0)
    for number in 41...(40 + 3 * (kept - 2)) { _ = journal.append(Fixture.record(number, bytes: 1000)) }
    try journal.commit()
    #expect(journal.failure == nil)
    #expect(try Self.numbers(storage).count < kept)
    storage.restart()
    let left = try Self.numbers(storage).count
    let next = try Fixture.start(storage, configuration)
    #expect(try Self.numbers(storage).count <= left)
    _ = next.append(Fixture.record(1000))
    try next.commit()
    #expect(try Fixture.replay(storage).last?.record == Fixture.record(1000))
  }

  @Test func anUnfitSegmentOnAFullDiskIsRemovedForItsSpace() throws {
    let storage = SimulatedJournalStorage()
    let configuration = Self.configuration(.bytes(1 << 20))
    try Self.work(try Fixture.start(storage, configuration), 1...40)
    for number in try Self.numbers(storage) { storage.flip(0xff, in: number, on: .retained, at: 20) }
    storage.restart()
    storage.setBytesAvailable(0)
    let journal = try Fixture.start(storage, configuration)
    _ = journal.append(Fixture.record(1000))
    try journal.commit()
    #expect(try Fixture.replay(storage).last?.record == Fixture.record(1000))
  }

  /// The process dies, or a call fails, at each operation on the disk: nothing durable is lost, and what is kept has no gap.
  @Test(arguments: [false, true]) func everyStepMayBeTheLast(_ isFailure: Bool) throws {
    let configuration = Self.configuration(.bytes(2 * Self.segment))
    var index = 0
    while true {
      let storage = SimulatedJournalStorage()
      if isFailure { storage.failLate(operation: index, with: .inputOutput) } else { storage.die(atOperation: index) }
      var durable = 0
      do {
        let journal = try Fixture.start(storage, configuration)
        for round in 0..<4 {
          let numbers = round * 10 + 1...round * 10 + 10
          for number in numbers { _ = journal.append(Fixture.record(number, bytes: 1000)) }
          try journal.commit()
          durable = numbers.upperBound
          try? Self.work(journal, 1000 + round...1000 + round)
        }
      } catch {}
      let isOver = isFailure ? storage.operations.count <= index : !storage.isDead
      storage.restart()
      let journal = try Fixture.start(storage, configuration)
      try journal.pruneRetained(now: Timestamp(seconds: 0))
      let kept = try Self.numbers(storage)
      #expect(kept.count <= 2, "operation \(index): \(kept)")
      if let first = kept.first {
        #expect(kept == Array(first..<first + UInt64(kept.count)), "operation \(index): \(kept)")
        #expect(try storage.segments()[0] == first + UInt64(kept.count), "operation \(index): \(kept)")
      }
      let scan = try Journal.scan(storage, configuration)
      #expect(Int(scan.nextLSN.rawValue) > durable, "operation \(index)")
      if isOver { break }
      index += 1
    }
    #expect(index > 30)
  }
}
