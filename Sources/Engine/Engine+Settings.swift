import FilesystemModel
import Flushing
import Policies

extension Engine {
  /// What holds where neither an extended attribute nor a rule says otherwise.
  package var policy: Policy { shared.withLock { $0.state.policies.base } }

  /// Changes settings for what comes from now on. What is pending keeps its order, and the priority it came with.
  package func set(_ settings: EngineSettings) {
    shared.withLock { shared in
      let base = shared.state.policies.base
      shared.state.policies.base = settings.policy.applied(to: base)
      shared.state.policies.generation += 1
      var pace = shared.state.queue.settings
      pace.delayMilliseconds = settings.writebackDelayMilliseconds ?? pace.delayMilliseconds
      pace.deadlineMilliseconds = settings.writebackDeadlineMilliseconds ?? pace.deadlineMilliseconds
      pace.batchBytes = settings.batchBytes ?? pace.batchBytes
      pace.batchOperations = settings.batchOperations ?? pace.batchOperations
      shared.state.queue.change(pace)
      if let bytes = settings.sequentialBypassBytes { shared.state.around.streamBytesMin = bytes > 0 ? bytes : nil }
      shared.state.fullBatch.bytesMax = settings.batchBytes ?? shared.state.fullBatch.bytesMax
      shared.state.fullBatch.operationsMax = settings.batchOperations ?? shared.state.fullBatch.operationsMax
    }
    tick()
  }

  /// Replaces the rules for paths for what comes from now on.
  package func replaceRules(with rules: RuleList) {
    shared.withLock { shared in
      shared.state.policies.rules = rules
      shared.state.policies.generation += 1
    }
  }
}

/// How much waits that has not been told to be written back at once: when that fills a batch it is.
struct FullBatch {
  var operationsMax: Int?
  var bytesMax: Int?
  private var operations = 0
  private var bytes = 0

  init(operationsMax: Int?, bytesMax: Int?) {
    self.operationsMax = operationsMax
    self.bytesMax = bytesMax
  }

  /// Counts what a change has added to what waits.
  ///
  /// - Returns: whether the batch is full; then the count begins anew.
  mutating func add(operations: Int, bytes: Int) -> Bool {
    self.operations += max(0, operations)
    self.bytes += max(0, bytes)
    let isFull = operationsMax.map { self.operations >= $0 } ?? false || bytesMax.map { self.bytes >= $0 } ?? false
    if isFull { (self.operations, self.bytes) = (0, 0) }
    return isFull
  }
}

extension EngineState {
  /// Carries a change out; if a batch is full with it, all that waits is due at once.
  mutating func countingBatch(_ change: (inout EngineState) -> LSN) -> LSN {
    let (operations, bytes) = (queue.waitingCount, cache.dirtyBytes)
    let lsn = change(&self)
    if fullBatch.add(operations: queue.waitingCount - operations, bytes: cache.dirtyBytes - bytes) {
      queue.pressAll(through: lsn)
    }
    return lsn
  }
}
