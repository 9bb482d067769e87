import Engine
import FilesystemModel
import StorageInterface
import Support
import Testing
import Threading

/// An engine on simulated disks whose jobs and clock a test moves by hand.
final class EngineOnDisks {
  let clock = SimulatedClock()
  let runner = SimulatedJobRunner()
  let journalDisk: SimulatedJournalStorage
  let backing: SimulatedBackingStorage
  private(set) var engine: Engine
  var configuration: EngineConfiguration
  private let observe: EngineObserver

  /// The answer to a request, once there is one.
  final class Pending: Sendable {
    private let answers = Lock<[Result<Reply, Errno>]>([])
    let number = Lock<UInt64>(0)

    func take(_ result: Result<Reply, Errno>) { answers.withLock { $0.append(result) } }

    /// Never more than one.
    var answer: Result<Reply, Errno>? {
      let all = answers.withLock { $0 }
      precondition(all.count < 2, "a request is answered once")
      return all.first
    }
  }

  init(
    abilities: BackingAbilities = BackingAbilities(description: "simulated"), capacityBytes: Int? = nil,
    isWatchable: Bool = false,
    _ change: (inout EngineConfiguration) -> Void = { _ in }, observe: @escaping EngineObserver = { _ in }
  ) throws {
    var configuration = EngineConfiguration()
    configuration.durability = .system
    configuration.journalBytes = 1 << 20
    configuration.segmentBytes = 64 << 10
    configuration.memoryBytes = 4 << 20
    configuration.journalSeed = [UInt8](0..<16)
    configuration.writebackDelayMilliseconds = 50
    configuration.writebackDeadlineMilliseconds = 200
    configuration.flushThreads = 4
    change(&configuration)
    self.configuration = configuration
    self.observe = observe
    var options = SimulatedBackingStorage.Options(abilities: abilities, capacityBytes: capacityBytes)
    options.isWatchable = isWatchable
    backing = SimulatedBackingStorage(clock: clock, options: options)
    journalDisk = SimulatedJournalStorage()
    engine = try Engine.open(
      configuration: configuration, journalStorage: journalDisk, backing: backing, runner: runner, clock: clock,
      observe: observe)
  }

  /// Kills the daemon and mounts anew.
  func restart() throws {
    runner.discardAll()
    journalDisk.restart()
    backing.crash(.processDeath)
    try reopen()
  }

  /// Mounts what the disks have.
  func reopen() throws {
    engine = try Engine.open(
      configuration: configuration, journalStorage: journalDisk, backing: backing, runner: runner, clock: clock,
      observe: observe)
  }

  /// Hands an operation over and runs no job.
  func submit(_ operation: Operation) -> Pending {
    let pending = Pending()
    let number = engine.submit(operation, from: Caller(owner: 0, group: 0)) { pending.take($0) }
    pending.number.withLock { $0 = number }
    return pending
  }

  /// Runs jobs, and lets time pass, until the answer is there.
  func ask(_ operation: Operation, milliseconds: Int = 5000) throws -> Reply {
    let pending = submit(operation)
    for _ in 0..<milliseconds / 50 {
      if pending.answer == nil { runner.runAll() }
      if let answer = pending.answer { return try answer.get() }
      pass(milliseconds: 50)
    }
    throw NoAnswer(operation: "\(operation)")
  }

  struct NoAnswer: Error {
    var operation: String
  }

  func pass(milliseconds: Int) {
    clock.advance(milliseconds: milliseconds)
    engine.tick()
  }

  /// Lets time pass and runs all jobs.
  func settle(milliseconds: Int = 1000) {
    for _ in 0..<milliseconds / 50 {
      pass(milliseconds: 50)
      runner.runAll()
    }
  }
}

extension EngineOnDisks {
  func create(_ name: EntryName, in parent: InodeNumber = .root, _ kind: FileKind = .regular) throws -> InodeNumber {
    try entry(.make(parent: parent, name: name, MakeRequest(kind: kind, permissions: 0o755)))
  }

  func lookup(_ name: EntryName, in parent: InodeNumber = .root) throws -> InodeNumber {
    try entry(.lookup(parent: parent, name: name))
  }

  func entry(_ operation: Operation) throws -> InodeNumber {
    guard case .entry(let entry) = try ask(operation) else { throw NoAnswer(operation: "\(operation)") }
    return entry.inode
  }

  func write(_ inode: InodeNumber, _ text: String, at offset: Int = 0) throws {
    _ = try ask(.write(inode, offset: offset, bytes: Array(text.utf8)))
  }

  func read(_ inode: InodeNumber, offset: Int = 0, count: Int = 4096) throws -> String {
    guard case .bytes(let bytes) = try ask(.read(inode, offset: offset, count: count)) else { throw NoAnswer(operation: "read") }
    return String(decoding: bytes, as: UTF8.self)
  }

  func size(_ inode: InodeNumber) throws -> Int {
    guard case .attributes(_, let attributes) = try ask(.getAttributes(inode)) else { throw NoAnswer(operation: "getattr") }
    return attributes.size
  }
}
