import FilesystemModel
import Policies
import WriteAheadLog

/// Somebody who waits until something is written back, but dead letters and what waits for them.
struct Drain {
  enum Extent {
    /// Everything through the record.
    case through(LSN)
    /// An urgent part of the queue.
    case part(Int)
  }

  let extent: Extent
  /// Files that were written around the journal, with the number of the last such write.
  let around: [InodeNumber: Int]
  /// Is told how many dead letters hold a part up.
  let completion: @Sendable (Int) -> Void
  var deadLetters = 0
}

/// A write-back that failed, for the operator.
package struct WritebackFailure: Hashable, Sendable {
  package var errno: Errno
  /// What was tried, and why it failed, in one line.
  package var reason: String
  /// Uptime of the last failure.
  package var milliseconds: Int
}

/// What an operator wants to know of a mount.
package struct EngineStatus: Sendable {
  package var dirtyBytes: Int
  package var dirtyBlocks: Int
  package var dirtyInodes: Int
  package var pendingOperations: Int
  /// The same by priority.
  package var queues: [(priority: String, count: Int)]
  package var memoryBlocksUsed: Int
  /// Those of what is written back, whose memory is taken when it is needed.
  package var memoryBlocksClean: Int
  package var openPlans: Int
  /// Age of the oldest acknowledged change that is not written back; 0 when there is none.
  package var oldestAgeMilliseconds: Int
  package var journalUsedBytes: Int
  package var journalCapacityBytes: Int
  /// What is kept for audit, besides.
  package var retainedSegments: Int
  package var retainedBytes: Int
  package var lastLSN: LSN
  package var durableLSN: LSN
  package var oldestPendingLSN: LSN?
  /// The journal needs nothing below.
  package var lowWaterLSN: LSN
  /// Changes that are not tried any more until an operator says so.
  package var deadLetters: Int
  package var parkedRequests: Int
  package var knownInodes: Int
  package var journalFailure: Errno?
  package var lastFailure: WritebackFailure?
  /// Why the backing directory was not there when it was looked at last; `nil` when it was.
  package var backingFailure: Errno?
  /// How long the longest call to the backing directory that is under way takes so far.
  package var longestCallMilliseconds: Int
  /// Write-backs that failed and wait to be tried again.
  package var failingOperations: Int
  /// How many changes met those of others since the mount, and the latest of them.
  package var conflictCount: Int
  package var conflicts: [Conflict]
}

extension Engine.Shared {
  /// Uptime when the longest call under way began; `nil` when there is none.
  fileprivate var oldestCallMilliseconds: Int? {
    (plans.values.map(\.callBeganMilliseconds) + [state.space.measurementBeganMilliseconds]).compactMap(\.self).min()
  }
}

extension Engine {
  /// Calls `completion` once everything acknowledged before the call is in the backing directory and synced there, but dead
  /// letters and what waits for them: the status tells whether there are any.
  ///
  /// - Parameters:
  ///   - isLast: Whether the mount ends: then idle times of directories are written, too (Decision 0005).
  ///   - isHastened: Whether it is due at once; or it is only waited for.
  package func drain(isLast: Bool = false, isHastened: Bool = true, completion: @escaping @Sendable () -> Void) {
    shared.withLock { shared in
      let through = journal.lastLSN
      if isLast { shared.state.queue.pressIdleTimes() }
      shared.drains.append(
        Drain(extent: .through(through), around: shared.state.around.unsynchronized) { _ in completion() })
      if isHastened { shared.state.queue.pressAll(through: through) }
    }
    tick()
  }

  /// Calls those whose wait is over.
  func completeDrains() {
    let finished = shared.withLock { shared -> [Drain] in
      guard !shared.drains.isEmpty else { return [] }
      let oldest = shared.state.queue.oldestLSNToWriteBack(world: shared.state.world)
      let held = shared.state.queue.dropHeldUrgentParts(world: shared.state.world)
      for (index, drain) in shared.drains.enumerated() {
        if case .part(let number) = drain.extent, let count = held[number] { shared.drains[index].deadLetters = count }
      }
      let parts = shared.state.queue.urgentPartNumbers
      let around = shared.state.around
      let isOver = { (drain: Drain) in
        guard drain.around.allSatisfy({ around.isSynchronized($0.key, through: $0.value) }) else { return false }
        switch drain.extent {
        case .through(let lsn): return oldest.map { $0 > lsn } ?? true
        case .part(let number): return !parts.contains(number)
        }
      }
      defer { shared.drains.removeAll(where: isOver) }
      return shared.drains.filter(isOver)
    }
    for drain in finished { drain.completion(drain.deadLetters) }
  }

  /// Begins no more plans, and no more actions of plans under way: the next mount carries on. Does not wait.
  package func stop() { shared.withLock { $0.isStopping = true } }

  /// Stops write-back at the next action's boundary, takes a checkpoint when everything is written back, and makes the journal
  /// durable. Waits for calls under way; nothing but `status` may be called afterwards.
  package func close() {
    stop()
    _ = shared.wait { shared in shared.plans.values.contains { $0.isRunning } || shared.copyForward.isRunning ? nil : true }
    checkpointIfDue()
    _ = shared.wait { shared in shared.checkpoint.isRunning ? nil : true }
    journal.close()
  }

  /// What the mount has to do and how it fares. - Complexity: O(open plans).
  package func status() -> EngineStatus {
    shared.withLock { shared in
      let state = shared.state
      return EngineStatus(
        dirtyBytes: state.cache.dirtyBytes, dirtyBlocks: state.cache.dirtyBlocks,
        dirtyInodes: state.cache.dirtyInodeCount - state.queue.idleDirectories.count,
        pendingOperations: state.queue.count + state.around.unsynchronized.count, queues: state.queue.countsByPriority,
        memoryBlocksUsed: state.cache.arenaBlocksUsed, memoryBlocksClean: state.cache.cleanBlocks,
        openPlans: shared.plans.count,
        oldestAgeMilliseconds: state.queue.oldestMilliseconds.map { clock.uptimeMilliseconds() - $0 } ?? 0,
        journalUsedBytes: journal.usedBytes, journalCapacityBytes: journal.capacityBytes,
        retainedSegments: journal.retained.segments, retainedBytes: journal.retained.bytes, lastLSN: journal.lastLSN,
        durableLSN: journal.durableLSN, oldestPendingLSN: state.queue.oldestLSN, lowWaterLSN: state.lowWater,
        deadLetters: state.queue.deadLetters.count,
        parkedRequests: shared.parking.count,
        knownInodes: state.inodes.count, journalFailure: journal.failure, lastFailure: shared.lastFailure,
        backingFailure: shared.backingFailure,
        longestCallMilliseconds: shared.oldestCallMilliseconds.map { clock.uptimeMilliseconds() - $0 } ?? 0,
        failingOperations: shared.plans.values.count { !$0.isRunning } + state.queue.delayedCount,
        conflictCount: shared.conflicts.count, conflicts: shared.conflicts.latest)
    }
  }

  /// As in `status`, without the rest of it: files that wait only for their sync are not counted.
  package var pendingOperations: Int { shared.withLock { $0.state.queue.count } }

  /// Gives back the room of what is written back. O(n) in what is pending, under the lock.
  package func shrink() {
    shared.withLock { shared in
      shared.state.queue.shrink()
      shared.state.cache.shrink()
    }
  }

  /// How often `tick` is to be called: often enough for the batches of the journal, and for changes that are slowed down.
  package var tickMilliseconds: Int { shared.withLock { $0.parking.hasPaced } ? 5 : commitTickMilliseconds }

  private var commitTickMilliseconds: Int {
    let shortest = shared.withLock { $0.state.policies.shortestBatchMilliseconds }
    return shortest.map { max(1, min(50, $0 / 2)) } ?? 50
  }

  /// What time brings: plans that are due, the journal's periodic sync, checkpoints, the end of interrupted waits. Called every
  /// `tickMilliseconds`, and when something changed.
  package func tick() {
    answerInterrupted()
    measureSpaceIfDue()
    advance()
    releasePaced()
    pruneRetainedIfDue()
    if let failure = journal.failure {
      noteJournal(failure)
      endWaiting()
    } else {
      retryForRoom()
    }
  }

  /// Answers requests that still wait long after a signal to their callers.
  private func answerInterrupted() {
    let now = clock.uptimeMilliseconds()
    let requests = shared.withLock { $0.parking.takeInterrupted(nowMilliseconds: now) }
    for request in requests { request.answer(.failure(.interrupted)) }
  }

  /// What may have become due because something changed.
  func advance() {
    beginDuePlans()
    if isCommitDue() { scheduleCommit() }
    checkpointIfDue()
    copyForwardIfDue()
    settleFilesAround()
    completeDrains()
    completeWriteThroughs()
  }

  /// Lets changes through whose time has come.
  private func releasePaced() {
    let now = clock.uptimeMilliseconds()
    let requests = shared.withLock { shared in
      if !shared.plans.isEmpty {
        shared.flow.measure(bytesWritten: calls.bytesWritten.value, isPressed: shared.isPressed, now: now)
      }
      shared.state.hotFiles.cool(nowMilliseconds: now)
      return shared.parking.takePaced(nowMilliseconds: journal.failure == nil ? now : .max)
    }
    for request in requests { attempt(request) }
  }

  /// Room comes not only with the end of a plan: the disk of the journal may have got space again. Where none can come, waiting
  /// would be for ever.
  private func retryForRoom() {
    let (requests, isRoom) = shared.withLock { shared -> ([Request], Bool) in
      guard shared.parking.isShortOfRoom else { return ([], true) }
      let isRoom = journal.hasRoom(for: EngineState.bindingReserveBytes)
      return (isRoom || isFullForGood(shared) ? shared.parking.takeWaitersOfRoom() : [], isRoom)
    }
    for request in requests { if isRoom { attempt(request) } else { request.answer(.failure(.noSpace)) } }
  }

  /// With the journal failed no plan ends and no room comes: requests that wait for that are answered as well as they can be.
  private func endWaiting() {
    let (requests, loads) = shared.withLock { shared in
      (shared.parking.takeWaitersOfPlanEnd() + shared.parking.takeWaitersOfRoom(), shared.parking.takeDelayedLoads())
    }
    for request in requests { attempt(request) }
    for load in loads { start(load) }
  }

  /// Notes when the journal must be synced for a change that is acknowledged now.
  func noteBatch(_ durability: Durability, _ shared: inout Shared) {
    guard let milliseconds = durability.batchMilliseconds else { return }
    let due = clock.uptimeMilliseconds() + milliseconds
    shared.commitDueMilliseconds = min(shared.commitDueMilliseconds ?? due, due)
  }

  /// Whether the journal is to be synced now. What is appended by nobody's request has the durability of the mount.
  private func isCommitDue() -> Bool {
    guard journal.durableLSN < journal.lastLSN else { return false }
    let tick = tickMilliseconds
    return shared.withLock { shared in
      let durability = shared.state.policies.base.durability
      if durability == .always { return true }
      if shared.commitDueMilliseconds == nil { noteBatch(durability, &shared) }
      // One tick early is better than one late: the policy says "at most".
      guard let due = shared.commitDueMilliseconds, due - tick <= clock.uptimeMilliseconds() else { return false }
      shared.commitDueMilliseconds = nil
      return true
    }
  }
}
