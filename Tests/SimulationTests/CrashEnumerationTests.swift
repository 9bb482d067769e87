import FilesystemModel
import Support
import Testing

@Suite(.serialized) struct CrashEnumerationTests {
  /// Every workload of so many operations that change something, with fsync placed everywhere. None is another one with other
  /// names: one of the two files is at the root and one in a directory, and one of the two directories is there.
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
    let seed = Seed.fromEnvironment
    var generator = SeededGenerator(seed: seed)
    var workloads = try Self.workloads(length: length, .small)
    workloads.shuffle(using: &generator)
    let shard = SimulationSettings.shard
    workloads = workloads.indices.filter { $0 % shard.count == shard.place }.map { workloads[$0] }
    let isFull = SimulationSettings.isFull
    let title = "crash enumeration, \(length) operations, \(again ? "two crashes" : "one crash"), seed \(seed)"
    let run = EnumerationRun(
      title: title, workloads, again: again, crashesMax: isFull ? .max : 12, seed: seed,
      end: SimulationSettings.now() + (isFull ? SimulationSettings.enumerationSeconds : seconds))
    let result = try run.run(threads: isFull ? SimulationSettings.threads : 1)
    for violation in result.violations { Issue.record("\(violation)") }
    print("\(title): \(result.workloads) of \(workloads.count) workloads, \(result.text)")
  }

  /// That it can fail; and that the crashes it leaves out would not have told more.
  @Test(arguments: [\ProtocolRules.intentIsDurableFirst, \.plansAreRedone])
  func theEnumerationFindsWhatARuleIsFor(rule: WritableKeyPath<ProtocolRules, Bool> & Sendable) throws {
    var rules = ProtocolRules()
    rules[keyPath: rule] = false
    let options = MountOptions.small(rules: rules, durability: .system)
    let workloads = try Self.workloads(length: 2, .small)
    var generator = SeededGenerator(seed: 1)
    var broken = 0
    for place in stride(from: 0, to: workloads.count, by: SimulationSettings.isFull ? 5 : 31) {
      let violations = [false, true].map { triesEqualCrashes in
        var enumeration = CrashEnumeration(
          tree: .small, options: options, seed: UInt64(place), triesEqualCrashes: triesEqualCrashes)
        return enumeration.firstViolation(workloads[place], again: false, using: &generator)
      }
      if violations[0] != nil { broken += 1 }
      #expect((violations[0] == nil) == (violations[1] == nil), "\(swiftSource(of: workloads[place])) \(violations)")
    }
    print("crash enumeration without \(rule): \(broken) workloads break a promise")
    #expect(broken > 0)
  }

  @Test func oneOperationSurvivesEveryCrash() throws { try enumerate(length: 1, again: false, seconds: 3) }
  @Test func twoOperationsSurviveEveryCrash() throws { try enumerate(length: 2, again: false, seconds: 4) }
  @Test func threeOperationsSurviveEveryCrash() throws { try enumerate(length: 3, again: false, seconds: 6) }
  @Test func twoOperationsSurviveACrashAndOneDuringRecovery() throws { try enumerate(length: 2, again: true, seconds: 4) }
  @Test func threeOperationsSurviveACrashAndOneDuringRecovery() throws { try enumerate(length: 3, again: true, seconds: 4) }
}
