import FilesystemModel
import StorageInterface
import Support
import Testing
import Threading

@Suite struct SurroundingsTests {
  @Test func clockStandsStillUntilItIsTurned() {
    let clock = SimulatedClock(startingAt: Timestamp(seconds: 10, nanoseconds: 999_000_000))
    #expect(clock.now() == clock.now())
    clock.advance(milliseconds: 1500)
    #expect(clock.now() == Timestamp(seconds: 12, nanoseconds: 499_000_000))
    clock.set(Timestamp(seconds: 5))
    #expect(clock.now() == Timestamp(seconds: 5) && clock.uptimeMilliseconds() == 1500)
    let ticking = SimulatedClock(nanosecondsPerReading: 1)
    #expect(ticking.now() < ticking.now())
  }

  @Test func jobsRunOnceInAnOrderThatTheSeedDecides() {
    func order(seed: UInt64) -> [Int] {
      let runner = SimulatedJobRunner()
      let done = Lock<[Int]>([])
      for number in 0..<20 { runner.run(.load) { done.withLock { $0.append(number) } } }
      var generator = SeededGenerator(seed: seed)
      #expect(runner.runAll(using: &generator) == 20)
      return done.withLock { $0 }
    }
    #expect(order(seed: 1) == order(seed: 1) && order(seed: 1) != order(seed: 2))
    #expect(order(seed: 1).sorted() == Array(0..<20))
  }

  @Test func jobsMayAddJobsAndAreCountedByKind() {
    let runner = SimulatedJobRunner()
    runner.run(.journal) { runner.run(.writeBack) { runner.run(.writeBack) {} } }
    runner.run(.load) {}
    #expect(runner.waitingCount() == 2 && runner.waitingCount(.writeBack) == 0)
    #expect(runner.runOldest(of: [.writeBack]) == nil)
    #expect(runner.runOldest() == .journal)
    #expect(runner.runAll(of: [.writeBack]) == 2)
    #expect(runner.runCount(.writeBack) == 2 && runner.waitingCount(.load) == 1)
    runner.discardAll()
    #expect(runner.runAll() == 0)
  }

  @Test func snapshotDifferencesNamePathAndAspect() throws {
    let storage = makeStorage()
    try storage.put("a", "hello")
    try storage.put("b", "1")
    let before = storage.snapshot()
    #expect(before.differences(from: before).isEmpty)
    try storage.open("a", writable: true).write(Array("p".utf8), at: 3)
    try storage.removeFile("b")
    let lines = before.differences(from: storage.snapshot(), ignoring: .times)
    #expect(lines.count == 2 && lines[0] == "  a: bytes at 3 -[108, 111] +[112, 111]" && lines[1].hasPrefix("- b: "))
    #expect(!before.differences(from: storage.snapshot(), ignoring: .fileTimes).allSatisfy { !$0.hasPrefix("  .") })
  }

  @Test func namesOfAnyBytesSurviveTheirText() throws {
    let name = EntryName(unchecked: [0x61, 0x5c, 0xff, 0x20, 0x0a, 0xc3, 0xa4])
    #expect(TreeSnapshot.text(of: name) == "a\\x5c\\xff \\x0a\\xc3\\xa4")
    #expect(TreeSnapshot.name(of: TreeSnapshot.text(of: name)) == name)
    let storage = makeStorage()
    try storage.make(BackingPath([name]), kind: .directory, device: 0, target: [])
    _ = try storage.createFile(BackingPath([name, name]))
    #expect(ReferenceFilesystem(storage).snapshot() == storage.snapshot())
  }

  @Test func storageIsSafeForManyThreads() throws {
    let storage = makeStorage()
    let failures = Lock<[Errno]>([])
    onThreads(count: 4) { number in
      do throws(Errno) {
        for round in 0..<50 {
          let path = BackingPath("f\(number)-\(round)")
          try storage.createFile(path).write([UInt8(number)], at: 0)
          try storage.synchronizeDirectory(.root)
          if round % 2 == 0 { try storage.removeFile(path) }
        }
      } catch {
        failures.withLock { $0.append(error) }
      }
    }
    #expect(failures.withLock { $0.isEmpty })
    #expect(storage.paths().count == 1 + 4 * 25)
    #expect(storage.callCount(.createFile) == 200)
  }
}
