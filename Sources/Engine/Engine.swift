import FilesystemModel
import Inodes
import Policies
import StorageInterface
import Synchronization
import Threading
import WriteAheadLog

/// The filesystem: answers operations from memory, journal and backing directory, and writes changes back in the background.
///
/// A change: everything it needs is loaded first (no lock held); then, under the one lock, it is validated, appended to the
/// journal's buffer and taken into memory; then, without the lock, the write group's leader writes the buffer to the journal
/// file; then it is answered. Order in the journal is the order of effect. An operation that must wait is parked and attempted
/// again from its start.
///
/// Any thread may call any method. No caller waits for the backing directory or for another request: that is left to the jobs
/// given to the `JobRunner`. A caller may write the journal's file, for its own and others' records, and run the answers that
/// waited for that; only `close` waits.
package final class Engine: OperationHandler {
  struct Shared {
    var state: EngineState
    var flow: FlowControl
    var pacing: BatchPacing?
    var parking = Parking()
    var prefetch = Prefetch()
    var plans: [LSN: PlanRun] = [:]
    var drains: [Drain] = []
    var checkpoint = CheckpointProgress()
    var copyForward = CopyForwardProgress()
    /// Changes of cut off files that are to be written at once, of each inode under way.
    var directWrites: [InodeNumber: [DirectWrite]] = [:]
    /// Changes that are answered once they are in the backing directory.
    var writeThroughs: [WriteThrough] = []
    /// Uptime at which the journal is to be synced for changes that were acknowledged before; `nil` when none wait for that.
    var commitDueMilliseconds: Int?
    var isStopping = false
    var lastFailure: WritebackFailure?
    /// Why the backing directory was not there when it was looked at last.
    var backingFailure: Errno?
    var isJournalFailureTold = false
    var lastBatchMilliseconds = 0
    /// How many changes were given up by the limit of attempts since something was last written back.
    var exhaustedSinceSuccess = 0
    var conflicts = ConflictList()
    var watched = WatchedDirectories()
    var syncForecast = SyncForecast()
  }

  let shared: Lock<Shared>
  let journal: Journal
  let backing: any BackingStorage
  let files: BackingFiles
  let readAhead = Lock(ReadAhead())
  let runner: any JobRunner
  let clock: any Clock
  let configuration: EngineConfiguration
  /// Called with ranges of files that were written around the cache.
  let aroundObserver = Lock<(@Sendable (InodeNumber, ByteRange) -> Void)?>(nil)
  let metrics: EngineMetrics
  let calls: BackingCallMetrics
  package let salvage: SalvageReport
  let observe: EngineObserver
  /// Tells the kernel what others have changed.
  private let kernel = Lock<(@Sendable ([Invalidation]) -> Void)?>(nil)
  let watch = Lock<(any BackingWatch)?>(nil)
  private let requestNumber = Atomic<UInt64>(0)
  /// How often a sync of the journal was asked for that the job that syncs has not done yet.
  private let commitsWanted = Atomic<Int>(0)
  let isPruneScheduled = Atomic<Bool>(false)

  init(
    state: EngineState, journal: Journal, backing: any BackingStorage, runner: any JobRunner, clock: any Clock,
    configuration: EngineConfiguration, salvage: SalvageReport = SalvageReport(), observe: @escaping EngineObserver
  ) {
    self.salvage = salvage
    self.observe = observe
    let calls = BackingCallMetrics(clock: clock)
    let backing = MeasuredStorage(backing, calls)
    let flow = FlowControl(
      background: configuration.dirtyBackground, limit: configuration.dirtyLimit, journalCapacityBytes: journal.capacityBytes)
    self.shared = Lock(Shared(state: state, flow: flow, pacing: backing.abilities.isFar ? BatchPacing() : nil))
    self.journal = journal
    self.backing = backing
    self.metrics = state.metrics
    self.calls = calls
    self.files = BackingFiles(backing: backing, countMax: 1024)
    self.runner = runner
    self.clock = clock
    self.configuration = configuration
  }

  @discardableResult
  package func submit(
    _ operation: Operation, from caller: Caller, answer: @escaping @Sendable (Result<Reply, Errno>) -> Void
  ) -> UInt64 {
    let number = requestNumber.add(1, ordering: .relaxed).newValue
    attempt(
      Request(
        number: number, operation: operation, caller: caller, answer: metrics.counting(operation, answer),
        startedMilliseconds: clock.uptimeMilliseconds()))
    return number
  }

  package func interrupt(_ number: UInt64) {
    let now = clock.uptimeMilliseconds()
    shared.withLock { $0.parking.interrupt(number, nowMilliseconds: now) }
  }

  package func forget(_ number: InodeNumber, count: UInt64) {
    let isForgotten = shared.withLock { shared in
      guard let inode = shared.state.inodes[number] else { return true }
      inode.forget(count)
      guard inode.lookupCount == 0 else { return false }
      shared.state.discardOrphan(inode)
      return inode.isOrphan
    }
    if isForgotten { files.forget(number) }
  }

  /// Has the kernel told what it must forget since somebody else has changed it. `body` must not wait for requests of the kernel.
  package func whenOthersChange(_ body: @escaping @Sendable ([Invalidation]) -> Void) { kernel.withLock { $0 = body } }

  /// Has readers, and the kernel, see what somebody else has changed. Not under the engine's lock.
  func tellChanges(_ invalidations: [Invalidation]) {
    // The descriptor of a file that was changed may be of one that was there before.
    for case .inode(let inode) in invalidations { _ = files.drop(inode) }
    tellKernel(invalidations)
  }

  /// Not under the engine's lock.
  func tellKernel(_ invalidations: [Invalidation]) {
    if !invalidations.isEmpty { kernel.withLock { $0 }?(invalidations) }
  }

  // MARK: Attempts

  private enum Step {
    case finish(Request, Outcome)
    case fail(Request, Errno, after: LSN)
    /// The answer is an error, and write-back has something to do.
    case refuse(Errno)
    case load([Load])
    case wait
  }

  /// Tries to carry an operation out; parks it when something is missing.
  func attempt(_ request: Request) {
    let step = shared.withLock { shared -> Step in self.step(request, &shared) }
    if journal.writtenLSN < journal.lastLSN { journal.pump() }
    switch step {
    case .finish(let request, let outcome):
      if request.isSyncExpected { scheduleCommit() }
      finish(request, outcome)
    case .fail(let request, let errno, let lsn):
      whenAcknowledged(lsn, request.policy.durability) { _ in request.answer(.failure(errno)) }
    case .refuse(let errno):
      request.answer(.failure(errno))
      advance()
    case .load(let loads): for load in loads { start(load) }
    case .wait: advance()
    }
  }

  private func step(_ request: Request, _ shared: inout Shared) -> Step {
    if request.operation.isChange, journal.failure == nil, let step = pace(request, &shared) { return step }
    var request = request
    request.policy = shared.state.policy(for: request.operation)
    let mayWriteThrough = shared.state.policies.mayWriteThrough && request.operation.isChange
    let named = mayWriteThrough ? shared.state.named(by: request.operation) : []
    do throws(Interruption) {
      let outcome = try shared.state.perform(request)
      metrics.count(.success(outcome), of: &request)
      if request.operation.isChange, case .reply(let reply, let lsn) = outcome {
        request.policy = request.policy.joined(with: shared.state.policy(for: request.operation))
        noteBatch(request.policy.durability, &shared)
        request.isSyncExpected = shared.syncForecast.noteChange(by: request.caller.process)
        if request.policy.mode.waitsForBacking, lsn > .zero {
          writeThrough(request, reply, after: lsn, named, &shared)
          return .wait
        }
      }
      if case .durable = outcome { shared.syncForecast.noteSync(by: request.caller.process) }
      if case .around = outcome { shared.parking.parkForBacking(request) }
      if outcome.isFetched {
        let chain = outcome.fetchedInode.flatMap { shared.state.inodes[$0] }.map { shared.state.chain(of: $0) }
        shared.parking.park(request, fetchingThrough: chain ?? [])
      }
      return .finish(request, outcome)
    } catch {
      metrics.count(.failure(error), of: &request)
      switch error {
      case .failure(let errno): return .fail(request, errno, after: shared.state.lastChange(seenBy: request.operation))
      case .needs(let loads): return .load(shared.parking.park(request, for: loads))
      case .needsRoom(let room): return park(request, for: room, &shared)
      case .needsPlanEnd: shared.parking.parkForPlanEnd(request)
      }
      return .wait
    }
  }

  /// What a change comes to that comes faster than write-back goes, or brings data that would go beyond the limit; `nil` when it
  /// may go on.
  private func pace(_ request: Request, _ shared: inout Shared) -> Step? {
    let level = shared.flowLevel
    if request.operation.dataBytes > 0, shared.flow.fraction(level) >= 1, !shared.state.queue.isEmpty {
      return park(request, for: .journal, &shared)
    }
    guard !request.isPaced else { return nil }
    let now = clock.uptimeMilliseconds()
    let delay = shared.flow.delayMilliseconds(bytes: request.operation.dataBytes, level, now: now)
    guard delay > 0 else { return nil }
    var request = request
    request.isPaced = true
    shared.parking.park(request, untilMilliseconds: now + delay)
    return .wait
  }

  /// Has something written back for a request that lacks room.
  private func park(_ request: Request, for room: Room, _ shared: inout Shared) -> Step {
    var request = request
    switch room {
    case .journal:
      // With nothing to write back a checkpoint makes room, or none comes: both are soon known.
      if configuration.whenFull == .fail, !shared.state.queue.isEmpty { return .refuse(.noSpace) }
    case .memory: break
    case .backing(let shortage):
      request.shortage = shortage
      shared.state.space.isWanted = true
    }
    shared.parking.parkForRoom(request)
    return .wait
  }

  private func finish(_ request: Request, _ outcome: Outcome) {
    switch outcome {
    case .reply(let reply, let lsn): answer(request, reply, after: lsn)
    case .direct(let reply, let inode): writeDirectly(DirectWrite(request: request, reply: reply), inode)
    case .around(let inode, let isFirst): if isFirst { runner.run(.writeBack) { [self] in workAround(inode) } }
    case .openAround(let opening): runner.run(.load) { [self] in openAround(request, opening) }
    case .durable(let reply, let lsn): answerWhenDurable(request, reply, lsn)
    case .assemble(let assembly):
      runner.run(assembly.pieces.contains(where: \.isInBacking) ? .load : .journalRead) { [self] in
        answerFetched(request, after: assembly.after) { opened throws(Errno) in .bytes(try gather(assembly, &opened)) }
      }
    case .seek(let assembly):
      runner.run(.load) { [self] in
        answerFetched(request, after: assembly.after) { opened throws(Errno) in
          let file = try files.file(of: assembly.inode, at: assembly.path)
          opened = (assembly.inode, file)
          return .offset(try assembly.find(in: file))
        }
      }
    case .ask(let question):
      runner.run(.load) { [self] in
        answerFetched(request, after: question.after) { _ throws(Errno) in try question.ask(backing) }
      }
    case .copy(let assembly, let target, let offset):
      runner.run(.load) { [self] in copy(request, assembly, to: target, offset) }
    }
  }

  func answerWhenDurable(_ request: Request, _ reply: Reply, _ lsn: LSN) {
    journal.whenReached(.durable, lsn) { request.answer($0.map { .failure($0) } ?? .success(reply)) }
    if journal.durableLSN < lsn { scheduleCommit() }
  }

  /// Answers once everything through `lsn` is acknowledged under the request's durability. Once the journal has failed, questions
  /// are answered from memory, which changes no more: what it holds above the journal's end was never acknowledged.
  func answer(_ request: Request, _ reply: Reply, after lsn: LSN) {
    whenAcknowledged(lsn, request.policy.durability) { failure in
      if let failure, request.operation.isChange { return request.answer(.failure(failure)) }
      request.answer(.success(reply))
    }
  }

  private func whenAcknowledged(_ lsn: LSN, _ durability: Durability, _ body: @escaping @Sendable (Errno?) -> Void) {
    guard lsn > .zero, configuration.rules.answersWaitForRecords else { return body(nil) }
    let level: Journal.AckLevel = durability == .always ? .durable : .written
    journal.whenReached(level, lsn, body)
    if level == .durable, journal.durableLSN < lsn { scheduleCommit() }
  }

  // MARK: Fetching

  private func answerFetched(_ request: Request, after lsn: LSN, _ fetch: (inout OpenedFile?) throws(Errno) -> Reply) {
    do {
      var opened: OpenedFile?
      let reply = try fetch(&opened)
      if let waiting = takeFetched(request, opened) { answer(waiting, reply, after: lsn) }
    } catch {
      retryFetch(request, error)
    }
  }

  /// A file that a fetch opened by its path.
  private typealias OpenedFile = (inode: InodeNumber, file: any BackingFile)

  /// Ends a fetch. One whose path a plan has moved meanwhile may have met another file: it is attempted again.
  ///
  /// - Returns: the request to be answered; `nil` when it was interrupted or is attempted again.
  private func takeFetched(_ request: Request, _ opened: OpenedFile?) -> Request? {
    let (waiting, isTainted, closing) = shared.withLock { shared in
      let isTainted = shared.parking.isFetchTainted(request.number)
      let closing = if !isTainted, let opened { files.remember(opened.file, of: opened.inode) } else { [any BackingFile]() }
      return (shared.parking.take(request.number), isTainted, closing)
    }
    _ = closing
    guard isTainted, let waiting else { return waiting }
    attempt(waiting)
    return nil
  }

  /// A fetch that met a moved file or a retired segment is attempted again; a second failure counts.
  func retryFetch(_ request: Request, _ errno: Errno) {
    let (parked, isTainted) = shared.withLock { shared in
      let isTainted = shared.parking.isFetchTainted(request.number)
      return (shared.parking.take(request.number), isTainted)
    }
    guard var waiting = parked else { return }
    if isTainted { return attempt(waiting) }
    guard waiting.fetchesLeft > 0, errno == .noEntry || errno == .stale else { return waiting.answer(.failure(errno)) }
    waiting.fetchesLeft -= 1
    attempt(waiting)
  }

  private func copy(_ request: Request, _ assembly: ReadAssembly, to target: InodeNumber, _ offset: Int) {
    do {
      var opened: OpenedFile?
      let bytes = try gather(assembly, &opened)
      guard let waiting = takeFetched(request, opened) else { return }
      attempt(
        Request(
          number: waiting.number, operation: .write(target, offset: offset, bytes: bytes), caller: waiting.caller,
          answer: waiting.answer, startedMilliseconds: waiting.startedMilliseconds, counted: waiting.counted))
    } catch {
      retryFetch(request, error)
    }
  }

  /// Puts the pieces of a range together. Slow: reads the journal and the backing directory.
  private func gather(_ assembly: ReadAssembly, _ opened: inout OpenedFile?) throws(Errno) -> [UInt8] {
    var bytes: [UInt8] = []
    for piece in assembly.pieces {
      switch piece {
      case .bytes(let part): bytes += part
      case .zeros(let count): bytes += [UInt8](repeating: 0, count: count)
      case .journal(let position, let count): bytes += try journal.read(position, count: count)
      case .backing(let range):
        let part = try read(range, assembly, &opened)
        bytes += part
        if part.count < range.count { bytes += [UInt8](repeating: 0, count: range.count - part.count) }
      }
    }
    return bytes
  }

  /// Reads from the inode's file. One that was kept open may be on a mount that is gone, and is opened once more.
  private func read(_ range: ByteRange, _ assembly: ReadAssembly, _ opened: inout OpenedFile?) throws(Errno) -> [UInt8] {
    let file: any BackingFile = if let opened { opened.file } else { try files.file(of: assembly.inode, at: assembly.path) }
    opened = (assembly.inode, file)
    fetchAhead(of: file, assembly.inode, reading: range)
    do throws(Errno) {
      return try file.read(at: range.lowerBound, count: range.count)
    } catch {
      guard files.drop(assembly.inode) else { throw error }
      let again = try files.file(of: assembly.inode, at: assembly.path)
      opened = (assembly.inode, again)
      return try again.read(at: range.lowerBound, count: range.count)
    }
  }

  // MARK: Committing

  /// Has a job sync the journal soon; one job serves all who ask meanwhile, and syncs again for those who asked during its sync.
  func scheduleCommit() {
    guard commitsWanted.add(1, ordering: .acquiringAndReleasing).oldValue == 0 else { return }
    runner.run(.journal) { [self] in
      while true {
        let asked = commitsWanted.load(ordering: .acquiring)
        // A failure is final and told to everyone who waits; there is nobody else to tell here.
        try? journal.commit()
        if commitsWanted.subtract(asked, ordering: .acquiringAndReleasing).newValue == 0 { return }
      }
    }
  }
}
