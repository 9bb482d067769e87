import Statistics

extension Engine {
  /// Everything that was counted since the mount, and how things stand. Never waits for the backing directory.
  ///
  /// - Complexity: O(open plans), besides the metrics.
  package func statistics() -> [MetricFamily] {
    let status = status()
    return pendingGauges(status) + journalGauges(status) + metrics.families + calls.families + journal.metrics.families
  }

  private func pendingGauges(_ status: EngineStatus) -> [MetricFamily] {
    [
      .gauge("ebbfs_dirty_bytes", "Bytes that are not yet written back.", .bytes, value: status.dirtyBytes),
      .gauge("ebbfs_dirty_blocks", "Blocks of 4 KiB that are not yet written back.", value: status.dirtyBlocks),
      .gauge("ebbfs_dirty_inodes", "Files and directories that are not yet written back.", value: status.dirtyInodes),
      .gauge(
        "ebbfs_pending_operations", "Operations that wait for write-back or are being written back.", by: "priority",
        status.queues.map { ($0.priority, $0.count) }),
      .gauge("ebbfs_dead_letters", "Changes that are not tried any more until an operator says so.", value: status.deadLetters),
      .gauge(
        "ebbfs_oldest_pending_age_seconds", "Age of the oldest change that is not yet written back, or 0.", .seconds,
        value: status.oldestAgeMilliseconds * 1_000_000),
      .gauge("ebbfs_writeback_batches_open", "Batches that are being written back.", value: status.openPlans),
      .gauge("ebbfs_parked_requests", "Requests that wait.", value: status.parkedRequests),
      .gauge("ebbfs_known_inodes", "Files and directories that are remembered.", value: status.knownInodes),
      .gauge(
        "ebbfs_memory_blocks_used", "Blocks of 4 KiB of memory= with what waits for write-back.", value: status.memoryBlocksUsed),
      .gauge(
        "ebbfs_memory_blocks_clean", "Blocks of 4 KiB of memory= that keep what is written back until others need them.",
        value: status.memoryBlocksClean),
    ]
  }

  private func journalGauges(_ status: EngineStatus) -> [MetricFamily] {
    let hasFailed = status.journalFailure != nil
    return [
      .gauge("ebbfs_journal_used_bytes", "Bytes of the journal that are in use.", .bytes, value: status.journalUsedBytes),
      .gauge("ebbfs_journal_capacity_bytes", "Bytes that the journal may take.", .bytes, value: status.journalCapacityBytes),
      .gauge("ebbfs_journal_failed", "1 once the journal takes no more changes, else 0.", value: hasFailed ? 1 : 0),
    ]
  }
}
