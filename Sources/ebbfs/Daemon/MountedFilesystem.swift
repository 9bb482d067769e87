import Control
import Engine
import FilesystemModel
import Statistics

/// How a flush ended.
enum FlushOutcome: Hashable, Sendable {
  /// All that it was asked for is in the backing directory, synced.
  case done
  /// So is all but this many dead letters and what waits for them.
  case deadLetters(Int)
  /// It never will be, and why, in one line.
  case failed(String)
}

/// The mounted filesystem as the daemon's life and its commands need it. `Assembly` makes the real one; tests have a double.
///
/// All methods may be called from any thread.
protocol MountedFilesystem: AnyObject, Sendable {
  /// Serves requests and returns when the mount is gone and nobody uses it any more, or after `endServing`.
  ///
  /// Throws one line when receiving requests failed; the journal and what is pending are not harmed by that.
  func serve() throws(CommandFailure)
  /// Takes the mount away from its mountpoint; `busy` when it is in use, unless lazily. Waits for the kernel.
  func unmount(lazily: Bool) throws(Errno)
  /// Makes `serve` return soon though files may be open, and takes the mount away.
  func endServing()
  var salvage: SalvageReport { get }
  /// What the report has of the filesystem itself; paths, process and phase are filled in by the daemon. Never waits for the
  /// backing directory.
  func status() -> StatusReport
  /// Changes options, each `KEY=VALUE`: all of them, or none and throws one line.
  func set(_ settings: [String]) throws(CommandFailure)
  /// Reads the rules file again: all of it, or nothing and throws one line.
  func reloadRules() throws(CommandFailure)
  /// Everything that is counted. Never waits for the backing directory.
  func statistics() -> [MetricFamily]
  /// How far one file is.
  func file(_ inode: UInt64) -> FileReport
  /// What is written to most, and what waits by priority.
  func activity() -> ActivityReport
  /// Calls `completion` once, when everything acknowledged before the call is in the backing directory and synced there, or never
  /// will be. With inode numbers only what concerns these and what is below them; hastened, first of all.
  ///
  /// - Returns: tells how much of it is left.
  func flush(
    _ inodes: [UInt64], isHastened: Bool, completion: @escaping @Sendable (FlushOutcome) -> Void
  ) -> @Sendable () -> ControlProgress
  /// Waits like `flush` for everything, as fast as possible: nothing is acknowledged any more. `completion` gets the line that
  /// says why it never will be written back.
  func drain(completion: @escaping @Sendable (String?) -> Void)
  /// Changes that are not tried any more, with what is behind them.
  func deadLetters() -> [DeadLetterReport]
  /// Lets these, or all, be tried again; answers how many there were. Durable on return.
  func retryDeadLetters(_ subjects: [WritebackSubject]?) throws(ControlFailure) -> Int
  /// Gives these, or all, up for good; answers how many changes went. Durable on return, and the kernel knows of it.
  func discardDeadLetters(_ subjects: [WritebackSubject]?, withDependents: Bool) throws(ControlFailure) -> Int
  /// Stops write-back at the next action, syncs the journal and closes it. Returns when that is done; nothing else may be
  /// called afterwards but `status` and `statistics`.
  func stop()
  /// Lets time pass: to be called every `tickMilliseconds`.
  func tick()
  var tickMilliseconds: Int { get }
}
