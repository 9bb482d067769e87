import FilesystemModel

/// Time as the engine sees it, so that tests can turn it.
package protocol Clock: AnyObject, Sendable {
  /// The time of day, for timestamps of files.
  func now() -> Timestamp
  /// Nanoseconds since some fixed moment; never goes back.
  func uptimeNanoseconds() -> Int
}

extension Clock {
  /// Milliseconds since the same moment.
  package func uptimeMilliseconds() -> Int { uptimeNanoseconds() / 1_000_000 }
}

/// What kind of work a job is, so that one kind cannot use up the threads of another.
package enum JobKind: Hashable, Sendable, CaseIterable {
  /// Reads of the backing directory that a parked request waits for. May hang.
  case load
  /// Reads of the journal that a parked request waits for: they go on while the backing directory hangs.
  case journalRead
  /// Steps of write-back plans. May hang.
  case writeBack
  /// Work on the journal's disk: syncing, preparing segments, checkpoints.
  case journal
}

/// Runs jobs some time later, each once, on any thread; never inside `run`. Tests choose the order.
package protocol JobRunner: AnyObject, Sendable {
  func run(_ kind: JobKind, _ job: @escaping @Sendable () -> Void)
}
