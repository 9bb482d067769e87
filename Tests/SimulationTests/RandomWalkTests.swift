import Support
import Testing
import Threading

@Suite(.serialized) struct RandomWalkTests {
  private struct Progress {
    var seed = Seed.fromEnvironment
    var counts = TrialCounts()
    var violation: String?
  }

  @Test func randomLivesKeepThePromises() throws {
    let end = SimulationSettings.now() + (SimulationSettings.isFull ? SimulationSettings.seconds : 12)
    let progress = Lock(Progress())
    let threads = SimulationSettings.isFull ? SimulationSettings.threads : 1
    let pool = try ThreadPool(name: "random walk", threadsMax: threads, stackBytes: 8 << 20)
    for _ in 0..<threads { pool.run { while SimulationSettings.now() < end, Self.walkOnce(progress) {} } }
    pool.shutdown(waiting: nil)
    let (counts, violation) = progress.withLock { ($0.counts, $0.violation) }
    if let violation { Issue.record("\(violation)") }
    print(
      "random walks: \(counts.trials) lives, \(counts.operations) operations, \(counts.crashes) crashes,",
      "\(counts.recoveries) recoveries, \(counts.states) trees compared, \(violation == nil ? 0 : 1) violations")
  }

  private static func walkOnce(_ progress: Lock<Progress>) -> Bool {
    let seed = progress.withLock { progress in
      progress.seed += 1
      return progress.seed - 1
    }
    let walk = RandomWalk(seed: seed)
    var counts = TrialCounts()
    var violation: String?
    if walk.violation(walk.events, counts: &counts) != nil {
      let (events, why) = walk.shrunk()
      let list = events.map { "  \($0),\n" }.joined()
      let setting = "tree \(walk.tree), \(walk.variant), \(walk.options.configuration.durability)"
      violation = "seed \(seed), \(setting): \(why)\n[\n\(list)]"
    }
    return progress.withLock { progress in
      progress.counts = progress.counts + counts
      progress.violation = progress.violation ?? violation
      return progress.violation == nil
    }
  }
}
