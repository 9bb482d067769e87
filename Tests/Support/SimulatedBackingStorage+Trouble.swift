import FilesystemModel
import StorageInterface

extension SimulatedBackingStorage {
  // MARK: Crash

  /// Stops the machine or the daemon. Open files are dead afterwards; a `bystander`'s too. Call indexes go on.
  package func crash(_ crash: Crash) { state.withLock { $0.disk.crash(crash) } }

  /// How many effects a power cut may keep or lose: `PowerCut.prefix` takes 0 to this, `PowerCut.only` places below it.
  ///
  /// - Complexity: O(files with pending effects).
  package var pendingEffectCount: Int { state.withLock { $0.disk.pendingCount } }

  // MARK: Failures

  /// Orders a failure; the oldest order that matches a call decides.
  package func order(_ fault: BackingFault) { state.withLock { $0.book.faults.append(fault) } }

  /// Fails the call with this index, and all later ones with `forEver`.
  package func failCall(_ index: Int, with errno: Errno, forEver: Bool = false, effect: BackingFault.Effect = .none) {
    order(BackingFault(errno, effect: effect) { forEver ? $0.index >= index : $0.index == index })
  }

  /// Fails the next synchronization of a file in the way Linux does: its dirty bytes are lost, a further one succeeds.
  package func failNextSynchronization(with errno: Errno = .inputOutput, of path: BackingPath? = nil) {
    order(
      BackingFault(errno, effect: .dropsDirtyBytes, times: 1) {
        $0.isSynchronization && (path == nil || $0.path == path)
      })
  }

  /// The call with this index and all later ones throw `inputOutput` without effect until `revive`.
  package func die(atCall index: Int) { state.withLock { $0.book.diesAt = index } }

  /// Lets the values of these extended attributes be read by nobody, of any file.
  package func setUnreadable(_ names: Set<[UInt8]>) { state.withLock { $0.book.unreadableAttributes = names } }

  /// Withdraws all failures, and death.
  package func revive() {
    state.withLock { state in
      state.book.diesAt = nil
      state.book.faults = []
    }
  }

  /// The directory goes away: what is there is not found, until it comes back.
  package func goAway() {
    state.withLock { $0.book.rootFailure = .notConnected }
    order(BackingFault(.noEntry) { _ in true })
  }

  package func comeBack() {
    state.withLock { $0.book.rootFailure = nil }
    withdrawFaults()
  }

  /// Withdraws all failures.
  package func withdrawFaults() { state.withLock { $0.book.faults = [] } }

  /// Has something happen after each call, before its caller goes on: a call takes time. It may make calls itself.
  package func afterEachCall(_ interlude: (@Sendable (BackingCall.Name) -> Void)?) {
    state.withLock { $0.book.interlude = interlude }
  }

  /// Is shown the filesystem as it is before each call that changes something.
  package func beforeChanges(_ observer: (@Sendable (SimulatedBackingStorage) -> Void)?) {
    state.withLock { $0.book.observer = observer }
  }

  /// What is on the disk, as numbers: equal ones stand for equal contents in the past and future of one disk and its copies.
  package var versions: DiskVersions { state.withLock { $0.disk.versions } }

  // MARK: Watching

  package func beginWatching(_ tell: @escaping @Sendable ([BackingEvent]) -> Void) -> (any BackingWatch)? {
    guard options.isWatchable else { return nil }
    let watch = SimulatedWatch(tell)
    state.withLock { $0.watch = watch }
    return watch
  }

  /// The watch of the daemon that was opened last.
  package var watch: SimulatedWatch? { state.withLock { $0.watch } }

  // MARK: Counting

  /// The index that the next call will have.
  package var nextCallIndex: Int { state.withLock { $0.book.nextIndex } }

  /// How many calls of these names were made since `clearCounts`; without names: of all.
  package func callCount(_ names: BackingCall.Name...) -> Int {
    state.withLock { state in
      (names.isEmpty ? BackingCall.Name.allCases : names).reduce(0) { $0 + (state.book.counts[$1] ?? 0) }
    }
  }

  package func clearCounts() { state.withLock { $0.book.clearCounts() } }

  /// Begins or ends to keep a log of calls.
  package func keepLog(_ keeps: Bool = true) { state.withLock { $0.book.keepsLog = keeps } }

  /// The calls since `keepLog`, failed ones included.
  package var log: [BackingCall] { state.withLock { $0.book.log } }

  // MARK: The tree

  /// What the directory shows now.
  package func snapshot() -> TreeSnapshot { state.withLock { TreeSnapshot(of: $0.disk.live) } }

  /// What a power cut that keeps nothing un-synchronized would leave.
  package func durableSnapshot() -> TreeSnapshot {
    state.withLock { state in
      var disk = state.disk
      disk.crash(.powerCut(keep: .nothing))
      return TreeSnapshot(of: disk.live)
    }
  }
}
