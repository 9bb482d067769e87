import StorageInterface
import Threading

/// Runs jobs when the test says so, on its thread, in the order in which they came.
package final class SimulatedJournalJobs: JobRunner {
  private let jobs = Lock<[@Sendable () -> Void]>([])

  package init() {}

  package func run(_ kind: JobKind, _ job: @escaping @Sendable () -> Void) { jobs.withLock { $0.append(job) } }

  /// Runs all jobs, also those that these add.
  package func runAll() {
    while let job = jobs.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { job() }
  }
}
