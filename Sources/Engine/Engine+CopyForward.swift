import FilesystemModel
import WriteAheadLog

/// Where copying forward stands. It goes in rounds: from the oldest segment to the one that was written when the round began.
struct CopyForwardProgress {
  var isRunning = false
  /// The oldest record that was needed when last looked at, and the uptime in milliseconds since when.
  var oldest: LSN?
  var oldestSinceMilliseconds = 0
  /// Where the round under way ends.
  var roundEnd: LSN?
  /// Bytes of copies that were appended to the journal.
  var bytesCopied = 0
  /// How much besides copies must have been appended before the next round begins.
  var nextRoundBytes = 0
  /// What there was when the round under way, or the last one, began, if requests waited for room then.
  var start: Start?

  struct Start {
    var dirtyBytes: Int
    var pendingCount: Int
    var bytesAppended: Int
  }
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
    if let oldest { pressIdleTimes(pinning: oldest, &shared) }
    if oldest != shared.copyForward.oldest || isResting(oldest, shared, now) {
      shared.copyForward.oldest = oldest
      shared.copyForward.oldestSinceMilliseconds = now
    }
    guard oldest != nil, now - shared.copyForward.oldestSinceMilliseconds >= configuration.copyForwardDelayMilliseconds,
      journal.usedBytes >= copyForwardBytes
    else { return false }
    if shared.copyForward.roundEnd == nil {
      guard isRoundDue(shared) else { return false }
      shared.copyForward.roundEnd = journal.currentSegmentFirstLSN
      shared.copyForward.start =
        !shared.parking.isShortOfRoom
        ? nil
        : CopyForwardProgress.Start(
          dirtyBytes: shared.state.cache.dirtyBytes, pendingCount: shared.state.queue.count,
          bytesAppended: bytesAppended(shared))
    }
    return true
  }

  /// Whether the oldest record will be written back in its own time: a copy would only make that more. What rests for long is
  /// pressed when the journal fills up.
  private func isResting(_ oldest: LSN?, _ shared: borrowing Shared, _ now: Int) -> Bool {
    guard let oldest, !configuration.copiesForwardWhatRests else { return false }
    return shared.state.queue.isResting(oldest: oldest, nowMilliseconds: now)
  }

  /// Has idle times of directories written when it is for them alone that the journal keeps whole segments: that is cheaper than
  /// copies, and than reading all this at recovery.
  private func pressIdleTimes(pinning oldest: LSN, _ shared: inout Shared) {
    guard !shared.state.queue.idleDirectories.isEmpty, shared.state.queue.oldestLSN.map({ $0 > oldest }) ?? true else { return }
    let pinned = journal.segmentCount(below: journal.lastLSN) - journal.segmentCount(below: oldest)
    guard pinned >= 2 else { return }
    for directory in shared.state.queue.idleDirectories where shared.state.cache.firstLSN(of: directory) == oldest {
      return shared.state.queue.pressIdleTimes()
    }
  }

  /// A round costs the bytes that are needed once more; it must have something to gain.
  private func isRoundDue(_ shared: borrowing Shared) -> Bool {
    bytesAppended(shared) >= shared.copyForward.nextRoundBytes || shared.parking.isShortOfRoom && !isExhausted(shared)
  }

  /// Whether all that is left is needed: since the last round began nothing went, and little came.
  private func isExhausted(_ shared: borrowing Shared) -> Bool {
    guard let start = shared.copyForward.start else { return false }
    return shared.state.cache.dirtyBytes >= start.dirtyBytes && shared.state.queue.count >= start.pendingCount
      && bytesAppended(shared) <= start.bytesAppended + configuration.segmentBytes
  }

  /// Bytes that were appended to the journal besides copies.
  private func bytesAppended(_ shared: borrowing Shared) -> Int {
    journal.metrics.bytesAppended.value - shared.copyForward.bytesCopied
  }

  /// Whether the journal is full of what only its holders can let go: contents of open files without a name.
  func isFullForGood(_ shared: borrowing Shared) -> Bool {
    shared.state.queue.isEmpty && !shared.checkpoint.isRunning && shared.copyForward.roundEnd == nil && isExhausted(shared)
  }

  /// How much the journal must hold.
  private var copyForwardBytes: Int { journal.capacityBytes / 100 * configuration.copyForwardUsedPercent }

  private func copyForward(_ segment: ClosedSegment) {
    var isCopied = false
    do {
      try journal.readSegment(segment) { records in
        shared.withLock { shared in
          let before = journal.metrics.bytesAppended.value
          shared.state.copyForward(records, AppendedOutcomes(shared.plans))
          shared.copyForward.bytesCopied += journal.metrics.bytesAppended.value - before
        }
        journal.pump()
      }
      isCopied = true
    } catch {
      // The journal's disk cannot be read: everything stays where it is, and a later attempt may have more luck.
    }
    let now = clock.uptimeMilliseconds()
    shared.withLock { shared in
      shared.copyForward.isRunning = false
      guard isCopied, journal.failure == nil else {
        shared.copyForward.oldestSinceMilliseconds = now
        return
      }
      shared.state.copiedBelow = segment.endLSN
      guard let end = shared.copyForward.roundEnd, segment.endLSN >= end else { return }
      shared.copyForward.roundEnd = nil
      shared.copyForward.nextRoundBytes = bytesAppended(shared) + copyForwardBytes / 2
    }
    shared.wake()
    checkpointIfDue()
  }
}
