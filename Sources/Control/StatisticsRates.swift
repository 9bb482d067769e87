import Statistics

/// What `ebbfs stats --watch` prints: what happened between two reports, per second.
package struct StatisticsRates {
  private struct Column: Sendable {
    let title: String
    let width: Int
    let text: @Sendable (StatisticsSpan) -> String
  }

  private static let columns = [
    Column(title: "reads/s", width: 8) { String($0.rate("ebbfs_reads_total")) },
    Column(title: "read/s", width: 10) { Quantity.size($0.rate("ebbfs_read_bytes_total")) },
    Column(title: "hits", width: 5) { span in
      let contents = MetricSample.Label("cache", "contents")
      let hits = span.grown("ebbfs_cache_hits_total", contents)
      let all = hits + span.grown("ebbfs_cache_misses_total", contents)
      return Quantity.percent(hits, of: all).map { "\($0)%" } ?? "-"
    },
    Column(title: "writes/s", width: 9) { String($0.rate("ebbfs_writes_total")) },
    Column(title: "written/s", width: 10) { Quantity.size($0.rate("ebbfs_written_bytes_total")) },
    Column(title: "coalesced/s", width: 12) { String($0.rate("ebbfs_writes_coalesced_total")) },
    Column(title: "cancelled/s", width: 12) { String($0.rate("ebbfs_operations_cancelled_total")) },
    Column(title: "syncs/s", width: 8) { String($0.rate("ebbfs_journal_sync_seconds")) },
    Column(title: "back/s", width: 7) { String($0.rate("ebbfs_writeback_operations_total")) },
    Column(title: "bytes back/s", width: 13) { Quantity.size($0.rate("ebbfs_writeback_bytes_total")) },
    Column(title: "dirty", width: 10) { Quantity.size($0.after.total("ebbfs_dirty_bytes")) },
    Column(title: "pending", width: 8) { String($0.after.total("ebbfs_pending_operations")) },
  ]

  /// The line above the others, without a line end.
  package static var heading: String { line { $0.title } }

  /// The line of the time between two reports, without a line end.
  package static func line(from before: StatisticsReport, to after: StatisticsReport) -> String {
    let span = StatisticsSpan(before: before, after: after)
    return line { $0.text(span) }
  }

  private static func line(_ cell: (Column) -> String) -> String {
    columns.map { column in
      let text = cell(column)
      return String(repeating: " ", count: max(1, column.width + 1 - text.count)) + text
    }.joined()
  }
}
