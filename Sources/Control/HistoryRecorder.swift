import Statistics

/// Makes the samples of the history out of statistics.
package struct HistoryRecorder: Sendable {
  package private(set) var history = History()
  private var before = StatisticsReport()

  package init() {}

  /// Adds how things stand now. Called every `History.intervalSeconds`.
  package mutating func add(_ report: StatisticsReport) {
    let span = StatisticsSpan(before: before, after: report)
    var sample = HistorySample(uptimeSeconds: UInt32(clamping: report.uptimeMilliseconds / 1000))
    for series in HistorySeries.allCases { sample[series] = UInt32(clamping: span.number(series)) }
    history.append(sample)
    before = report
  }
}

extension StatisticsSpan {
  fileprivate func number(_ series: HistorySeries) -> Int {
    switch series {
    case .dirtyKibibytes: after.total("ebbfs_dirty_bytes") / 1024
    case .pendingOperations: after.total("ebbfs_pending_operations")
    case .oldestAgeMilliseconds: after.total("ebbfs_oldest_pending_age_seconds") / 1_000_000
    case .writes: grown("ebbfs_writes_total")
    case .writtenKibibytes: grown("ebbfs_written_bytes_total") / 1024
    case .readKibibytes: grown("ebbfs_read_bytes_total") / 1024
    case .writebackOperations: grown("ebbfs_writeback_operations_total")
    case .writebackKibibytes: grown("ebbfs_writeback_bytes_total") / 1024
    case .writeMicroseconds: latency(.write, percent: 99) / 1000
    case .readMicroseconds: latency(.read, percent: 99) / 1000
    case .backingCallMicroseconds: latency(.backingCall, percent: 99) / 1000
    case .journalSyncMicroseconds: latency(.journalSync, percent: 99) / 1000
    }
  }
}
