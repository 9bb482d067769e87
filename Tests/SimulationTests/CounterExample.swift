import Engine
import FilesystemModel
import StorageInterface
import Support

/// A counter-example of PROTOCOL.md: a workload that broke a promise while a rule was missing. It is tried in many orders of
/// jobs, with a crash here and there.
struct CounterExample {
  var tree = InitialTree.model
  var workload: [WorkloadOperation]
  /// Before the workload, written back.
  var prepared: [WorkloadOperation] = []
  var options: (ProtocolRules) -> MountOptions = { MountOptions.small(rules: $0, durability: .system) }

  /// Each operation in a plan of its own: what is ready at the same time does not end at the same time.
  static func oneByOne(_ rules: ProtocolRules) -> MountOptions {
    var options = MountOptions.small(rules: rules, durability: .system)
    options.configuration.batchOperations = 1
    return options
  }

  /// What went wrong in the first of so many attempts that broke a promise; `nil` when none did.
  func violation(_ rules: ProtocolRules, attempts: Range<Int>, observing observe: (CrashTrial) -> Void = { _ in }) -> String? {
    for attempt in attempts {
      let seed = UInt64(attempt)
      do {
        var trial = try CrashTrial(tree, options(rules), seed: seed)
        observe(trial)
        try trial.run(events(seed: seed))
      } catch {
        return "attempt \(attempt): \(error)"
      }
    }
    return nil
  }

  private func events(seed: UInt64) -> [WalkEvent] {
    var generator = SeededGenerator(seed: seed)
    var events: [WalkEvent] = prepared.map { .perform($0) }
    if !prepared.isEmpty { events.append(.drain) }
    for _ in 0..<Int(seed % 3) { events.append(.order(plan(using: &generator))) }
    let isHasty = Bool.random(using: &generator)
    for operation in workload {
      events.append(.perform(operation))
      // Half of the time everything meets in the pending graph.
      if isHasty { continue }
      events.append(.pass(milliseconds: Int.random(in: 1...120, using: &generator)))
      events.append(.jobs(Int.random(in: 0...8, using: &generator)))
    }
    return events + [.pass(milliseconds: 250), .jobs(Int.random(in: 0...30, using: &generator)), .drain]
  }

  private func plan(using generator: inout SeededGenerator) -> CrashPlan {
    let after = Int.random(in: 0..<25, using: &generator)
    let death: Death = Bool.random(using: &generator) ? .journal(after: after, lastWriteBytes: 0) : .backing(after: after)
    return CrashPlan(
      death: death, kind: CrashEnumeration.kinds.randomElement(using: &generator)!,
      looksAtOnce: Bool.random(using: &generator))
  }
}
