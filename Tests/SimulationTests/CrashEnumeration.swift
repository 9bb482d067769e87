import FilesystemModel
import StorageInterface
import Support

/// All crashes of one workload: at every persistence point of journal and backing directory, in every way.
struct CrashEnumeration {
  let tree: InitialTree
  let options: MountOptions
  let seed: UInt64
  private(set) var counts = TrialCounts()

  init(tree: InitialTree, options: MountOptions, seed: UInt64) {
    self.tree = tree
    self.options = options
    self.seed = seed
  }

  static let kinds: [CrashKind] = [
    .processDeath, .powerCut(journal: .nothing, backing: .nothing), .powerCut(journal: .nothing, backing: .all),
    .powerCut(journal: .all, backing: .nothing), .powerCut(journal: .all, backing: .all),
    .powerCut(journal: .firstHalf, backing: .firstHalf), .powerCut(journal: .secondHalf, backing: .secondHalf),
  ]

  /// The workload with jobs run here and there, as the seed says, and all jobs at the end.
  func events(_ workload: [WorkloadOperation]) -> [WalkEvent] {
    var generator = SeededGenerator(seed: seed)
    var events: [WalkEvent] = []
    for operation in workload {
      events += [.perform(operation), .pass(milliseconds: Int.random(in: 1...120, using: &generator))]
      events.append(.jobs(Int.random(in: 0...8, using: &generator)))
    }
    return events + [.drain]
  }

  /// Says how a workload breaks a promise; `nil` when no crash does. `again`: a second crash follows each, during the recovery or
  /// soon after.
  mutating func firstViolation(
    _ workload: [WorkloadOperation], again: Bool, crashesMax: Int = .max, using generator: inout SeededGenerator
  ) -> (plans: [CrashPlan], why: String)? {
    let events = events(workload)
    var crashes = deaths(events).flatMap { death in Self.kinds(after: death).map { CrashPlan(death: death, kind: $0) } }
    if crashesMax < crashes.count {
      crashes.shuffle(using: &generator)
      crashes.removeLast(crashes.count - crashesMax)
    }
    for var crash in crashes {
      crash.looksAtOnce = Bool.random(using: &generator)
      let plans = again ? [crash, Self.second(using: &generator)] : [crash]
      if let why = violation(events, plans) { return (plans, why) }
    }
    return nil
  }

  /// A write that arrives in part is for the end of the process: a power cut loses parts of it in any case.
  private static func kinds(after death: Death) -> [CrashKind] {
    if case .journal(_, let bytes) = death, bytes > 0 { [.processDeath] } else { kinds }
  }

  private static func second(using generator: inout SeededGenerator) -> CrashPlan {
    let after = Int.random(in: 0..<12, using: &generator)
    let death: Death = Bool.random(using: &generator) ? .journal(after: after, lastWriteBytes: 0) : .backing(after: after)
    return CrashPlan(death: death, kind: kinds.randomElement(using: &generator)!)
  }

  mutating func violation(_ events: [WalkEvent], _ plans: [CrashPlan]) -> String? {
    do {
      var trial = try CrashTrial(tree, options, seed: seed)
      defer { counts = counts + trial.counts }
      try trial.run(plans.map { .order($0) } + events)
      return nil
    } catch {
      return "\(error)"
    }
  }

  /// The points at which a run of the events without a crash changes a disk.
  private mutating func deaths(_ events: [WalkEvent]) -> [Death] {
    guard var trial = try? CrashTrial(tree, options, seed: seed) else { return [.now] }
    let mount = trial.mount
    let firstOperation = mount.journalDisk.operations.count
    let firstCall = mount.backing.nextCallIndex
    mount.backing.keepLog()
    guard (try? trial.run(events)) != nil else { return [.journal(after: .max / 2, lastWriteBytes: 0)] }
    var deaths: [Death] = []
    for (place, operation) in mount.journalDisk.operations.dropFirst(firstOperation).enumerated() {
      deaths.append(.journal(after: place, lastWriteBytes: 0))
      if case .write(_, _, let count) = operation { deaths.append(.journal(after: place, lastWriteBytes: count / 2)) }
    }
    let reading: Set<BackingCall.Name> = [.list, .details, .status, .statistics, .open, .read, .seek, .fileStatus]
    deaths += mount.backing.log.filter { !reading.contains($0.name) }.map { .backing(after: $0.index - firstCall) }
    return deaths
  }
}
