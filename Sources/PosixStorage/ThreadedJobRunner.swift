import FilesystemModel
import StorageInterface
import Threading

/// Runs jobs on a pool of threads for each kind, in the order in which they came.
package final class ThreadedJobRunner: JobRunner {
  private let load: ThreadPool
  private let journalRead: ThreadPool
  private let writeBack: ThreadPool
  private let journal: ThreadPool

  /// - Throws: `ThreadError` when not even one thread of each pool can be started.
  package init(
    loadThreads: Int = 16, journalReadThreads: Int = 4, writeBackThreads: Int = 16, journalThreads: Int = 2
  ) throws(ThreadError) {
    load = try ThreadPool(name: "ebbfs-load", threadsMax: loadThreads)
    journalRead = try ThreadPool(name: "ebbfs-read", threadsMax: journalReadThreads)
    writeBack = try ThreadPool(name: "ebbfs-writeback", threadsMax: writeBackThreads)
    journal = try ThreadPool(name: "ebbfs-journal", threadsMax: journalThreads)
  }

  package func run(_ kind: JobKind, _ job: @escaping @Sendable () -> Void) { pool(kind).run(job) }

  /// Jobs that are queued or running.
  package func jobs(_ kind: JobKind) -> Int { pool(kind).jobs }

  /// Ends the pools one after the other, `journal` last, which their jobs may still need. A pool that is
  /// ended discards later jobs, and queued ones that do not begin in the given time (`nil`: for ever) for each pool.
  ///
  /// Returns whether all jobs are done; threads that hang are left behind. Never call it in a job.
  @discardableResult
  package func shutdown(waiting milliseconds: Int?) -> Bool {
    var isDone = true
    for pool in [load, journalRead, writeBack, journal] where !pool.shutdown(waiting: milliseconds) { isDone = false }
    return isDone
  }

  private func pool(_ kind: JobKind) -> ThreadPool {
    switch kind {
    case .load: load
    case .journalRead: journalRead
    case .writeBack: writeBack
    case .journal: journal
    }
  }
}
