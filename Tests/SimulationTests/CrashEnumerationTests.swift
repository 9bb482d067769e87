import FilesystemModel
import Support
import Testing

@Suite(.serialized) struct CrashEnumerationTests {
  /// Every workload of so many operations that change something, with fsync placed everywhere.
  static func workloads(length: Int, _ tree: InitialTree) throws -> [[WorkloadOperation]] {
    let reference = ReferenceFilesystem(try tree.backing(SimulatedClock()))
    var workloads: [[WorkloadOperation]] = []
    WorkloadGenerator.enumerate(.small, length: length, from: reference) { workload in
      if workload.allSatisfy(\.isMutation) {
        for places in 0..<(1 << length) { workloads.append(withFsync(workload, places)) }
      }
      return true
    }
    return workloads
  }

  private static func withFsync(_ workload: [WorkloadOperation], _ places: Int) -> [WorkloadOperation] {
    workload.enumerated().flatMap { place, operation in
      places >> place & 1 == 1 ? [operation, .synchronize(".")] : [operation]
    }
  }

  /// All workloads with all their crashes in the full run, else as many as there is time for with a few crashes of each.
  private func enumerate(length: Int, again: Bool, seconds: Double) throws {
    let tree = InitialTree.small
    let seed = Seed.fromEnvironment
    var generator = SeededGenerator(seed: seed)
    var workloads = try Self.workloads(length: length, tree)
    workloads.shuffle(using: &generator)
    let isFull = SimulationSettings.isFull
    let end = SimulationSettings.now() + (isFull ? Double(SimulationSettings.seconds) : seconds)
    var counts = TrialCounts()
    var done = 0
    for workload in workloads where SimulationSettings.now() < end {
      let isTiny = done % 4 == 3
      let options = isTiny ? MountOptions.tiny() : MountOptions.small()
      var enumeration = CrashEnumeration(tree: tree, options: options, seed: seed &+ UInt64(done))
      let found = enumeration.firstViolation(workload, again: again, crashesMax: isFull ? .max : 12, using: &generator)
      if let (plans, why) = found {
        Issue.record("seed \(enumeration.seed), tiny \(isTiny), \(plans): \(why)\n\(swiftSource(of: workload))")
        return
      }
      counts = counts + enumeration.counts
      done += 1
    }
    print(
      "crash enumeration, \(length) operations, \(again ? "two crashes" : "one crash"): \(done) of \(workloads.count) workloads,",
      "\(counts.crashes) crashes, \(counts.recoveries) recoveries, \(counts.states) trees compared, 0 violations")
  }

  @Test func oneOperationSurvivesEveryCrash() throws { try enumerate(length: 1, again: false, seconds: 3) }
  @Test func twoOperationsSurviveEveryCrash() throws { try enumerate(length: 2, again: false, seconds: 4) }
  @Test func threeOperationsSurviveEveryCrash() throws { try enumerate(length: 3, again: false, seconds: 6) }
  @Test func twoOperationsSurviveACrashAndOneDuringRecovery() throws { try enumerate(length: 2, again: true, seconds: 4) }
  @Test func threeOperationsSurviveACrashAndOneDuringRecovery() throws { try enumerate(length: 3, again: true, seconds: 4) }
}
