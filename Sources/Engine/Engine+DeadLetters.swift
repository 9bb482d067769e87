import FilesystemModel
import Flushing
import StorageInterface

/// Giving up what the backing directory refuses while it is well otherwise, and taking it up again.
extension Engine {
  /// So many changes may become dead letters by the limit of attempts while nothing at all is written back in between: when all
  /// that is tried fails it is the backing directory that is sick, and it alone.
  static let exhaustedMax = 16
  /// So often an action is tried again of which nobody can see whether it was carried out. As a letter it would be in doubt, and
  /// who reads the file would wait for the operator.
  private static let blindAttemptsMax = 8
  /// What a filesystem may need besides a file's bytes; with less it counts as full.
  private static let spareBytes = 64 << 10

  /// Counts the failures of an attempt at a plan and gives up what was refused for good or tried often enough. What may have had
  /// an effect is undone if possible, so that it can be given back; else it stays in the plan, in doubt. Slow.
  ///
  /// - Parameter others: Actions whose failure says nothing.
  func giveUp(_ run: inout PlanRun, besides others: Set<Int>, _ executor: PlanExecutor) {
    var failed = run.open.filter { run.failure($0) != nil && !others.contains($0) }
    guard !failed.isEmpty, rootFailure() == nil, let server = askServer() else { return }
    // What is carried out, and only not synced, is not refused: that is tried until it succeeds. Who reads the file waits for it.
    failed.removeAll { index in
      run.isInDoubt(index) && executor.isCarriedOut(run.actions[index]) ?? (run.attempts < Self.blindAttemptsMax)
    }
    let isFull = server.space.map { space in
      Self.isFull(space, for: failed.filter { run.failure($0) == .noSpace }.map { run.actions[$0] })
    }
    let time = clock.now()
    let letters = shared.withLock { shared in
      failed.filter { isFull != true || run.failure($0) != .noSpace }.compactMap { index in
        shared.letterOfFailure(run, index, at: time).map { (index, $0) }
      }
    }
    for (index, letter) in letters {
      run.deadLetters[index] = letter
      if case .retry = run.outcomes[index], executor.settle(run.actions[index]) {
        run.outcomes[index] = .aborted(letter.errno, .refused)
      }
    }
  }

  /// A server that answers.
  private struct AnsweringServer {
    /// What is free; `nil` where the filesystem cannot tell.
    var space: FilesystemStatistics?
  }

  /// Sees whether the server answers: the attributes of the root the kernel may still know, what is free it does not.
  ///
  /// - Returns: `nil` when it does not.
  private func askServer() -> AnsweringServer? {
    do throws(Errno) {
      return AnsweringServer(space: try backing.statistics())
    } catch {
      if error.isPermanent { return AnsweringServer(space: nil) }
      noteBacking(error)
      return nil
    }
  }

  /// Whether the filesystem as a whole has no room for actions that found none: then their failure is not their own.
  private static func isFull(_ found: FilesystemStatistics, for actions: [ExecutableAction]) -> Bool {
    guard !actions.isEmpty else { return false }
    if found.files > 0, found.filesFree == 0 { return true }
    let needed = actions.compactMap { $0.contents?.extentBytes }.max() ?? 0
    let available = found.blocksAvailable.multipliedReportingOverflow(by: UInt64(max(found.fragmentBytes, 1)))
    return !available.overflow && available.partialValue < UInt64(needed + spareBytes)
  }

  /// Lets dead letters be tried again at once, each from its first attempt on. Returns when that is durable.
  ///
  /// - Returns: How many of them there were.
  /// - Throws: `readOnlyFilesystem` when the journal has failed.
  package func retryDeadLetters(_ subjects: [WritebackSubject]) throws(Errno) -> Int {
    guard journal.failure == nil else { throw .readOnlyFilesystem }
    let count = shared.withLock { shared in
      let taken = subjects.filter { shared.state.queue.takeUp($0) }
      for subject in taken { _ = journal.append(.deadLetterRetry(subject)) }
      for lsn in shared.plans.keys { shared.plans[lsn]?.retryAtMilliseconds = 0 }
      shared.state.queue.pressAll(through: journal.lastLSN)
      return taken.count
    }
    guard (try? journal.commit()) != nil else { throw .inputOutput }
    metrics.deadLettersRetried.add(count)
    tick()
    return count
  }
}

extension Engine.Shared {
  /// Notes a failure; answers the letter if the change is to be given up.
  fileprivate mutating func letterOfFailure(_ run: PlanRun, _ index: Int, at time: Timestamp) -> DeadLetter? {
    guard let errno = run.failure(index) else { return nil }
    let letter = state.queue.noteFailure(of: run.actions[index].action, errno, at: time)
    if run.isRefused(index), state.queue.givesUp { return letter }
    guard state.queue.isExhausted(letter), exhaustedSinceSuccess < Engine.exhaustedMax else { return nil }
    exhaustedSinceSuccess += 1
    return letter
  }

  /// Appends the letters of a plan, behind its outcome. They count at once: what they tell of is not planned when it is given
  /// back.
  mutating func appendDeadLetters(of run: PlanRun, _ observe: EngineObserver) {
    for (_, letter) in run.deadLetters.sorted(by: { $0.key < $1.key }) {
      observe(.deadLetter(state.waitingChange(letter.action), letter.errno, attempts: letter.attempts))
      _ = state.journal.append(.deadLetter(letter))
      state.queue.park(letter)
    }
    plans[run.lsn]?.deadLetters = [:]
    if !run.completed.isEmpty { exhaustedSinceSuccess = 0 }
  }
}

extension EngineState {
  /// Appends all dead letters anew, for the next mount: their records may lie below the low-water of a checkpoint.
  func appendDeadLetters() {
    for letter in queue.sortedDeadLetters { _ = journal.append(.deadLetter(letter)) }
  }
}

extension PlanRun {
  /// Why an open action failed.
  fileprivate func failure(_ index: Int) -> Errno? {
    switch outcomes[index] {
    case .retry(let errno), .aborted(let errno, _): errno
    case .done, nil: nil
    }
  }

  /// Whether the backing directory understood an action and will not carry it out. That a name is not as this mount left it is
  /// another matter, which may pass.
  fileprivate func isRefused(_ index: Int) -> Bool {
    switch outcomes[index] {
    case .retry(let errno), .aborted(let errno, .refused): errno.isPermanent
    case .aborted, .done, nil: false
    }
  }
}
