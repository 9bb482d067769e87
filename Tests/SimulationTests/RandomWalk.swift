import Engine
import FilesystemModel
import Policies
import StorageInterface
import Support

/// What kind of filesystem is behind the mount.
enum BackingVariant: CaseIterable {
  case usual
  /// No syncfs(2): each file and directory is synced by itself.
  case separateSynchronizations
  /// A power cut may leave a renamed file under both names.
  case renamesInHalves
  /// Inode numbers mean nothing.
  case unstableInodes

  var options: SimulatedBackingStorage.Options {
    var options = SimulatedBackingStorage.Options()
    switch self {
    case .usual: break
    case .separateSynchronizations: options.abilities.hasFilesystemSync = false
    case .renamesInHalves: options.renamesAreAtomic = false
    case .unstableInodes: options.abilities.hasStableInodes = false
    }
    return options
  }

  /// Whether such a filesystem lets the mount keep its promises for the operation: special files cannot be synced by themselves,
  /// and hard links cannot be told without inode numbers.
  func allows(_ operation: WorkloadOperation) -> Bool {
    switch (self, operation) {
    case (.separateSynchronizations, .makeFIFO), (.separateSynchronizations, .symlink), (.unstableInodes, .link): false
    default: true
    }
  }
}

/// A random life of a mount: operations, jobs, crashes, failing calls and open files.
struct RandomWalk {
  let tree: InitialTree
  private(set) var options: MountOptions
  let seed: UInt64
  private(set) var events: [WalkEvent]
  let variant: BackingVariant

  /// - Parameter withPolicies: whether half of the lives have files of different modes and priorities. Lives without are the same
  ///   for a seed.
  init(seed: UInt64, options: MountOptions? = nil, rules: ProtocolRules = ProtocolRules(), withPolicies: Bool = true) {
    var generator = SeededGenerator(seed: seed)
    self.seed = seed
    let variant = Bool.random(using: &generator) ? .usual : BackingVariant.allCases.randomElement(using: &generator)!
    self.variant = variant
    let trees = InitialTree.forWalks.filter { variant != .unstableInodes || $0 != .linked }
    tree = trees.randomElement(using: &generator)!
    if let options {
      self.options = options
    } else {
      let durability: [Durability] = [.batch(milliseconds: 100), .always, .system]
      var chosen = Int.random(in: 0..<3, using: &generator) == 0 ? MountOptions.tiny() : MountOptions()
      chosen.configuration.durability = durability.randomElement(using: &generator)!
      chosen.interludePercent = [0, 10, 40].randomElement(using: &generator)!
      chosen.configuration.batchOperations = [1, 3, 64].randomElement(using: &generator)!
      chosen.configuration.flushThreads = [1, 4, 16].randomElement(using: &generator)!
      if Bool.random(using: &generator) {
        chosen.configuration.copyForwardUsedPercent = 0
        chosen.configuration.copyForwardDelayMilliseconds = 0
        chosen.configuration.copiesForwardWhatRests = true
      }
      if Bool.random(using: &generator) {
        chosen.configuration.retry = .init(
          firstMilliseconds: 10, mostMilliseconds: 40, retriesMax: Int.random(in: 1...3, using: &generator))
      }
      chosen.configuration.rules = rules
      self.options = chosen
    }
    // A file that is held open under a name that goes, with other names that nobody has looked up, is written to at once: a crash
    // may find such a change half done.
    let tree = tree
    events = Self.events(using: &generator).filter { event in
      switch event {
      case .hold: tree != .linked
      case .linkHeld: tree != .linked && variant != .unstableInodes
      case .perform(let operation): variant.allows(operation)
      default: true
      }
    }
    if withPolicies, options == nil, Bool.random(using: &generator) { choosePolicies(using: &generator) }
  }

  /// Priorities, and where nothing is refused for long or for good, modes: a change that is refused keeps its program waiting,
  /// and one that becomes a dead letter fails.
  private mutating func choosePolicies(using generator: inout SeededGenerator) {
    let givesUp = options.configuration.retry.retriesMax > 0
    let isRefusing = events.contains { event in if case .refuse = event { true } else { givesUp && event.isFault } }
    let goesAround = !events.contains(where: \.isFault) && Bool.random(using: &generator)
    let modes: [WriteMode] = goesAround ? [.writeThrough, .writeAround, .cacheAside] : [.writeThrough]
    var rules = ["a priority=low", "/d/ priority=high", "e priority=low durability=always"]
    let patterns = isRefusing ? [] : ["/d/a", "b", "/d/"]
    rules += patterns.map { "\($0) mode=\(modes.randomElement(using: &generator)!.rawValue)" }
    rules = rules.filter { _ in Int.random(in: 0..<4, using: &generator) == 0 }
    options.configuration.policyRules = (try? RuleList(parsing: Array(rules.joined(separator: "\n").utf8))) ?? RuleList()
    options.configuration.fullBatchOperations = [nil, nil, 1, 5].randomElement(using: &generator)!
    if goesAround { letWritesGoAround(modes, using: &generator) }
    guard !isRefusing, goesAround || Int.random(in: 0..<3, using: &generator) == 0 else { return }
    for _ in 0..<Int.random(in: 1...4, using: &generator) {
      let place = Int.random(in: 0...events.count, using: &generator)
      events.insert(.setMode((modes + [.writeBack]).randomElement(using: &generator)!), at: place)
    }
  }

  /// What goes around the journal is the backing directory's to keep. The promise of all others is kept by it when a process dies
  /// and, with `always`, when the power fails; half of a write that was under way is no prefix, so a cut leaves all or nothing.
  /// What a first crash left of a write that was under way is shown and is nobody's promise: a second one leaves it.
  private mutating func letWritesGoAround(_ modes: [WriteMode], using generator: inout SeededGenerator) {
    options.configuration.sequentialBypassBytes = [nil, 1, 4096].randomElement(using: &generator)!
    if Bool.random(using: &generator) { options.configuration.policy.mode = modes.randomElement(using: &generator)! }
    for _ in 0..<Int.random(in: 0...2, using: &generator) {
      let path = WorkloadAlphabet.narrow.files.randomElement(using: &generator)!
      let place = Int.random(in: 0...events.count, using: &generator)
      let sizes = [0, 600, 4696, 5296, 9392]
      let stream = zip(sizes, sizes.dropFirst()).map { WorkloadOperation.write(path, offset: $0, count: $1 - $0, fill: 77) }
      events.insert(contentsOf: ([.truncate(path, size: 0)] + stream).map { .perform($0) }, at: place)
    }
    let isAlways = options.configuration.durability == .always
    var isFirst = true
    events = events.map { event in
      guard case .order(var plan) = event else { return event }
      defer { isFirst = false }
      guard case .powerCut(let journal, let backing) = plan.kind else { return event }
      let isWhole = backing == .all || backing == .nothing && isFirst
      plan.kind = !isAlways ? .processDeath : isWhole ? plan.kind : .powerCut(journal: journal, backing: .all)
      return .order(plan)
    }
  }

  private static func events(using generator: inout SeededGenerator) -> [WalkEvent] {
    let alphabet: WorkloadAlphabet = Bool.random(using: &generator) ? .narrow : .wide
    var operations = WorkloadGenerator(alphabet: alphabet, seed: generator.next())
    var events = crashes(using: &generator)
    let faults = Int.random(in: 0..<4, using: &generator) == 0
    if Int.random(in: 0..<8, using: &generator) == 0 {
      events.append(
        .failJournal(
          after: Int.random(in: 0...20, using: &generator), CrashEnumeration.kinds.randomElement(using: &generator)!))
    }
    for _ in 0..<Int.random(in: 6...30, using: &generator) {
      events.append(.perform(operations.next()))
      switch Int.random(in: 0..<40, using: &generator) {
      case 0..<12: events.append(.jobs(Int.random(in: 1...10, using: &generator)))
      case 12..<22: events.append(.pass(milliseconds: Int.random(in: 1...100, using: &generator)))
      case 23..<25: events.append(.hold(alphabet.files.randomElement(using: &generator)!))
      case 25..<28:
        let count = [1, 600, 5000].randomElement(using: &generator)!
        events.append(.writeHeld(offset: Int.random(in: 0...5000, using: &generator), count: count, fill: 201))
      case 28: events.append(.truncateHeld(size: Int.random(in: 0...5000, using: &generator)))
      case 29..<31: events.append(.readHeld)
      case 31..<33: events.append(.releaseHeld)
      case 33 where faults:
        events.append(failure(using: &generator))
      case 34 where faults: events.append(.failSynchronization)
      case 36 where faults:
        events.append(
          .refuse(alphabet.files.randomElement(using: &generator)!, refusals.randomElement(using: &generator)!))
      case 38: events.append(.holdTemporary(in: (["."] + alphabet.directories).randomElement(using: &generator)!))
      case 39: events.append(.linkHeld(at: alphabet.files.randomElement(using: &generator)!))
      case 37 where faults: events.append(.allow)
      case 22 where faults:
        events.append(Bool.random(using: &generator) ? .retryDeadLetters : .discardDeadLetters)
      case 35: events.append(.drain)
      default: break
      }
    }
    return events
  }

  /// Errors after which a change is tried again, or given back.
  private static let refusals: [Errno] = [.inputOutput, .noSpace, .accessDenied, .quotaExceeded, .notPermitted]

  /// A call that is refused has no effect; after another failure that is not known.
  private static func failure(using generator: inout SeededGenerator) -> WalkEvent {
    let after = Int.random(in: 0...8, using: &generator)
    let errno = refusals.randomElement(using: &generator)!
    return .failBacking(after: after, happens: errno == .inputOutput && Bool.random(using: &generator), errno)
  }

  private static func crashes(using generator: inout SeededGenerator) -> [WalkEvent] {
    (0..<Int.random(in: 0...3, using: &generator)).map { _ in
      let after = Int.random(in: 0..<40, using: &generator)
      let death: Death =
        Bool.random(using: &generator)
        ? .journal(after: after, lastWriteBytes: Bool.random(using: &generator) ? 0 : 100) : .backing(after: after)
      let seed = generator.next()
      let cuts: [CrashKind] =
        CrashEnumeration.kinds + [
          .processDeath, .processDeath, .powerCut(journal: .random(seed: seed), backing: .random(seed: seed)),
        ]
      return .order(
        CrashPlan(death: death, kind: cuts.randomElement(using: &generator)!, looksAtOnce: Bool.random(using: &generator)))
    }
  }

  /// Says what is wrong with a life of the same mount; `nil` when nothing is.
  func violation(_ events: [WalkEvent], counts: inout TrialCounts) -> String? {
    do {
      var trial = try CrashTrial(tree, options, seed: seed, backing: variant.options)
      defer { counts = counts + trial.counts }
      try trial.run(events)
      return nil
    } catch {
      return "\(error)"
    }
  }

  /// The smallest part of the events that still breaks a promise, with what is said of it.
  func shrunk() -> (events: [WalkEvent], why: String) {
    var counts = TrialCounts()
    let smallest = shrink(events) { violation($0, counts: &counts) != nil }
    return (smallest, violation(smallest, counts: &counts) ?? "")
  }
}

extension WorkloadAlphabet {
  /// Few names that meet often, with sizes around blocks.
  static let narrow = WorkloadAlphabet(
    files: ["a", "b", "d/a", "d/b"], directories: ["d", "e", "d/e"], offsets: [0, 300, 4096], counts: [600, 4096],
    sizes: [0, 200, 5000])
}
