import Engine
import FilesystemModel
import Policies
import StorageInterface
import Support
import Threading

/// How a mount in a test differs from the usual one.
struct MountOptions {
  var configuration: EngineConfiguration
  /// In how many of a hundred moments between the jobs that an operation needs another waiting job is run.
  var interleavingPercent = 30
  /// After how many of a hundred calls of the backing directory another job is run before the caller goes on.
  var interludePercent = 0

  init(rules: ProtocolRules = ProtocolRules(), durability: Durability = .batch(milliseconds: 100)) {
    configuration = EngineConfiguration()
    configuration.durability = durability
    configuration.journalBytes = 1 << 20
    configuration.segmentBytes = 64 << 10
    configuration.memoryBytes = 4 << 20
    configuration.journalSeed = [UInt8](0..<16)
    configuration.writebackDelayMilliseconds = 50
    configuration.writebackDeadlineMilliseconds = 200
    configuration.flushThreads = 4
    configuration.rules = rules
  }

  /// Small segments, which are quick to read at each recovery.
  static func small(rules: ProtocolRules = ProtocolRules(), durability: Durability = .batch(milliseconds: 100)) -> MountOptions {
    var options = MountOptions(rules: rules, durability: durability)
    options.configuration.segmentBytes = 12 << 10
    options.configuration.journalBytes = 256 << 10
    return options
  }

  /// Segments, journal and memory so small that rotation, checkpoints, eviction and waiting for room happen in short workloads.
  static func tiny(rules: ProtocolRules = ProtocolRules()) -> MountOptions {
    var options = MountOptions(rules: rules)
    options.configuration.segmentBytes = 16 << 10
    options.configuration.journalBytes = 128 << 10
    options.configuration.memoryBytes = 32 << 10
    return options
  }
}

/// What a test of the engine ends with when the engine does not go on.
struct Stuck: Error, CustomStringConvertible {
  var description: String
}

/// The engine on simulated disks, driven by one thread: the test decides which job runs when.
final class SimulatedMount: WorkloadTarget, @unchecked Sendable {
  let options: MountOptions
  let clock: SimulatedClock
  let journalDisk: SimulatedJournalStorage
  let backing: SimulatedBackingStorage
  private(set) var runner = SimulatedJobRunner()
  private var opened: Engine?
  var engine: Engine { opened! }
  /// How many operations that promise something were answered with success.
  private(set) var promises = 0
  var generator: SeededGenerator
  private var backingDiesAt: Int?
  private var interludes: SeededGenerator
  private var interludesUnderWay = 0
  /// Why an operation was never answered.
  private(set) var stuck: String?
  /// Called after each job, to look at what others would see now.
  var afterJob: (() -> Void)?
  /// What `snapshot` is to forget at its end.
  var lookedUp: [InodeNumber] = []

  /// A mount of a backing directory with an empty journal.
  init(_ backing: SimulatedBackingStorage, clock: SimulatedClock, options: MountOptions, seed: UInt64) throws {
    self.options = options
    self.clock = clock
    self.backing = backing
    generator = SeededGenerator(seed: seed)
    interludes = SeededGenerator(seed: ~seed)
    journalDisk = SimulatedJournalStorage()
    try remount()
    if options.interludePercent > 0 { backing.afterEachCall { [weak self] _ in self?.playInterlude() } }
  }

  /// The disks of a mount that was stopped, which `crash` and `remount` bring back.
  init(stopped moment: CrashMoment, clock: SimulatedClock, options: MountOptions) {
    self.options = options
    self.clock = clock
    clock.turn(to: moment.time)
    backing = moment.backing.fork()
    journalDisk = moment.journal.copy()
    generator = SeededGenerator(seed: moment.seed)
    interludes = SeededGenerator(seed: ~moment.seed)
    journalDisk.arrive(moment.arriving.bytes, in: moment.arriving.segment, at: moment.arriving.offset)
    arm(.now)
  }

  /// Others go on while a call of the backing directory takes its time: other jobs, whose calls may take long too, programs that
  /// look around, and timers.
  private func playInterlude() {
    guard interludesUnderWay < 3, !isDead, isDrawn(percent: options.interludePercent) else { return }
    interludesUnderWay += 1
    defer { interludesUnderWay -= 1 }
    for _ in 0..<Int.random(in: 1...4, using: &interludes) where !isDead {
      if isDrawn(percent: 15) { lookAround() }
      var choice = interludes.split()
      runner.runOne(using: &choice)
    }
    if !isDead, isDrawn(percent: 10) { passUptime(milliseconds: Int.random(in: 1...300, using: &interludes)) }
  }

  private func isDrawn(percent: Int) -> Bool { Int.random(in: 0..<100, using: &interludes) < percent }

  /// A question whose answer nobody waits for.
  private func lookAround() {
    let name: EntryName = ["a", "b", "d", "e"].map { EntryName(unchecked: Array($0.utf8)) }.randomElement(using: &interludes)!
    let request = DirectoryRequest(after: 0, bytesMax: 4096, bytesPerEntry: 24, withAttributes: false)
    let question: Operation = isDrawn(percent: 70) ? .lookup(parent: .root, name: name) : .readDirectory(.root, request)
    engine.submit(question, from: Caller(owner: 0, group: 0)) { [unowned engine] answer in
      if case .success(.entry(let entry)) = answer { engine.forget(entry.inode, count: 1) }
    }
  }

  // MARK: Operations

  /// Carries out one operation; jobs that it needs are run, and others now and then.
  func perform(_ operation: Operation, from caller: Caller) -> Result<Reply, Errno> {
    let answer = Lock<Result<Reply, Errno>?>(nil)
    engine.submit(operation, from: caller) { result in
      answer.withLock { stored in
        precondition(stored == nil, "a request is answered once")
        stored = result
        if case .success = result, operation.promises { self.promises += 1 }
      }
    }
    var idleTurns = 0
    while true {
      if let result = answer.withLock({ $0 }) {
        // What is fetched ahead would otherwise take the turns of write-back.
        while !isDead, runner.runOne(of: [.load, .journalRead], using: &generator) != nil {}
        return result
      }
      if isDead { return .failure(.inputOutput) }
      if Int.random(in: 0..<100, using: &generator) < options.interleavingPercent, step() { continue }
      if runner.runOne(of: [.load, .journalRead], using: &generator) != nil { continue }
      if runner.runOne(of: [.journal], using: &generator) != nil { continue }
      if runner.runOne(of: [.writeBack], using: &generator) != nil { continue }
      guard idleTurns < 2000 else {
        stuck = "not answered: \(operation)"
        return .failure(.interrupted)
      }
      idleTurns += 1
      passUptime(milliseconds: 100)
    }
  }

  func forget(_ inode: InodeNumber, count: UInt64) { engine.forget(inode, count: count) }

  // MARK: Time and jobs

  /// Runs one waiting job. Answers whether there was one.
  @discardableResult
  func step() -> Bool {
    guard !isDead else { return false }
    guard runner.runOne(using: &generator) != nil else { return false }
    afterJob?()
    return true
  }

  /// The time of day stands still: an operation under way, or a part of it, has its time already, and the reference comes later.
  private func passUptime(milliseconds: Int) {
    clock.advanceUptime(milliseconds: milliseconds)
    if !isDead { engine.tick() }
  }

  func pass(milliseconds: Int) {
    clock.advance(milliseconds: milliseconds)
    if !isDead { engine.tick() }
  }

  /// Runs everything until all changes are in the backing directory, idle times of directories included.
  func drain() throws(Stuck) {
    let isDone = Lock(false)
    engine.drain(isLast: true) { isDone.withLock { $0 = true } }
    var turns = 0
    while !isDone.withLock({ $0 }) || runner.waitingCount() > 0 {
      if isDead { return }
      if step() { continue }
      guard turns < 1000 else { throw Stuck(description: "not drained: \(engine.status())") }
      turns += 1
      pass(milliseconds: 100)
    }
    let status = engine.status()
    guard status.deadLetters > 0 || status.pendingOperations == 0 && status.openPlans == 0 else {
      throw Stuck(description: "something is left after draining: \(status)")
    }
  }

  // MARK: Trouble

  /// Both disks are dead as soon as one is.
  var isDead: Bool {
    if journalDisk.isDead { return true }
    if let backingDiesAt, backing.nextCallIndex >= backingDiesAt { return true }
    return false
  }

  /// Lets both disks die.
  func arm(_ death: Death) {
    switch death {
    case .now: backingDiesAt = 0
    case .journal(let after, let lastWriteBytes):
      journalDisk.die(atOperation: journalDisk.operations.count + after, lastWriteBytes: lastWriteBytes)
    case .backing(let after):
      let index = backing.nextCallIndex + after
      backingDiesAt = index
      backing.die(atCall: index)
    }
  }

  /// Withdraws a death that has not come.
  func disarm() {
    guard !isDead else { return }
    journalDisk.die(atOperation: .max)
    backing.die(atCall: .max)
    backingDiesAt = nil
  }

  /// Lets one changing call of the backing directory fail, this many from now.
  func failChangingCall(after: Int, happens: Bool, with errno: Errno) {
    let reading: Set<BackingCall.Name> = [.list, .details, .statistics, .open, .read, .seek]
    let index = backing.nextCallIndex + after
    backing.order(
      BackingFault(errno, effect: happens ? .happens : .none, times: 1) {
        $0.index >= index && !reading.contains($0.name)
      })
  }

  /// Lets every call that changes what has the name fail.
  func refuseChanges(of path: BackingPath, with errno: Errno) {
    let reading: Set<BackingCall.Name> = [.list, .status, .details, .statistics, .open, .read, .seek, .fileStatus]
    backing.order(
      BackingFault(errno) { !reading.contains($0.name) && ($0.path == path || $0.target == path) })
  }

  /// Ends the daemon, or cuts the power of both disks. `remount` follows.
  func crash(_ crash: CrashKind) {
    runner.discardAll()
    runner = SimulatedJobRunner()
    backingDiesAt = nil
    switch crash {
    case .processDeath:
      journalDisk.restart()
      backing.crash(.processDeath)
    case .powerCut(let journalCut, let backingCut):
      journalCut.apply(to: journalDisk)
      backing.crash(.powerCut(keep: backingCut.kept(of: backing.pendingEffectCount)))
    }
    backing.revive()
  }

  /// Opens a new engine on what the disks have. Both may die meanwhile.
  func remount() throws {
    opened = try Engine.open(
      configuration: options.configuration, journalStorage: journalDisk, backing: backing, runner: runner, clock: clock)
  }
}

extension Operation {
  /// Whether its success tells the caller that something survives a crash.
  fileprivate var promises: Bool { if case .synchronize = self { true } else { isMutation } }
}
