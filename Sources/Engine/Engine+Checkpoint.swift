import FilesystemModel
import Inodes
import WriteAheadLog

/// Where checkpointing stands.
struct CheckpointProgress {
  var isRunning = false
  /// The last record of the newest checkpoint.
  var lastLSN = LSN.zero
  /// Its low-water LSN.
  var lowWater = LSN.zero
  /// How much had been appended to the journal by then.
  var bytesAppended = 0
}

/// Checkpoints bound the journal and the time of recovery.
extension Engine {
  /// Begins a checkpoint when enough was appended since the last one, when everything is written back, when requests wait for
  /// room, or when it would free segments: every mount begins a new one, however little the one before had written.
  func checkpointIfDue() {
    let lowWater = shared.withLock { shared -> LSN? in
      guard !shared.checkpoint.isRunning, journal.failure == nil, isCheckpointDue(shared) else { return nil }
      let (lowWater, table) = shared.state.captureCheckpoint()
      shared.state.appendDeadLetters()
      shared.checkpoint.isRunning = true
      shared.checkpoint.lowWater = lowWater
      shared.checkpoint.lastLSN = journal.appendCheckpoint(
        lowWater: lowWater, nextInode: shared.state.inodes.nextNumber, table: table)
      shared.checkpoint.bytesAppended = journal.metrics.bytesAppended.value
      return lowWater
    }
    guard let lowWater else { return }
    runner.run(.journal) { [self] in finishCheckpoint(lowWater) }
  }

  private func isCheckpointDue(_ shared: borrowing Shared) -> Bool {
    let lowWater = shared.state.lowWater
    let segmentsMin = shared.copyForward.roundEnd == nil ? 2 : 1
    if lowWater > shared.checkpoint.lowWater, journal.segmentCount(below: lowWater) >= segmentsMin { return true }
    guard journal.lastLSN > shared.checkpoint.lastLSN else { return false }
    let appended = journal.metrics.bytesAppended.value - shared.checkpoint.bytesAppended
    return shared.state.queue.isEmpty || shared.parking.isShortOfRoom
      || appended >= min(configuration.segmentBytes, journal.capacityBytes / 8)
  }

  private func finishCheckpoint(_ lowWater: LSN) {
    // A failed journal says so to every request; segments that were not retired are found at the next mount.
    if (try? journal.commit()) != nil { try? journal.retireSegments(below: lowWater) }
    let waiting = shared.withLock { shared in
      shared.checkpoint.isRunning = false
      return shared.parking.takeWaitersOfRoom()
    }
    shared.wake()
    for request in waiting { attempt(request) }
  }
}

extension EngineState {
  /// Nothing below it is needed once a checkpoint taken now is durable (R6).
  ///
  /// - Complexity: O(files without a name).
  var lowWater: LSN {
    let next = journal.lastLSN.next
    guard configuration.rules.lowWaterCoversCapture else { return next }
    return max(copiedBelow, min(oldestNeeded ?? next, next))
  }

  /// The oldest record that is needed, itself or as a copy.
  ///
  /// - Complexity: O(files without a name).
  var oldestNeeded: LSN? {
    ([queue.oldestLSN, cache.oldestLSN()] + unnamed.map { inodes[$0]?.unnamedCreation }).compactMap(\.self).min()
  }

  /// The low-water LSN and, taken under the same lock, the table of where all bound inodes are (R5, R6).
  ///
  /// Inodes that no live record names any more are left out, and bound again when they are next needed.
  mutating func captureCheckpoint() -> (lowWater: LSN, table: [Binding]) {
    let lowWater = lowWater
    var kept: Set<InodeNumber> = []
    for number in bound {
      guard let inode = inodes[number], inode.lastReference >= lowWater else { continue }
      keep(inode, in: &kept)
    }
    for number in bound.subtracting(kept) { inodes[number]?.isBound = false }
    bound = kept
    let table = kept.sorted().compactMap { inodes[$0] }.filter { !$0.backingNames.isEmpty || $0.wasInBacking }
    return (lowWater, table.map { binding(of: $0) })
  }

  /// Keeps an inode with the directories above it.
  private func keep(_ inode: Inode, in kept: inout Set<InodeNumber>) {
    var waiting = [inode]
    while let next = waiting.popLast() {
      guard next.number != .root, kept.insert(next.number).inserted else { continue }
      next.isBound = true
      waiting += next.backingNames.compactMap { inodes[$0.parent] }
    }
  }
}
