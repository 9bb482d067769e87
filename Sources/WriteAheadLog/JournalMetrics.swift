import Statistics

/// What a journal counts since it was started.
package final class JournalMetrics: MetricSet {
  package let recordsAppended = Counter("ebbfs_journal_records_total", "Records appended to the journal.")
  package let bytesAppended = Counter("ebbfs_journal_bytes_total", "Bytes of records appended to the journal.", .bytes)
  package let commits = Counter("ebbfs_journal_commits_total", "Demands to make records durable that had to wait for it.")
  package let segmentsRetired = Counter("ebbfs_journal_segments_retired_total", "Segments that are not needed any more.")
  package let segmentsRecycled = Counter(
    "ebbfs_journal_segments_recycled_total", "Retired segments whose file was used again.")
  /// One for each group write.
  package let appendSeconds = Histogram(
    "ebbfs_journal_append_seconds", "Time that writing a group of records to the journal's file took.")
  package let groupRecords = Histogram(
    "ebbfs_journal_group_records", "Records that were written to the journal's file together.", .number)
  /// One for each sync that succeeded.
  package let syncSeconds = Histogram("ebbfs_journal_sync_seconds", "Time that syncing the journal took.")
  package let syncRecords = Histogram("ebbfs_journal_sync_records", "Records that one sync of the journal made durable.", .number)

  package init() {}
}
