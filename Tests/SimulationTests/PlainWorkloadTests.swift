import Support
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// What the full run is told by its environment.
enum SimulationSettings {
  static let isFull = unsafe getenv("EBBFS_SIM_FULL") != nil

  /// How long a random test goes on in the full run.
  static let seconds: Int = {
    guard let text = unsafe getenv("EBBFS_SIM_SECONDS") else { return 600 }
    return unsafe Int(String(cString: text)) ?? 600
  }()

  static func now() -> Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

@Suite(.serialized) struct PlainWorkloadTests {
  private static func violation(
    _ workload: [WorkloadOperation], _ tree: InitialTree, _ options: MountOptions, seed: UInt64
  ) -> String? {
    var generator = SeededGenerator(seed: seed)
    let events = workload.flatMap { operation -> [WalkEvent] in
      [
        .perform(operation), .jobs(Int.random(in: 0...6, using: &generator)),
        .pass(milliseconds: Int.random(in: 1...60, using: &generator)),
      ]
    }
    do {
      var trial = try CrashTrial(tree, options, seed: seed)
      try trial.run(events)
      return nil
    } catch {
      return "\(error)"
    }
  }

  @Test(arguments: InitialTree.forWalks, [false, true])
  func randomWorkloadsAreAnsweredAndWrittenBackAsTheReferenceHasThem(tree: InitialTree, isTiny: Bool) {
    let options = isTiny ? MountOptions.tiny() : MountOptions()
    let end = SimulationSettings.now() + (SimulationSettings.isFull ? Double(SimulationSettings.seconds) / 8 : 1.5)
    var seed = Seed.fromEnvironment
    var count = 0
    while SimulationSettings.now() < end {
      var generator = WorkloadGenerator(seed: seed)
      let workload = generator.workload(length: 5 + Int(seed % 56))
      count += 1
      if Self.violation(workload, tree, options, seed: seed) != nil {
        let smallest = shrink(workload) { Self.violation($0, tree, options, seed: seed) != nil }
        let why = Self.violation(smallest, tree, options, seed: seed) ?? ""
        Issue.record("seed \(seed), tree \(tree), tiny \(isTiny): \(why)\n\(swiftSource(of: smallest))")
        return
      }
      seed += 1
    }
    print("plain workloads: \(count) on \(tree), tiny \(isTiny), 0 violations")
  }
}
