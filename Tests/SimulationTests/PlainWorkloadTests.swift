import Support
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// What the full run is told by its environment.
enum SimulationSettings {
  static let isFull = unsafe getenv("EBBFS_SIM_FULL") != nil

  /// How long a random test goes on in the full run, and an enumeration at most: EBBFS_SIM_SECONDS, else 600 and to its end.
  static let seconds = secondsMax ?? 600
  static let enumerationSeconds = secondsMax ?? .infinity

  private static let secondsMax: Double? =
    if let text = unsafe getenv("EBBFS_SIM_SECONDS") { unsafe Double(String(cString: text)) } else { nil }

  /// EBBFS_SIM_SHARD=k/n, k from 1 to n, takes one of n parts of each enumeration; with EBBFS_SEED the parts are together the
  /// whole.
  static let shard: (place: Int, count: Int) = {
    let text = unsafe getenv("EBBFS_SIM_SHARD").map { unsafe String(cString: $0) } ?? "1/1"
    let numbers = text.split(separator: "/").compactMap { Int($0) }
    precondition(numbers.count == 2 && 1...max(numbers[1], 1) ~= numbers[0], "EBBFS_SIM_SHARD is k/n")
    return (numbers[0] - 1, numbers[1])
  }()

  /// EBBFS_SIM_FIRST, the place of the first workload that an enumeration takes: a run that was cut short goes on with the same
  /// EBBFS_SEED.
  static let firstWorkload = unsafe getenv("EBBFS_SIM_FIRST").flatMap { unsafe Int(String(cString: $0)) } ?? 0

  /// EBBFS_SIM_THREADS, else all processors.
  static let threads: Int = {
    guard let text = unsafe getenv("EBBFS_SIM_THREADS"), let count = unsafe Int(String(cString: text)), count > 0 else {
      return max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    }
    return count
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
    let end = SimulationSettings.now() + (SimulationSettings.isFull ? SimulationSettings.seconds / 8 : 1.5)
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
