import Engine
import FilesystemModel
import StorageInterface
import Support
import Threading

/// How a mount in a test differs from the usual one.
struct MountOptions {
  var configuration: EngineConfiguration
  /// In how many of a hundred moments between the jobs that an operation needs another waiting job is run.
  var interleavingPercent = 30

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
final class SimulatedMount: WorkloadTarget {
  let options: MountOptions
  let clock: SimulatedClock
  let journalDisk: SimulatedJournalStorage
  let backing: SimulatedBackingStorage
  private(set) var runner = SimulatedJobRunner()
  private(set) var engine: Engine
  var generator: SeededGenerator
  private var journalDiesAt: Int?
  private var backingDiesAt: Int?
  /// Why an operation was never answered.
  private(set) var stuck: String?
  /// What `snapshot` is to forget at its end.
  var lookedUp: [InodeNumber] = []

  /// A mount of a backing directory with an empty journal.
  init(_ backing: SimulatedBackingStorage, clock: SimulatedClock, options: MountOptions, seed: UInt64) throws {
    self.options = options
    self.clock = clock
    self.backing = backing
    generator = SeededGenerator(seed: seed)
    journalDisk = SimulatedJournalStorage()
    engine = try Engine.open(
      configuration: options.configuration, journalStorage: journalDisk, backing: backing, runner: runner, clock: clock)
  }

  // MARK: Operations

  /// Carries out one operation; jobs that it needs are run, and others now and then.
  func perform(_ operation: Operation, from caller: Caller) -> Result<Reply, Errno> {
    let answer = Lock<Result<Reply, Errno>?>(nil)
    engine.submit(operation, from: caller) { result in
      answer.withLock { stored in
        precondition(stored == nil, "a request is answered once")
        stored = result
      }
    }
    var idleTurns = 0
    while true {
      if let result = answer.withLock({ $0 }) { return result }
      if isDead { return .failure(.inputOutput) }
      if Int.random(in: 0..<100, using: &generator) < options.interleavingPercent, step() { continue }
      if runner.runOne(of: [.load], using: &generator) != nil { continue }
      if runner.runOne(of: [.journal], using: &generator) != nil { continue }
      if runner.runOne(of: [.writeBack], using: &generator) != nil { continue }
      guard idleTurns < 2000 else {
        stuck = "not answered: \(operation)"
        return .failure(.interrupted)
      }
      idleTurns += 1
      pass(milliseconds: 100)
    }
  }

  func forget(_ inode: InodeNumber, count: UInt64) { engine.forget(inode, count: count) }

  // MARK: Time and jobs

  /// Runs one waiting job. Answers whether there was one.
  @discardableResult
  func step() -> Bool {
    guard !isDead else { return false }
    return runner.runOne(using: &generator) != nil
  }

  func pass(milliseconds: Int) {
    clock.advance(milliseconds: milliseconds)
    if !isDead { engine.tick() }
  }

  /// Runs everything until all changes are in the backing directory.
  func drain() throws(Stuck) {
    let isDone = Lock(false)
    engine.drain { isDone.withLock { $0 = true } }
    var turns = 0
    while !isDone.withLock({ $0 }) || runner.waitingCount() > 0 {
      if isDead { return }
      if step() { continue }
      guard turns < 1000 else { throw Stuck(description: "not drained: \(engine.status())") }
      turns += 1
      pass(milliseconds: 100)
    }
    let status = engine.status()
    guard status.pendingOperations == 0, status.dirtyInodes == 0, status.openPlans == 0, status.lastFailure == nil || turns > 0
    else { throw Stuck(description: "something is left after draining: \(status)") }
  }

  // MARK: Trouble

  /// Both disks are dead as soon as one is.
  var isDead: Bool {
    if let journalDiesAt, journalDisk.operations.count >= journalDiesAt { return true }
    if let backingDiesAt, backing.nextCallIndex >= backingDiesAt { return true }
    return false
  }

  func dieAtJournalOperation(_ index: Int, lastWriteBytes: Int = 0) {
    journalDiesAt = index
    journalDisk.die(atOperation: index, lastWriteBytes: lastWriteBytes)
  }

  func dieAtBackingCall(_ index: Int) {
    backingDiesAt = index
    backing.die(atCall: index)
  }

  /// Ends the daemon, or cuts the power of both disks. `remount` follows.
  func crash(_ crash: CrashKind) {
    runner.discardAll()
    runner = SimulatedJobRunner()
    journalDiesAt = nil
    backingDiesAt = nil
    switch crash {
    case .processDeath:
      journalDisk.restart()
      backing.crash(.processDeath)
    case .powerCut(let journalKeeps, let backingKeeps):
      journalKeeps.apply(to: journalDisk)
      backing.crash(.powerCut(keep: backingKeeps))
    }
    backing.revive()
  }

  /// Opens a new engine on what the disks have. Both may die meanwhile.
  func remount() throws {
    engine = try Engine.open(
      configuration: options.configuration, journalStorage: journalDisk, backing: backing, runner: runner, clock: clock)
  }
}

/// How both disks stop.
enum CrashKind {
  case processDeath
  case powerCut(journal: JournalCut, backing: PowerCut)
}

/// What a power cut leaves of the un-synced sectors of the journal.
enum JournalCut {
  case nothing
  case all
  /// The first half of the sectors, in their order.
  case firstHalf
  /// The second half: the tail is torn in the middle.
  case secondHalf
  case random(seed: UInt64)

  func apply(to disk: SimulatedJournalStorage) {
    let count = disk.unsyncedSectors.count
    var place = 0
    var generator = SeededGenerator(seed: 1)
    if case .random(let seed) = self { generator = SeededGenerator(seed: seed) }
    disk.powerCut { _ in
      defer { place += 1 }
      switch self {
      case .nothing: return false
      case .all: return true
      case .firstHalf: return place < count / 2
      case .secondHalf: return place >= count / 2
      case .random: return Bool.random(using: &generator)
      }
    }
  }
}
