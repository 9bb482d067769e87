import FilesystemModel
import StorageInterface
import Support

@testable import Flushing

/// A random walk through calls, plans, failures and crashes, and what must hold at its end: x.py's `walk`.
struct GraphWalk {
  var rules = ProtocolRules()
  /// How many calls succeed at most.
  var callsMax = 9
  /// How many crashes there are at most.
  var crashesMax = 3
  var includesFailures = true
  /// Calls as text in this order, all of which succeed; "flush" waits until all is written back. `nil` for random calls.
  var workload: [String]?

  /// The first failure of this many walks; `nil` when all was well.
  func firstFailure(of walks: UInt64, seed: UInt64 = 0) -> String? {
    for index in 0..<walks { if let failure = run(seed: seed &+ index) { return failure } }
    return nil
  }

  /// The transcript and reason of a failure; `nil` when all was well.
  func run(seed: UInt64) -> String? {
    var random = SeededGenerator(seed: seed)
    let machine: WalkMachine
    do throws(Errno) {
      machine = try WalkMachine(
        rules: rules, hardLink: Bool.random(using: &random),
        abilities: BackingAbilities(hasFilesystemSync: Bool.random(using: &random)),
        renamesAreAtomic: Int.random(in: 0..<4, using: &random) > 0)
    } catch {
      return "the storage could not be set up: \(error)"
    }
    do throws(WalkFailure) {
      try run(machine, calls(&random), &random)
      return nil
    } catch {
      return "seed \(seed): \(error)\n" + machine.transcript.joined(separator: "\n")
    }
  }

  /// What is called; `nil` waits until all is written back.
  private func calls(_ random: inout SeededGenerator) -> [WalkCall?] {
    if let workload { return workload.map { $0 == "flush" ? nil : WalkCall($0) } }
    let alphabet = WalkCall.alphabets.randomElement(using: &random)!
    return (0..<3 * Int.random(in: 4...callsMax, using: &random)).map { _ in
      alphabet.randomElement(using: &random)!.randomElement(using: &random)!
    }
  }

  private func run(_ machine: WalkMachine, _ calls: [WalkCall?], _ random: inout SeededGenerator) throws(WalkFailure) {
    var calls = calls[...]
    var successes = workload == nil ? Int.random(in: 3...callsMax, using: &random) : .max
    var crashes = 0
    for _ in 0..<500 {
      if crashes < crashesMax, Int.random(in: 0..<100, using: &random) < 5 {
        crashes += 1
        try crash(machine, &random)
        if workload != nil { calls = try rest(after: machine) }
      }
      if case .some(.none) = calls.first, machine.queue.isEmpty { calls.removeFirst() }
      var steps: [Int] = []
      if case .some(.some) = calls.first, successes > 0 { steps += [0, 0, 0, 0] }
      if machine.plans.count < 2 { steps += [1, 1] }
      if !machine.plans.isEmpty { steps += [2, 2, 2] }
      switch steps.randomElement(using: &random)! {
      case 0:
        if let call = calls.removeFirst(), machine.call(call) {
          successes -= 1
        } else if workload != nil {
          throw WalkFailure(description: "a call of the workload fails")
        }
      case 1:
        let isIdle = try plan(machine, &random)
        if isIdle, calls.isEmpty || successes == 0 { return try checkEnd(machine) }
      default:
        let index = Int.random(in: 0..<machine.plans.count, using: &random)
        if machine.plans[index].isDone {
          machine.release(index)
        } else if try !carryOut(machine, index, mayDie: crashes < crashesMax, &random) {
          crashes += 1
          try crash(machine, &random)
          if workload != nil { calls = try rest(after: machine) }
        }
      }
      try GraphInvariants.check(machine.queue.graph)
      try checkOldest(machine)
    }
    throw WalkFailure(description: "no end")
  }

  /// The calls of the workload that are not in the journal, after a crash that lost some.
  private func rest(after machine: WalkMachine) throws(WalkFailure) -> ArraySlice<WalkCall?> {
    var kept = machine.records.count {
      switch $0 {
      case .names, .content: true
      case .intent, .done: false
      }
    }
    var rest = workload!.map { $0 == "flush" ? nil : WalkCall($0) }[...]
    while kept > 0 { if rest.removeFirst() != nil { kept -= 1 } }
    return rest
  }

  /// - Returns: whether all is written back.
  private func plan(_ machine: WalkMachine, _ random: inout SeededGenerator) throws(WalkFailure) -> Bool {
    let graph = machine.queue.graph
    var items: Set<Stage> = []
    for item in graph.allItems where Int.random(in: 0..<10, using: &random) < 4 { items.insert(item.key) }
    var inodes: Set<InodeNumber> = []
    for inode in machine.dirty.keys.sorted() where Int.random(in: 0..<10, using: &random) < 4 { inodes.insert(inode) }
    let operations = Int.random(in: 1...4, using: &random)
    if machine.openPlan(heldItems: items, heldInodes: inodes, operations: operations) { return false }
    if machine.openPlan() || !machine.plans.isEmpty { return false }
    guard machine.queue.isEmpty else {
      throw WalkFailure(description: "stuck: \(graph.allItems) \(machine.dirty)")
    }
    return true
  }

  private func carryOut(
    _ machine: WalkMachine, _ index: Int, mayDie: Bool, _ random: inout SeededGenerator
  ) throws(WalkFailure) -> Bool {
    let next = machine.storage.nextCallIndex
    let chance = Int.random(in: 0..<10, using: &random)
    if mayDie, chance < 3 {
      return try machine.carryOut(index, diesAt: next + Int.random(in: 0..<10, using: &random))
    }
    if includesFailures, chance == 3 {
      let effects: [BackingFault.Effect] = [.none, .happens, .dropsDirtyBytes]
      machine.storage.failCall(
        next + Int.random(in: 0..<10, using: &random), with: .inputOutput, effect: effects.randomElement(using: &random)!)
    }
    if includesFailures, chance == 4 {
      machine.storage.failCall(next + Int.random(in: 0..<4, using: &random), with: .accessDenied)
    }
    return try machine.carryOut(index)
  }

  private func crash(_ machine: WalkMachine, _ random: inout SeededGenerator) throws(WalkFailure) {
    machine.storage.revive()
    guard Bool.random(using: &random) else {
      machine.storage.crash(.processDeath)
      return try machine.recover(keeping: machine.records.count)
    }
    machine.storage.crash(.powerCut(keep: .random(seed: random.next())))
    try machine.recover(keeping: Int.random(in: machine.durableCount...machine.records.count, using: &random))
  }

  /// The journal must keep every record of names that is not completed.
  private func checkOldest(_ machine: WalkMachine) throws(WalkFailure) {
    let waiting = machine.queue.graph.allItems.flatMap(\.completes).map(\.lsn).min()
    guard machine.queue.graph.oldestLSN == waiting else {
      throw WalkFailure(
        description: "oldest is \(String(describing: machine.queue.graph.oldestLSN)), not \(String(describing: waiting))")
    }
    let needed = (machine.dirty.values.compactMap { $0.first?.lsn } + [waiting].compactMap(\.self)).min()
    if let needed, machine.queue.oldestLSN.map({ $0 > needed }) ?? true {
      throw WalkFailure(description: "the journal may lose \(needed)")
    }
  }

  private func checkEnd(_ machine: WalkMachine) throws(WalkFailure) {
    let differences = machine.tree.snapshot.differences(
      from: machine.storage.snapshot(), ignoring: [.times, .owners, .linkCounts, .extendedAttributes])
    if !differences.isEmpty { throw WalkFailure(description: "the backing directory differs: \(differences)") }
    guard machine.queue.oldestLSN == nil else { throw WalkFailure(description: "the journal is pinned by nothing") }
  }
}

/// What must hold of a graph after every step.
enum GraphInvariants {
  static func check(_ graph: PendingGraph) throws(WalkFailure) {
    var ready: [Stage] = []
    var edges = 0
    for (key, item) in graph.items {
      guard item.key == key, item.replaced != item.inode else { throw WalkFailure(description: "misplaced \(item)") }
      if item.dependencies.isEmpty, !item.isPlanned { ready.append(key) }
      edges += item.dependencies.count
      for dependency in item.dependencies
      where graph.items[dependency] == nil || graph.dependents[dependency]?.contains(key) != true {
        throw WalkFailure(description: "\(item) waits for nothing: \(dependency)")
      }
      let names = item.names.allSatisfy { graph.keysByName[$0]?.count { $0 == key } == 1 }
      let inodes = item.inodes.allSatisfy { graph.keysByInode[$0]?.count { $0 == key } == 1 }
      let parents = item.parents.allSatisfy { graph.keysByParent[$0]?.contains(key) == true }
      guard names, inodes, parents else { throw WalkFailure(description: "\(item) is not indexed") }
    }
    guard graph.ready == ready.sorted() else { throw WalkFailure(description: "ready \(graph.ready) is not \(ready.sorted())") }
    guard graph.dependents.values.reduce(0, { $0 + $1.count }) == edges else { throw WalkFailure(description: "stray edges") }
    guard graph.keysByName.values.reduce(0, { $0 + $1.count }) == graph.items.values.reduce(0, { $0 + $1.names.count }) else {
      throw WalkFailure(description: "stray names")
    }
    try checkAcyclic(graph)
  }

  private static func checkAcyclic(_ graph: PendingGraph) throws(WalkFailure) {
    var counts = graph.items.mapValues(\.dependencies.count)
    var free = graph.items.keys.filter { counts[$0] == 0 }
    var seen = 0
    while let key = free.popLast() {
      seen += 1
      for dependent in graph.dependents[key] ?? [] {
        counts[dependent]! -= 1
        if counts[dependent] == 0 { free.append(dependent) }
      }
    }
    if seen != graph.count { throw WalkFailure(description: "items wait for each other for ever") }
  }
}
