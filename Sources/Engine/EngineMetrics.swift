import FilesystemModel
import Statistics

/// What an engine counts since the mount. Another counter is a line here and a line where something happens.
final class EngineMetrics: MetricSet {
  let reads = Counter("ebbfs_reads_total", "Reads that were answered.")
  let bytesRead = Counter("ebbfs_read_bytes_total", "Bytes that reads were answered with.", .bytes)
  let writes = Counter("ebbfs_writes_total", "Writes that were acknowledged.")
  let bytesWritten = Counter("ebbfs_written_bytes_total", "Bytes of writes that were acknowledged.", .bytes)
  let hits = Labelled("cache", by: CacheKind.self) {
    Counter("ebbfs_cache_hits_total", "Requests that needed nothing from the backing directory, by what they needed.")
  }
  let misses = Labelled("cache", by: CacheKind.self) {
    Counter("ebbfs_cache_misses_total", "Requests that had to wait for the backing directory, by what they needed.")
  }
  let writesCoalesced = Counter(
    "ebbfs_writes_coalesced_total", "Writes to blocks that waited for write-back already: they need none of their own.")
  let bytesCoalesced = Counter("ebbfs_bytes_coalesced_total", "Written bytes that were overwritten before write-back.", .bytes)
  let operationsCancelled = Counter(
    "ebbfs_operations_cancelled_total", "Changes of names that were undone by later ones, or merged with them, before write-back."
  )
  let bytesCancelled = Counter(
    "ebbfs_bytes_cancelled_total", "Bytes that lost their file before write-back.", .bytes)
  let operationsWrittenBack = Labelled("operation", by: PhysicalAction.Kind.self) {
    Counter("ebbfs_writeback_operations_total", "Operations that were carried out in the backing directory and synced there.")
  }
  let bytesWrittenBack = Counter("ebbfs_writeback_bytes_total", "Bytes that were written back and synced.", .bytes)
  let batchSeconds = Histogram(
    "ebbfs_writeback_batch_seconds", "Time from the beginning of a batch to its durable end, tries in vain included.")
  let batchOperations = Histogram("ebbfs_writeback_batch_operations", "Operations that batches began with.", .number)
  let retries = Counter("ebbfs_writeback_retries_total", "Times that a batch was put off to be tried again.")
  let failures = Labelled("outcome", by: WritebackFailureOutcome.self) {
    Counter("ebbfs_writeback_failures_total", "Operations that failed in the backing directory, by what becomes of them.")
  }
  let deadLettersRetried = Counter("ebbfs_dead_letters_retried_total", "Dead letters that an operator had tried again.")
  let changesDiscarded = Counter(
    "ebbfs_dead_letters_discarded_total", "Changes that an operator gave up, those behind dead letters included.")
  let conflicts = Labelled("kind", by: Conflict.Kind.self) {
    Counter("ebbfs_conflicts_total", "Changes that met one of somebody else in the backing directory.")
  }
}

/// What a request may need from the backing directory.
enum CacheKind: Int, LabelValue {
  /// The bytes of a file.
  case contents
  /// Names, attributes, targets of symbolic links, extended attributes.
  case metadata

  var label: String {
    switch self {
    case .contents: "contents"
    case .metadata: "metadata"
    }
  }
}

/// The kinds for which a request was counted as a hit or a miss.
struct CountedCaches: OptionSet {
  var rawValue: UInt8
}

/// What becomes of an operation that failed in the backing directory.
enum WritebackFailureOutcome: Int, LabelValue {
  /// It stays in its batch, which is tried again.
  case retried
  /// It comes again in a later batch.
  case givenBack
  /// It is not tried any more until an operator says so.
  case deadLetter

  var label: String {
    switch self {
    case .retried: "retried"
    case .givenBack: "given_back"
    case .deadLetter: "dead_letter"
    }
  }
}

/// Named after the system calls.
extension PhysicalAction.Kind: LabelValue {
  package var place: Int { Int(rawValue) - 1 }

  package var label: String {
    switch self {
    case .create: "create"
    case .link: "link"
    case .removeFile: "unlink"
    case .removeDirectory: "rmdir"
    case .rename: "rename"
    case .writeContents: "write"
    }
  }
}

extension Conflict.Kind: LabelValue {
  package var place: Int { Int(rawValue) - 1 }
  package var label: String { name }
}

/// Requests.
extension EngineMetrics {
  /// An answer that is counted, if it is that of a read or a write which succeeded.
  func counting(
    _ operation: Operation, _ answer: @escaping @Sendable (Result<Reply, Errno>) -> Void
  ) -> @Sendable (Result<Reply, Errno>) -> Void {
    switch operation {
    case .read:
      return { [self] result in
        if case .success(.bytes(let bytes)) = result {
          reads.add()
          bytesRead.add(bytes.count)
        }
        answer(result)
      }
    case .write, .copyRange:
      return { [self] result in
        if case .success(.count(let count)) = result {
          writes.add()
          bytesWritten.add(count)
        }
        answer(result)
      }
    default: return answer
    }
  }

  /// Counts what an attempt at a request found in memory or did not find, each kind once for a request.
  func count(_ attempt: Result<Outcome, Interruption>, of request: inout Request) {
    if case .statistics = request.operation { return }
    switch attempt {
    case .failure(.needsRoom), .failure(.needsPlanEnd): return
    case .failure(.needs): count(misses, .metadata, of: &request)
    case .failure(.failure): count(hits, .metadata, of: &request)
    case .success(let outcome):
      count(hits, .metadata, of: &request)
      guard case .read = request.operation else { return }
      count(outcome.asksBackingDirectory ? misses : hits, .contents, of: &request)
    }
  }

  private func count(_ counters: Labelled<CacheKind, Counter>, _ kind: CacheKind, of request: inout Request) {
    if request.counted.insert(CountedCaches(rawValue: 1 << kind.rawValue)).inserted { counters[kind].add() }
  }
}

extension Outcome {
  /// Whether bytes must be read from the backing directory.
  fileprivate var asksBackingDirectory: Bool {
    if case .assemble(let assembly) = self { assembly.pieces.contains(where: \.isInBacking) } else { false }
  }
}

/// Write-back.
extension EngineMetrics {
  /// Counts the operations of a plan whose outcome has become durable.
  func countWrittenBack(_ run: PlanRun) {
    for index in run.completed {
      operationsWrittenBack[run.actions[index].action.kind].add()
      bytesWrittenBack.add(run.actions[index].contents?.extentBytes ?? 0)
    }
  }

  /// Counts the failures of one attempt at the given actions.
  func countFailures(_ run: PlanRun, of attempted: [Int]) {
    for index in attempted {
      if run.deadLetters[index] != nil {
        failures[.deadLetter].add()
        continue
      }
      switch run.outcomes[index] {
      case .retry: failures[.retried].add()
      case .aborted: failures[.givenBack].add()
      case .done, nil: break
      }
    }
  }
}
