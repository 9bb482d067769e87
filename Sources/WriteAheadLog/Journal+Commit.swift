import FilesystemModel
import StorageInterface

extension Journal {
  /// Makes everything appended before the call durable: returns when it survives a power cut, with completions run. Callers
  /// that come together share one sync.
  ///
  /// - Throws: the error that stopped the journal.
  package func commit() throws(Errno) {
    let target = lastLSN
    guard durableLSN < target else { return }
    metrics.commits.add()
    try waitUntilWritten(target)
    while true {
      switch beginSync(target) {
      case .done: return
      case .failed(let error): throw error
      case .lead(let sync): try run(sync)
      }
    }
  }

  private enum WriteProgress {
    case reached
    case failed(Errno)
    /// Nobody leads: this thread may.
    case leaderless
  }

  private func waitUntilWritten(_ target: LSN) throws(Errno) {
    while writtenLSN < target {
      pump()
      let progress = waitForGroup { state -> WriteProgress? in
        if state.written >= target { return .reached }
        if let failure = state.failure { return .failed(failure) }
        return state.isLeading ? nil : .leaderless
      }
      switch progress {
      case .reached: return
      case .failed(let error): throw error
      case .leaderless: continue
      }
    }
  }

  /// One sync of the files that were written to, oldest first.
  private struct Sync {
    var files: [any SegmentFile]
    var through: LSN
    /// The numbers of the segments synced.
    var segments: [UInt64]
  }

  private enum Turn {
    case done
    case failed(Errno)
    case lead(Sync)
  }

  /// Waits until the target is durable or it is this thread's turn to sync for all.
  private func beginSync(_ target: LSN) -> Turn {
    state.wait { state -> Turn? in
      if state.durable >= target { return .done }
      if let failure = state.failure { return .failed(failure) }
      guard !state.isSyncing else { return nil }
      state.isSyncing = true
      var sync = Sync(files: [], through: state.written, segments: [])
      for index in state.live.indices where state.live[index].isDirty {
        // What is written while the sync runs makes the segment dirty again.
        state.live[index].isDirty = false
        sync.files.append(state.live[index].file!)
        sync.segments.append(state.live[index].number)
      }
      return .lead(sync)
    }!
  }

  private func run(_ sync: Sync) throws(Errno) {
    let start = clock.uptimeNanoseconds()
    do {
      let isSkipped = !configuration.rules.everyCommitSynchronizes && sync.through.rawValue.isMultiple(of: 8)
      for file in sync.files where !isSkipped { try file.synchronize() }
    } catch {
      fail(error) { $0.isSyncing = false }
      throw error
    }
    metrics.syncSeconds.record(clock.uptimeNanoseconds() - start)
    let waiters = state.withLock { state in
      state.isSyncing = false
      metrics.syncRecords.record(Int(sync.through.rawValue - state.durable.rawValue))
      state.durable = sync.through
      durableLSNValue.store(sync.through.rawValue, ordering: .releasing)
      while let checkpoint = state.openCheckpoints.first, checkpoint.end <= sync.through {
        state.durableLowWater = checkpoint.lowWater
        state.openCheckpoints.removeFirst()
      }
      return JournalState.take(&state.durableWaiters, through: sync.through)
    }
    state.wake()
    for waiter in waiters { waiter.body(nil) }
  }
}
