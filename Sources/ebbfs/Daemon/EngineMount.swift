import Control
import Engine
import FUSEBridge
import FilesystemModel

/// A mounted engine.
final class EngineMount: MountedFilesystem {
  private let engine: Engine
  private let session: MountSession
  private let durability: Durability
  /// How long a plan that is under way may hold up the end. One that is cut short is redone by the next mount.
  private static let boundaryMilliseconds = 60_000

  init(engine: Engine, session: MountSession, durability: Durability) {
    self.engine = engine
    self.session = session
    self.durability = durability
  }

  func serve() throws(CommandFailure) {
    do throws(MountError) {
      try session.run()
    } catch {
      throw CommandFailure(.mount, error.description)
    }
  }

  func unmount(lazily: Bool) throws(Errno) { try session.unmount(lazily: lazily) }

  func endServing() { session.exit() }

  func status() -> StatusReport {
    let status = engine.status()
    var report = StatusReport()
    report.mode = "write-back"
    report.durability = durability.text
    report.dirtyBytes = status.dirtyBytes
    report.dirtyInodes = status.dirtyInodes
    report.pendingOperations = status.pendingOperations
    report.oldestAgeMilliseconds = status.oldestPendingLSN == nil ? nil : status.oldestAgeMilliseconds
    report.openPlans = status.openPlans
    report.journalUsedBytes = status.journalUsedBytes
    report.journalCapacityBytes = status.journalCapacityBytes
    report.lastLSN = status.lastLSN.rawValue
    report.durableLSN = status.durableLSN.rawValue
    report.lowWaterLSN = (status.oldestPendingLSN ?? status.lastLSN.next).rawValue
    report.journalFailure = status.journalFailure?.message
    report.lastFailure = status.lastFailure.map {
      .init(message: $0.reason, ageMilliseconds: max(0, Monotonic.milliseconds() - $0.milliseconds))
    }
    return report
  }

  func flush(completion: @escaping @Sendable (String?) -> Void) { engine.drain { completion(nil) } }

  func drain(completion: @escaping @Sendable (String?) -> Void) { engine.drain { completion(nil) } }

  func stop() {
    engine.stop()
    Self.awaitBatchBoundary(engine)
    engine.close()
  }

  func tick() { engine.tick() }

  static func awaitBatchBoundary(_ engine: Engine) {
    let start = Monotonic.milliseconds()
    while !engine.isAtBatchBoundary, Monotonic.milliseconds() - start < boundaryMilliseconds { Monotonic.sleep(milliseconds: 2) }
  }
}
