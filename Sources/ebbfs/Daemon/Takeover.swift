import Control
import FilesystemModel
import Glibc
import PosixStorage

/// Gets the lock of a state directory, from a daemon that only drains if need be.
struct Takeover: Sendable {
  var stateDirectory: String
  var backing: String
  /// How long a daemon that was asked to stop may take to end the action it is at.
  var patienceMilliseconds = 120_000
  /// How long a daemon without a mount in sight may take to notice, or one that starts to answer.
  var graceMilliseconds = 3000

  private var client: ControlClient { ControlClient(stateDirectory: stateDirectory, user: getuid()) }

  /// Opens the state directory, which is made if it does not exist, and takes its lock.
  ///
  /// Throws `inUse`, naming the process, when a daemon keeps the lock, and `stateDirectory` when the directory cannot be used.
  func acquire() throws(CommandFailure) -> PosixJournalStorage {
    let start = Monotonic.milliseconds()
    // A daemon that has answered takes a moment more to end, in which it answers no more.
    var lastAnswer = start
    while true {
      switch try attempt() {
      case .acquired(let storage): return storage
      case .locked(let process):
        let holder = process.map { "process \($0)" } ?? "another process"
        let now = Monotonic.milliseconds()
        if try ask(holder, waited: now - start, sinceAnswer: now - lastAnswer) { lastAnswer = Monotonic.milliseconds() }
      }
      Monotonic.sleep(milliseconds: 20)
    }
  }

  private enum Attempt {
    case acquired(PosixJournalStorage)
    case locked(process: Int?)
  }

  private func attempt() throws(CommandFailure) -> Attempt {
    do throws(StateDirectoryError) {
      return .acquired(try PosixJournalStorage(directory: stateDirectory, create: true))
    } catch {
      switch error {
      case .locked(_, let process): return .locked(process: process)
      case .refused(let line): throw CommandFailure(.stateDirectory, line)
      }
    }
  }

  /// Asks the holder to stop; throws when it will not.
  ///
  /// - Returns: whether it said that it has stopped.
  private func ask(_ holder: String, waited: Int, sinceAnswer: Int) throws(CommandFailure) -> Bool {
    switch try? client.ask(.stop) {
    case .some(.done): return true
    case .some(.failed(let failure)) where failure.reason == .stillMounted:
      // The kernel ends an unmount a moment before the daemon knows of it.
      if isMountInSight() || waited > graceMilliseconds { throw CommandFailure(.inUse, failure.message) }
    case .some(.failed(let failure)): throw CommandFailure(.inUse, "\(backing) is in use by \(holder): \(failure.message)")
    default:
      if sinceAnswer > graceMilliseconds {
        throw CommandFailure(.inUse, "\(backing) is in use by \(holder), which does not answer")
      }
    }
    if waited > patienceMilliseconds {
      throw CommandFailure(.inUse, "\(backing) is still being written back by \(holder), which does not stop")
    }
    return false
  }

  /// Whether this process can see the mount of the daemon that has the lock.
  private func isMountInSight() -> Bool {
    guard case .some(.status(let report)) = try? client.ask(.status) else { return false }
    return ((try? MountTable.current()) ?? []).contains { $0.mountpoint == report.mountpoint && $0.source == backing }
  }
}
