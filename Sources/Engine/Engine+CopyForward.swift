import FilesystemModel
import WriteAheadLog

/// Where copying forward stands. It goes in rounds: from the oldest segment to the end that the journal had when the round began.
struct CopyForwardProgress {
  var isRunning = false
  /// The oldest record that was needed when last looked at, and the uptime in milliseconds since when.
  var oldest: LSN?
  var oldestSinceMilliseconds = 0
  /// Where the round under way ends.
  var roundEnd: LSN?
  /// What must have been appended to the journal before the next round begins.
  var nextRoundBytes = 0
  /// When a round may begin however little was appended, if the journal is full and much of it is not needed.
  var nextRoundMilliseconds = 0
}

/// Something that is not written back for long, because it is refused, or because it is an open file without a name, does not
/// keep the segments behind it: what is needed of them is copied to the journal's end (PROTOCOL.md R21).
extension Engine {
  /// Copies what is needed of the oldest segment when write-back does not free it and the journal fills up.
  func copyForwardIfDue() {
    let segment = shared.withLock { shared -> ClosedSegment? in
      guard !shared.copyForward.isRunning, !shared.checkpoint.isRunning, !shared.isStopping, journal.failure == nil,
        isCopyForwardDue(&shared), let segment = journal.oldestClosedSegment, segment.endLSN > shared.state.copiedBelow
      else { return nil }
      shared.copyForward.isRunning = true
      return segment
    }
    guard let segment else { return }
    runner.run(.journal) { [self] in copyForward(segment) }
  }

  private func isCopyForwardDue(_ shared: inout Shared) -> Bool {
    let now = clock.uptimeMilliseconds()
    let oldest = shared.state.oldestNeeded
    if oldest != shared.copyForward.oldest {
      shared.copyForward.oldest = oldest
      shared.copyForward.oldestSinceMilliseconds = now
    }
    guard oldest != nil, now - shared.copyForward.oldestSinceMilliseconds >= configuration.copyForwardDelayMilliseconds,
      journal.usedBytes >= copyForwardBytes
    else { return false }
    if shared.copyForward.roundEnd == nil {
      guard isRoundDue(shared, now) else { return false }
      shared.copyForward.roundEnd = journal.lastLSN.next
    }
    return true
  }

  /// A round costs the bytes that are needed once more; it must have something to gain.
  private func isRoundDue(_ shared: borrowing Shared, _ now: Int) -> Bool {
    if journal.statistics.bytesAppended >= shared.copyForward.nextRoundBytes { return true }
    return shared.parking.isShortOfRoom && now >= shared.copyForward.nextRoundMilliseconds
      && journal.usedBytes - shared.state.cache.dirtyBytes >= copyForwardBytes / 2
  }

  /// How much the journal must hold.
  private var copyForwardBytes: Int { journal.capacityBytes / 100 * configuration.copyForwardUsedPercent }

  /// Whether the journal is full of what only its holders can let go: contents of open files without a name.
  func isFullForGood(_ shared: borrowing Shared) -> Bool {
    let now = clock.uptimeMilliseconds()
    return shared.state.queue.isEmpty && !shared.checkpoint.isRunning && shared.copyForward.roundEnd == nil
      && shared.state.oldestNeeded == shared.copyForward.oldest && shared.copyForward.oldest != nil
      && now - shared.copyForward.oldestSinceMilliseconds >= configuration.copyForwardDelayMilliseconds
      && !isRoundDue(shared, now)
  }

  private func copyForward(_ segment: ClosedSegment) {
    var isCopied = false
    do {
      try journal.readSegment(segment) { records in
        shared.withLock { shared in shared.state.copyForward(records, AppendedOutcomes(shared.plans)) }
        journal.pump()
      }
      isCopied = true
    } catch {
      // The journal's disk cannot be read: everything stays where it is, and a later attempt may have more luck.
    }
    let now = clock.uptimeMilliseconds()
    shared.withLock { shared in
      shared.copyForward.isRunning = false
      guard isCopied, journal.failure == nil else { return shared.copyForward.oldestSinceMilliseconds = now }
      shared.state.copiedBelow = segment.endLSN
      guard let end = shared.copyForward.roundEnd, segment.endLSN >= end || journal.oldestClosedSegment == nil else { return }
      shared.copyForward.roundEnd = nil
      shared.copyForward.nextRoundBytes = journal.statistics.bytesAppended + copyForwardBytes / 2
      shared.copyForward.nextRoundMilliseconds = now + 10_000
    }
    shared.wake()
    checkpointIfDue()
  }
}
