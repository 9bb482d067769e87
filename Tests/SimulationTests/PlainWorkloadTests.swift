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
  static func fails(_ workload: [WorkloadOperation], _ tree: InitialTree, _ options: MountOptions, seed: UInt64) -> String? {
    do {
      var trial = try PlainTrial(tree, options, seed: seed)
      return trial.run(workload, stepsMax: 6)
    } catch {
      return "\(error)"
    }
  }

  @Test(arguments: InitialTree.forWalks, [false, true])
  func randomWorkloadsAreAnsweredAndWrittenBackAsTheReferenceHasThem(tree: InitialTree, isTiny: Bool) {
    let options = isTiny ? MountOptions.tiny() : MountOptions()
    let end = SimulationSettings.now() + (SimulationSettings.isFull ? Double(SimulationSettings.seconds) / 12 : 3)
    var seed = Seed.fromEnvironment
    var count = 0
    while SimulationSettings.now() < end {
      var generator = WorkloadGenerator(seed: seed)
      let workload = generator.workload(length: 5 + Int(seed % 56))
      count += 1
      if let wrong = Self.fails(workload, tree, options, seed: seed) {
        let smallest = shrink(workload) { Self.fails($0, tree, options, seed: seed) != nil }
        let why = Self.fails(smallest, tree, options, seed: seed) ?? wrong
        Issue.record("seed \(seed), tree \(tree), tiny \(isTiny): \(why)\n\(swiftSource(of: smallest))")
        return
      }
      seed += 1
    }
    print("plain workloads: \(count) on \(tree), tiny \(isTiny), without a difference")
  }
}
