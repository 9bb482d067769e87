import FilesystemModel
import StorageInterface
import Support

/// All crashes of one workload: at every persistence point of journal and backing directory, in every way.
///
/// The workload lives once, and every moment before a change of a disk is kept; each crash goes on from there. A crash that
/// leaves the same disks as one before, with as much promised and as much still to do, is not tried again.
struct CrashEnumeration {
  let tree: InitialTree
  let options: MountOptions
  let seed: UInt64
  private(set) var counts = TrialCounts()
  /// Persistence points and ways to crash there, those that are equal to others included.
  private(set) var possibleCrashes = 0

  private let triesEqualCrashes: Bool

  /// - Parameter triesEqualCrashes: leaves no crash out.
  init(tree: InitialTree, options: MountOptions, seed: UInt64, triesEqualCrashes: Bool = false) {
    self.tree = tree
    self.options = options
    self.seed = seed
    self.triesEqualCrashes = triesEqualCrashes
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

  /// One crash to try.
  private struct Candidate {
    var moment: CrashMoment
    var kind: CrashKind
  }

  /// A life without a crash, with the trial as it was before each event and all moments.
  private struct Life {
    var events: [WalkEvent]
    var befores: [CrashTrial] = []
    var moments: [CrashMoment] = []
  }

  /// Says how a workload breaks a promise; `nil` when no crash does. `again`: a second crash follows each, during the recovery or
  /// soon after.
  mutating func firstViolation(
    _ workload: [WorkloadOperation], again: Bool, crashesMax: Int = .max, using generator: inout SeededGenerator
  ) -> String? {
    let life: Life
    do { life = try live(events(workload)) } catch { return "without a crash: \(error)" }
    var crashes = distinctCrashes(of: life, again: again)
    if crashesMax < crashes.count {
      crashes.shuffle(using: &generator)
      crashes.removeLast(crashes.count - crashesMax)
    }
    for crash in crashes {
      var plans = [CrashPlan(death: .now, kind: crash.kind, looksAtOnce: Bool.random(using: &generator))]
      if again { plans.append(Self.second(using: &generator)) }
      if let why = violation(life, crash.moment, plans) {
        plans[0].death = crash.moment.death
        return "\(why)\n\((plans.map { .order($0) } + life.events).map { "  \($0),\n" }.joined())"
      }
    }
    return nil
  }

  private mutating func live(_ events: [WalkEvent]) throws -> Life {
    var life = Life(events: events)
    var trial = try CrashTrial(tree, options, seed: seed)
    let recording = CrashRecording(trial.mount)
    for (place, event) in events.enumerated() {
      life.befores.append(trial)
      recording.begin(place)
      try trial.live(through: event)
    }
    recording.end()
    life.moments = recording.moments
    try trial.end()
    counts = counts + trial.counts
    return life
  }

  /// The crashes that leave disks, promises and work to do which no one before left. A power cut after which the disks are as
  /// after the end of the process promises less, and is not tried unless a second crash can make a difference.
  private mutating func distinctCrashes(of life: Life, again: Bool) -> [Candidate] {
    struct Case: Hashable {
      var disks: CrashMoment.Disks
      var performed: Int
      var isInFlight: Bool
      var isDeath: Bool
    }
    var cases: Set<Case> = []
    var candidates: [Candidate] = []
    var performed = 0
    var event = -1
    for moment in life.moments {
      while event < moment.event {
        event += 1
        if case .perform = life.events[event] { performed += 1 }
      }
      var isInFlight = false
      if case .perform = life.events[event] { isInFlight = moment.promises == 0 }
      for kind in Self.kinds(at: moment) {
        possibleCrashes += 1
        if triesEqualCrashes {
          candidates.append(Candidate(moment: moment, kind: kind))
          continue
        }
        let isDeath = kind == .processDeath
        var found = Case(disks: moment.disks(after: kind), performed: performed, isInFlight: isInFlight, isDeath: true)
        if !isDeath, !again, cases.contains(found) { continue }
        found.isDeath = isDeath
        if cases.insert(found).inserted { candidates.append(Candidate(moment: moment, kind: kind)) }
      }
    }
    return candidates
  }

  /// A write that arrives in part is for the end of the process: a power cut loses parts of it in any case.
  private static func kinds(at moment: CrashMoment) -> [CrashKind] { moment.arriving.bytes.isEmpty ? kinds : [.processDeath] }

  private static func second(using generator: inout SeededGenerator) -> CrashPlan {
    let after = Int.random(in: 0..<12, using: &generator)
    let death: Death = Bool.random(using: &generator) ? .journal(after: after, lastWriteBytes: 0) : .backing(after: after)
    return CrashPlan(death: death, kind: kinds.randomElement(using: &generator)!)
  }

  private mutating func violation(_ life: Life, _ moment: CrashMoment, _ plans: [CrashPlan]) -> String? {
    var trial = life.befores[moment.event].stopped(at: moment, in: life.events[moment.event], plans)
    defer { counts = counts + trial.counts }
    do {
      try trial.recoverIfDead()
      for event in life.events[(moment.event + 1)...] { try trial.live(through: event) }
      try trial.end()
      return nil
    } catch {
      return "\(error)"
    }
  }
}
