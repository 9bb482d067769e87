import Support
import Testing

@Suite(.serialized) struct RandomWalkTests {
  @Test func randomLivesKeepThePromises() {
    let end = SimulationSettings.now() + (SimulationSettings.isFull ? SimulationSettings.seconds : 12)
    var seed = Seed.fromEnvironment
    var counts = TrialCounts()
    while SimulationSettings.now() < end {
      let walk = RandomWalk(seed: seed)
      if walk.violation(walk.events, counts: &counts) != nil {
        let (events, why) = walk.shrunk()
        let list = events.map { "  \($0),\n" }.joined()
        let setting = "tree \(walk.tree), \(walk.variant), \(walk.options.configuration.durability)"
        Issue.record("seed \(seed), \(setting): \(why)\n[\n\(list)]")
        return
      }
      seed += 1
    }
    print(
      "random walks: \(counts.trials) lives, \(counts.operations) operations, \(counts.crashes) crashes,",
      "\(counts.recoveries) recoveries, \(counts.states) trees compared, 0 violations")
  }
}
