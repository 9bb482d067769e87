import Engine
import FilesystemModel
import StorageInterface
import Support
import Testing

/// Age, memory and journal stay bounded while changes come without end (P6, A1).
@Suite(.serialized) struct PressureTests {
  /// Performs the operations again and again, all jobs run as they come; answers the greatest age and the most pending
  /// operations.
  private func flood(_ operations: [WorkloadOperation], times: Int, _ options: MountOptions) throws -> (
    ageMilliseconds: Int, pending: Int, mount: SimulatedMount
  ) {
    let clock = SimulatedClock()
    let backing = try InitialTree.model.backing(clock)
    var mount = try SimulatedMount(backing, clock: clock, options: options, seed: Seed.fromEnvironment)
    var age = 0
    var pending = 0
    for _ in 0..<times {
      for operation in operations {
        guard case .success = operation.run(on: &mount).answer else { throw Stuck(description: "\(operation) failed") }
        if let stuck = mount.stuck { throw Stuck(description: stuck) }
        mount.pass(milliseconds: 10)
        while mount.step() {}
        let status = mount.engine.status()
        age = max(age, status.oldestAgeMilliseconds)
        pending = max(pending, status.pendingOperations)
      }
    }
    try mount.drain()
    return (age, pending, mount)
  }

  @Test func aFileThatIsWrittenWithoutEndIsWrittenBackAtItsDeadline() throws {
    let write = WorkloadOperation.write("a", offset: 0, count: 600, fill: 7)
    let result = try flood([write], times: 200, MountOptions())
    // The deadline is 200 ms; a round of jobs comes every 10.
    #expect(result.ageMilliseconds <= 240, "age \(result.ageMilliseconds) ms")
  }

  @Test func renamesThereAndBackDoNotPileUp() throws {
    let result = try flood([.rename("a", to: "c"), .rename("c", to: "a")], times: 200, MountOptions())
    #expect(result.ageMilliseconds <= 300, "age \(result.ageMilliseconds) ms")
    #expect(result.pending <= 40, "\(result.pending) pending operations")
  }

  @Test func replacementsByRenameDoNotPileUp() throws {
    let result = try flood(
      [
        .create("c", permissions: 0o644), .write("c", offset: 0, count: 600, fill: 1), .rename("c", to: "a"),
      ], times: 100, MountOptions())
    #expect(result.ageMilliseconds <= 400, "age \(result.ageMilliseconds) ms")
    #expect(result.pending <= 60, "\(result.pending) pending operations")
  }

  @Test func aSmallJournalIsUsedAgainAndAgain() throws {
    let write = WorkloadOperation.write("a", offset: 0, count: 4000, fill: 7)
    let result = try flood([write], times: 200, .tiny())
    let reused = result.mount.journalDisk.operations.count {
      if case .recycle = $0 { true } else if case .remove = $0 { true } else { false }
    }
    #expect(reused > 20, "\(reused) segments were retired")
    #expect(result.mount.engine.status().journalUsedBytes <= 128 << 10)
  }

  @Test func writersWaitForASlowBackingDirectoryAndNothingIsLost() throws {
    let clock = SimulatedClock()
    let backing = try InitialTree.model.backing(clock)
    var mount = try SimulatedMount(backing, clock: clock, options: .tiny(), seed: Seed.fromEnvironment)
    var reference = ReferenceFilesystem(backing)
    for place in 0..<100 {
      clock.advance(milliseconds: 1)
      let operation = WorkloadOperation.write("b", offset: place * 4096, count: 4096, fill: UInt8(1 + place))
      guard case .success = operation.run(on: &mount).answer else { throw Stuck(description: mount.stuck ?? "refused") }
      operation.run(on: &reference)
    }
    #expect(try mount.snapshot().differences(from: reference.snapshot(), ignoring: .times) == [])
    try mount.drain()
    #expect(backing.snapshot().differences(from: reference.snapshot(), ignoring: .times) == [])
  }

  @Test func shortLivesThatAreNeverIdleDoNotPileUpSegments() throws {
    let clock = SimulatedClock()
    let backing = try InitialTree.model.backing(clock)
    var mount = try SimulatedMount(backing, clock: clock, options: MountOptions(), seed: Seed.fromEnvironment)
    var segments = 0
    for life in 0..<30 {
      for place in 0..<20 {
        let operation = WorkloadOperation.write(place % 2 == 0 ? "a" : "b", offset: 0, count: 100, fill: UInt8(1 + place))
        guard case .success = operation.run(on: &mount).answer else { throw Stuck(description: "life \(life): refused") }
        mount.pass(milliseconds: 20)
        while mount.step() {}
      }
      segments = max(segments, try mount.journalDisk.segments().count)
      mount.crash(.processDeath)
      try mount.remount()
    }
    #expect(segments <= 8, "\(segments) segments")
  }
}
