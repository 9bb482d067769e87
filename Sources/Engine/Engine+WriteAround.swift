import FilesystemModel
import StorageInterface

/// Modes `write-around` and `cache-aside`, and streams above `sequential_bypass`: data is written to the backing file while the
/// caller waits, neither journaled nor kept. Names and attributes are journaled and written through.
///
/// Writes of one file are carried out one after the other in the order of arrival, when nothing of it waits for write-back. What
/// the backing directory answers is the answer. A signal ends the wait with EINTR, and the write goes on.
extension Engine {
  /// Has `observer` told, on any thread and after the answer, which range of a file was written around: what the kernel has of it
  /// is to be dropped.
  package func observeWritesAround(_ observer: @escaping @Sendable (InodeNumber, ByteRange) -> Void) {
    aroundObserver.withLock { $0 = observer }
  }

  /// Opens the backing file for writing; then the write is attempted again.
  func openAround(_ request: Request, _ opening: AroundOpening) {
    do throws(Errno) {
      let file = try backing.open(opening.path, writable: true)
      try check(file, opening.identity)
      // After a crash nobody could tell our writes from those of others.
      if shared.withLock({ $0.state.forgetVersion(of: opening.inode) }) { try journal.commit() }
      let now = clock.uptimeMilliseconds()
      let waiting = shared.withLock { shared in
        // Somebody may have looked at it anew meanwhile: then all is done once more.
        if !shared.parking.isFetchTainted(request.number), !shared.state.forgetVersion(of: opening.inode) {
          shared.state.around.open(opening.inode, file, nowMilliseconds: now)
        }
        return shared.parking.take(request.number)
      }
      if let waiting { attempt(waiting) }
    } catch {
      retryFetch(request, error == .noEntry ? rootFailure() ?? error : error)
    }
  }

  /// Nothing is written to a file that somebody put in the place of ours.
  private func check(_ file: any BackingFile, _ expected: BackingIdentity?) throws(Errno) {
    guard let expected, backing.abilities.hasStableInodes else { return }
    let found = try file.status().identity
    if !found.isSameFile(as: expected) { throw .stale }
  }

  /// Carries out what is queued for a file, and syncs it where somebody waits for that. One job at a time for a file.
  func workAround(_ inode: InodeNumber) {
    let queued = shared.withLock { $0.state.around.files[inode] }
    guard let open = queued else { return }
    let failures = open.work.map { write($0, to: open.file) }
    // A job without work was begun to sync.
    let isSynchronizing = open.work.isEmpty || open.work.contains(where: \.needsSynchronization)
    let syncFailure = isSynchronizing ? synchronize(open.file) : nil
    let status = open.isWriting ? try? open.file.status() : nil
    let now = clock.uptimeMilliseconds()
    let isTold = open.work.contains { $0.bytes == nil }
    let (isMore, answered, waiting, loads) = shared.withLock { shared in
      if let status { shared.state.takeWrittenAround(inode, status.attributes) }
      if let syncFailure {
        shared.noteLoss(of: inode, syncFailure, isTold: isTold, nowMilliseconds: now)
        observe(.lost(path: shared.state.shownPath(of: inode), syncFailure))
      }
      // What could not be synced is not synced by trying again.
      let isMore = shared.state.around.end(
        inode, workCount: open.work.count, synchronizedThrough: isSynchronizing ? open.unsynchronized?.last : nil,
        nowMilliseconds: now)
      let answered = open.work.map { shared.parking.take($0.request.number) != nil }
      return (isMore, answered, shared.parking.takeWaitersOfPlanEnd(), shared.parking.takeDelayedLoads())
    }
    for (index, work) in open.work.enumerated() where answered[index] {
      answer(work, failures[index] ?? (work.needsSynchronization ? syncFailure : nil))
    }
    if let observer = aroundObserver.withLock({ $0 }) {
      for work in open.work { if let range = work.range { observer(inode, range) } }
    }
    if isMore { runner.run(.writeBack) { [self] in workAround(inode) } }
    for request in waiting { attempt(request) }
    for load in loads { start(load) }
    if isSynchronizing { completeDrains() }
  }

  private func write(_ work: AroundWork, to file: any BackingFile) -> Errno? {
    guard let bytes = work.bytes else { return nil }
    do throws(Errno) {
      try file.write(bytes, at: work.offset)
      return nil
    } catch {
      return error
    }
  }

  private func synchronize(_ file: any BackingFile) -> Errno? {
    do throws(Errno) {
      try file.synchronize()
      return nil
    } catch {
      return error
    }
  }

  private func answer(_ work: AroundWork, _ failure: Errno?) {
    if let failure { return work.request.answer(.failure(failure)) }
    guard let bytes = work.bytes else { return answerWhenDurable(work.request, .done, work.after) }
    work.request.answer(.success(.count(bytes.count)))
  }

  /// Syncs files that were left alone, or written longer ago than the deadline, or that a drain waits for, and closes those that
  /// are synced.
  func settleFilesAround() {
    let now = clock.uptimeMilliseconds()
    let (mustClose, synchronizing) = shared.withLock { shared in
      guard !shared.state.around.files.isEmpty else { return (false, [InodeNumber]()) }
      let pace = shared.state.queue.settings
      return shared.state.around.settle(
        restedBefore: now - pace.delayMilliseconds, writtenBefore: now - pace.deadlineMilliseconds,
        awaited: Set(shared.drains.flatMap(\.around.keys)))
    }
    for inode in synchronizing { runner.run(.writeBack) { [self] in workAround(inode) } }
    // Others wait for the descriptors.
    guard mustClose else { return }
    runner.run(.writeBack) { [self] in _ = shared.withLock { $0.state.around.takeClosing() } }
    for request in shared.withLock({ $0.parking.takeWaitersOfPlanEnd() }) { attempt(request) }
  }
}

extension AroundWork {
  /// Whether its answer waits for a sync of the file.
  var needsSynchronization: Bool { bytes == nil || request.policy.durability == .always }

  var range: ByteRange? { bytes.map { offset..<offset + $0.count } }
}

extension Engine.Shared {
  /// What was acknowledged may be lost: the operator sees it, and so does the next fsync of the file, as on any filesystem.
  fileprivate mutating func noteLoss(of inode: InodeNumber, _ errno: Errno, isTold: Bool, nowMilliseconds: Int) {
    if !isTold { state.around.losses[inode] = errno }
    let path = state.inodes[inode].flatMap { state.path(of: $0) }?.text ?? ""
    lastFailure = WritebackFailure(
      errno: errno, reason: "fsync \(path): error \(errno.rawValue), data written around the cache may be lost",
      milliseconds: nowMilliseconds)
  }
}
