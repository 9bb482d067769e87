import CLinux
import Control
import Engine
import FUSEBridge
import FilesystemModel
import Policies
import Statistics
import Threading
import WriteAheadLog

/// A mounted engine.
final class EngineMount: MountedFilesystem {
  let engine: Engine
  let session: MountSession
  private let rulesFile: String?
  private let ruleCount: Lock<Int>
  /// The most changes that were pending at a time since the heap was trimmed.
  private let pendingMost = Lock(0)
  private static let trimmedPendingMin = 4096
  /// How long a call to the backing directory may hold up the end. A plan that is cut short is redone by the next mount.
  private static let closeMilliseconds = 20_000

  init(engine: Engine, session: MountSession, rulesFile: String?, rules: RuleList) {
    self.engine = engine
    self.session = session
    self.rulesFile = rulesFile
    ruleCount = Lock(rules.count)
    let kernel = KernelInvalidation(session)
    engine.whenOthersChange { kernel.tell($0) }
  }

  func serve() throws(CommandFailure) {
    do throws(MountError) {
      try session.run()
    } catch {
      throw CommandFailure(.mount, error.description)
    }
  }

  func unmount(lazily: Bool) throws(Errno) { try session.unmount(lazily: lazily) }

  var salvage: SalvageReport { engine.salvage }

  func endServing() { session.exit() }

  func status() -> StatusReport {
    let status = engine.status()
    var report = StatusReport()
    let policy = engine.policy
    report.transport = session.usesRings ? "io_uring" : "/dev/fuse"
    report.mode = policy.mode.rawValue
    report.durability = policy.durability.text
    report.rules = rulesFile.map { "rules \($0), \(Quantity.count(ruleCount.withLock { $0 }, "rule"))" }
    report.dirtyBytes = status.dirtyBytes
    report.dirtyInodes = status.dirtyInodes
    report.pendingOperations = status.pendingOperations
    report.oldestAgeMilliseconds = status.oldestPendingLSN == nil ? nil : status.oldestAgeMilliseconds
    report.deadLetters = status.deadLetters
    report.openPlans = status.openPlans
    report.journalUsedBytes = status.journalUsedBytes
    report.journalCapacityBytes = status.journalCapacityBytes
    report.retainedSegments = status.retainedSegments
    report.retainedBytes = status.retainedBytes
    report.lastLSN = status.lastLSN.rawValue
    report.durableLSN = status.durableLSN.rawValue
    report.lowWaterLSN = status.lowWaterLSN.rawValue
    report.journalFailure = status.journalFailure?.message
    report.lastFailure = status.lastFailure.map {
      .init(message: $0.reason, ageMilliseconds: max(0, Monotonic.milliseconds() - $0.milliseconds))
    }
    report.backingFailure = status.backingFailure?.message
    report.longestCallMilliseconds = status.longestCallMilliseconds
    report.failingOperations = status.failingOperations
    report.losses = salvage.losses.prefix(LossReport.countMax).map(LossReport.init)
    report.lossCount = salvage.losses.count
    report.damagedSegments = Array(salvage.damagedSegments.prefix(StatusReport.damagedSegmentsMax))
    report.conflictCount = status.conflictCount
    report.conflicts = status.conflicts.suffix(StatusReport.conflictsMax).map { .init($0) }
    return report
  }

  func set(_ settings: [String]) throws(CommandFailure) { engine.set(try RuntimeSettings.parse(settings)) }

  func reloadRules() throws(CommandFailure) {
    guard let rulesFile else { throw CommandFailure(.usage, "the mount has no rules file: mount with -o rules=FILE") }
    let rules = try RulesFile.read(rulesFile)
    engine.replaceRules(with: rules)
    ruleCount.withLock { $0 = rules.count }
  }
  func statistics() -> [MetricFamily] { session.statistics() + engine.statistics() }

  func flush(
    _ inodes: [UInt64], isHastened: Bool, completion: @escaping @Sendable (FlushOutcome) -> Void
  ) -> @Sendable () -> ControlProgress {
    let end: @Sendable (Int) -> Void = { completion($0 == 0 ? .done : .deadLetters($0)) }
    guard !inodes.isEmpty else {
      engine.drain(isHastened: isHastened) { [engine] in end(engine.status().deadLetters) }
      return { [self] in status().progress }
    }
    let drain = engine.drain(Set(inodes.map { InodeNumber($0) }), isHastened: isHastened, completion: end)
    return { [engine] in
      let left = engine.left(ofDrain: drain)
      return ControlProgress(bytesLeft: left.bytes, operationsLeft: left.operations)
    }
  }

  func drain(completion: @escaping @Sendable (String?) -> Void) { engine.drain(isLast: true) { completion(nil) } }

  func stop() { Self.close(engine) }

  func tick() {
    engine.tick()
    trimHeap()
  }

  /// What many pending changes took is free when most of them are written back: the C library keeps it unless it is told.
  private func trimHeap() {
    let pending = engine.pendingOperations
    let isDue = pendingMost.withLock { most in
      guard most >= Self.trimmedPendingMin, pending <= most / 8 else {
        most = max(most, pending)
        return false
      }
      most = pending
      return true
    }
    guard isDue else { return }
    engine.shrink()
    linux_trim_heap()
  }

  var tickMilliseconds: Int { engine.tickMilliseconds }

  /// Ends an engine, without waiting for ever for a backing directory that hangs.
  static func close(_ engine: Engine) {
    let isClosed = Lock(false)
    let isStarted: Void? = try? Threads.start("ebbfs-close") {
      engine.close()
      isClosed.withLock { $0 = true }
      isClosed.wake()
    }
    guard isStarted != nil else { return engine.close() }
    _ = isClosed.wait(milliseconds: closeMilliseconds) { $0 ? true : nil }
  }
}

extension LossReport {
  private static let bytesMax = 400

  fileprivate init(_ loss: RecoveryLoss) {
    self.init()
    message = loss.description.cut(toBytes: Self.bytesMax)
    (firstLSN, lastLSN) = (loss.first.rawValue, loss.last.rawValue)
    (segment, offset) = (loss.place?.segment, loss.place?.offset)
    inode = loss.inode?.rawValue
    path = loss.path.map { EscapedText.encode($0.pathBytes).cut(toBytes: Self.bytesMax) }
  }
}

extension String {
  /// Of a path that is very long the end is left out: a report must fit into a message.
  fileprivate func cut(toBytes count: Int) -> String { String(decoding: utf8.prefix(count), as: UTF8.self) }
}

extension StatusReport.Conflict {
  /// PATH_MAX of Linux; a path may be longer, and 100 of them are in a report.
  private static let pathBytesMax = 4096

  init(_ conflict: Conflict) {
    let (resolution, keptAs): (String, String?) =
      switch conflict.resolution {
      case .kept(let name): ("kept", name.description)
      case .ours: ("ours", nil)
      case .theirs: ("theirs", nil)
      }
    self.init(
      path: String(decoding: conflict.path, as: UTF8.self).cut(toBytes: Self.pathBytesMax), kind: conflict.kind.name,
      seconds: Int(conflict.time.seconds),
      resolution: resolution, keptAs: keptAs)
  }
}
