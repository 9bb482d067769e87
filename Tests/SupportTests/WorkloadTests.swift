import FilesystemModel
import StorageInterface
import Support
import Testing

@Suite struct WorkloadTests {
  @Test func seedDecidesTheWholeWorkload() {
    var first = WorkloadGenerator(seed: 7)
    var second = WorkloadGenerator(seed: 7)
    var other = WorkloadGenerator(seed: 8)
    let workload = first.workload(length: 100)
    #expect(workload == second.workload(length: 100))
    #expect(workload != other.workload(length: 100))
  }

  @Test func splitmixGivesThePublishedNumbers() {
    var generator = SeededGenerator(seed: 1_234_567)
    #expect(generator.next() == 6_457_827_717_110_365_317)
    #expect(generator.next() == 3_203_168_211_198_807_973)
  }

  @Test func mostOperationsOfAWorkloadForAFilesystemSucceed() {
    var generator = WorkloadGenerator(seed: Seed.fromEnvironment)
    var filesystem = ReferenceFilesystem(clock: SimulatedClock())
    let successes = generator.workload(length: 500, from: filesystem).count { operation in
      if case .success = operation.run(on: &filesystem).answer { true } else { false }
    }
    #expect(successes > 350 && successes < 500, "EBBFS_SEED=\(Seed.fromEnvironment): \(successes) of 500")
  }

  @Test func workloadForgetsWhatItLookedUp() {
    var filesystem = ReferenceFilesystem(clock: SimulatedClock())
    WorkloadOperation.makeDirectory("d", permissions: 0o755).run(on: &filesystem)
    let outcome = WorkloadOperation.create("d/a", permissions: 0o644).run(on: &filesystem)
    guard case .success(.entry(let entry)) = outcome.answer else {
      Issue.record("\(outcome)")
      return
    }
    WorkloadOperation.unlink("d/a").run(on: &filesystem)
    #expect(filesystem.apply(.getAttributes(entry.inode), from: Caller(owner: 0, group: 0)) == .failure(.stale))
  }

  @Test func enumerationGivesEveryWorkloadOnce() {
    let filesystem = ReferenceFilesystem(clock: SimulatedClock())
    let count = WorkloadAlphabet.small.operations.count
    var all: Set<[WorkloadOperation]> = []
    var given = 0
    WorkloadGenerator.enumerate(.small, length: 2, from: filesystem, onlySuccessful: false) { workload in
      all.insert(workload)
      given += 1
      return true
    }
    #expect(given == count * count && all.count == given)
  }

  @Test func enumerationOfSuccessfulWorkloadsLeavesOutFailuresAndStopsWhenTold() {
    let filesystem = ReferenceFilesystem(clock: SimulatedClock())
    var workloads: [[WorkloadOperation]] = []
    WorkloadGenerator.enumerate(.small, length: 2, from: filesystem) { workload in
      workloads.append(workload)
      return true
    }
    #expect(workloads.contains([.makeDirectory("d", permissions: 0o755), .create("d/b", permissions: 0o644)]))
    #expect(!workloads.contains { $0[0] == .unlink("a") })
    let isRight = workloads.allSatisfy { workload in
      var copy = filesystem
      return workload.allSatisfy { if case .success = $0.run(on: &copy).answer { true } else { false } }
    }
    #expect(isRight)
    var given = 0
    WorkloadGenerator.enumerate(.small, length: 2, from: filesystem) { _ in
      given += 1
      return given < 5
    }
    #expect(given == 5)
  }

  @Test func shrinkingKeepsOnlyWhatTheFailureNeeds() {
    let needed: Set<Int> = [3, 57, 58, 99]
    var runs = 0
    let smallest = shrink(Array(0..<100)) { candidate in
      runs += 1
      return needed.isSubset(of: candidate)
    }
    #expect(smallest == needed.sorted())
    #expect(runs < 200)
    #expect(shrink([1]) { _ in true } == [])
  }

  @Test func workloadIsPrintedAsSource() {
    let workload: [WorkloadOperation] = [
      .create("d/b", permissions: 0o644), .write("a", offset: 1, count: 2, fill: 3), .exchange("a", with: "d"),
      .allocate("a", .zeroRangeKeepSize, offset: 0, count: 9),
      .setExtendedAttribute("a", name: "user.x", [1, 2], .replace), .seek("a", offset: 0, .hole),
      .copyRange("a", offset: 1, to: "b", at: 2, count: 3), .symlink("s", target: "t"),
    ]
    #expect(
      swiftSource(of: workload) == """
        let workload: [WorkloadOperation] = [
          .create("d/b", permissions: 0o644),
          .write("a", offset: 1, count: 2, fill: 3),
          .exchange("a", with: "d"),
          .allocate("a", .zeroRangeKeepSize, offset: 0, count: 9),
          .setExtendedAttribute("a", name: "user.x", [1, 2], .replace),
          .seek("a", offset: 0, .hole),
          .copyRange("a", offset: 1, to: "b", at: 2, count: 3),
          .symlink("s", target: "t"),
        ]
        """)
  }
}
