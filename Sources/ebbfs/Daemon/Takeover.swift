import Control
import FilesystemModel

/// Gets the lock of a state directory, from a daemon that only drains if need be.
struct Takeover: Sendable {
  var stateDirectory: String
  var backing: String
  /// How long a daemon that was asked to stop may take to reach a batch boundary.
  var patienceMilliseconds = 120_000
  /// How long a daemon without a mount in sight may take to notice, or one that starts to answer.
  var graceMilliseconds = 3000

  /// Throws `inUse`, naming the process, when a daemon keeps the lock.
  func acquire() throws(CommandFailure) -> DaemonLock {
    let start = Monotonic.milliseconds()
    while true {
      if let lock = try attempt() { return lock }
      let holder = DaemonLock.holder(stateDirectory: stateDirectory).map { "process \($0)" } ?? "another process"
      let waited = Monotonic.milliseconds() - start
      switch try? ControlClient(stateDirectory: stateDirectory).ask(.stop, untilGone: true) {
      case .some(.done): break
      case .some(.failed(let failure)) where failure.reason == .stillMounted:
        // The kernel ends an unmount a moment before the daemon knows of it.
        if isMountInSight() || waited > graceMilliseconds { throw CommandFailure(.inUse, failure.message) }
      case .some(.failed(let failure)): throw CommandFailure(.inUse, "\(backing) is in use by \(holder): \(failure.message)")
      default:
        if waited > graceMilliseconds { throw CommandFailure(.inUse, "\(backing) is in use by \(holder), which does not answer") }
      }
      if waited > patienceMilliseconds {
        throw CommandFailure(.inUse, "\(backing) is still being written back by \(holder), which does not stop")
      }
      Monotonic.sleep(milliseconds: 20)
    }
  }

  private func attempt() throws(CommandFailure) -> DaemonLock? {
    do throws(Errno) {
      return try DaemonLock.attempt(stateDirectory: stateDirectory)
    } catch {
      throw CommandFailure(.stateDirectory, "\(PathText.joined(stateDirectory, DaemonLock.fileName)): \(error.message)")
    }
  }

  /// Whether this process can see the mount of the daemon that has the lock.
  private func isMountInSight() -> Bool {
    guard case .some(.status(let report)) = try? ControlClient(stateDirectory: stateDirectory).ask(.status) else { return false }
    return ((try? MountTable.current()) ?? []).contains { $0.mountpoint == report.mountpoint && $0.source == backing }
  }
}
