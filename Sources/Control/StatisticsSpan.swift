import Statistics

/// What happened between two reports of one mount. After a new mount counters begin anew: what went down counts as nothing.
struct StatisticsSpan {
  let before: StatisticsReport
  let after: StatisticsReport

  /// What takes its time.
  enum Timed: CaseIterable {
    case write, read, backingCall, journalSync
  }

  private var milliseconds: Int { max(1, after.uptimeMilliseconds &- before.uptimeMilliseconds) }

  func grown(_ name: String, _ label: MetricSample.Label? = nil) -> Int {
    max(0, after.total(name, label) &- before.total(name, label))
  }

  /// What a counter or the values of a histogram grew by in a second, rounded.
  func rate(_ name: String) -> Int { perSecond(grown(name)) }

  /// An amount by the second, rounded.
  func perSecond(_ amount: Int) -> Int { Int(min(Double(amount) * 1000 / Double(milliseconds), 1e18).rounded()) }

  /// Nanoseconds that `percent` of what ended in between did not exceed; 0 of nothing.
  func latency(_ timed: Timed, percent: Int) -> Int {
    let (name, label): (String, MetricSample.Label?) =
      switch timed {
      case .write: ("ebbfs_fuse_request_seconds", .init("operation", "write"))
      case .read: ("ebbfs_fuse_request_seconds", .init("operation", "read"))
      case .backingCall: ("ebbfs_backing_call_seconds", nil)
      case .journalSync: ("ebbfs_journal_sync_seconds", nil)
      }
    return after.histogram(name, label).since(before.histogram(name, label)).quantile(percent: percent)
  }
}

extension StatisticsReport {
  /// The histograms of a family, of those samples that have the label if one is given, merged.
  func histogram(_ name: String, _ label: MetricSample.Label?) -> HistogramSnapshot {
    var merged = HistogramSnapshot()
    for sample in families.first(where: { $0.name == name })?.samples ?? [] {
      if let label, !sample.labels.contains(label) { continue }
      if case .histogram(let snapshot) = sample.value { merged.merge(snapshot) }
    }
    return merged
  }
}
