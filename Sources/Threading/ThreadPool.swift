/// Runs jobs on up to `threadsMax` threads, in the order in which they came, each once.
///
/// Threads are started when jobs wait and none is idle, and stay. The queue is not bounded: `run` never waits, since its callers
/// hold requests that are bounded elsewhere.
package final class ThreadPool: Sendable {
  private let core: PoolCore

  /// Starts the first thread, so that a later lack of threads only makes the pool slower.
  package init(name: String, threadsMax: Int, stackBytes: Int = 1 << 20) throws(ThreadError) {
    precondition(threadsMax > 0, "a pool needs a thread")
    core = PoolCore(name: name, threadsMax: threadsMax, stackBytes: stackBytes)
    try core.startFirst()
  }

  /// Queues `job` and returns at once. After `shutdown` the job is discarded and the result is false.
  @discardableResult
  package func run(_ job: @escaping @Sendable () -> Void) -> Bool { core.add(job) }

  /// Takes no more jobs, and runs those that are queued until the time is over (`nil`: until they are done); what has not begun
  /// by then is discarded. Returns whether all jobs are done: one that hangs is left behind.
  ///
  /// Never call it in a job of this pool, which would wait for itself.
  @discardableResult
  package func shutdown(waiting milliseconds: Int?) -> Bool { core.shutdown(waiting: milliseconds) }

  /// Jobs that are queued or running.
  package var jobs: Int { core.jobs }

  deinit { core.shutdown(waiting: 0) }
}

/// What the threads of a pool share. They keep it alive, not the pool, which is thereby gone with its last user.
private final class PoolCore: Sendable {
  private struct State {
    /// `nil` where a job was taken, so that what it holds is released when it has run.
    var queue: [(@Sendable () -> Void)?] = []
    /// Jobs before this index of `queue` are taken.
    var next = 0
    var threads = 0
    var idle = 0
    var running = 0
    var isShutDown = false

    var queued: Int { queue.count - next }

    /// The oldest job. Amortized O(1): taken jobs are dropped when they are half of the queue.
    mutating func take() -> (@Sendable () -> Void)? {
      guard next < queue.count else { return nil }
      let job = queue[next]
      queue[next] = nil
      next += 1
      if next * 2 >= queue.count {
        queue.removeFirst(next)
        next = 0
      }
      return job
    }
  }

  private let state = Lock(State())
  private let name: String
  private let threadsMax: Int
  private let stackBytes: Int

  init(name: String, threadsMax: Int, stackBytes: Int) {
    self.name = name
    self.threadsMax = threadsMax
    self.stackBytes = stackBytes
  }

  var jobs: Int { state.withLock { $0.queued + $0.running } }

  func startFirst() throws(ThreadError) {
    state.withLock { $0.threads = 1 }
    try start()
  }

  func add(_ job: @escaping @Sendable () -> Void) -> Bool {
    let isAnotherNeeded: Bool? = state.withLock { state in
      guard !state.isShutDown else { return nil }
      state.queue.append(job)
      guard state.queued > state.idle, state.threads < threadsMax else { return false }
      state.threads += 1
      return true
    }
    guard let isAnotherNeeded else { return false }
    if isAnotherNeeded {
      do { try start() } catch { state.withLock { $0.threads -= 1 } }  // the threads that run do the job, later
    }
    state.wakeOne()  // only threads without a job wait: nobody waits for the end before `shutdown`, after which nothing is added
    return true
  }

  @discardableResult
  func shutdown(waiting milliseconds: Int?) -> Bool {
    state.withLock { $0.isShutDown = true }
    state.wake()
    let isDone = state.wait(milliseconds: milliseconds) { $0.queued == 0 && $0.running == 0 ? true : nil } ?? false
    // What the discarded jobs hold is released without the lock.
    _ = state.withLock { state in
      defer {
        state.queue = []
        state.next = 0
      }
      return state.queue
    }
    return isDone
  }

  private func start() throws(ThreadError) {
    try Thread(name: name, stackBytes: stackBytes) { self.work() }.detach()
  }

  private func work() {
    while runNext() {
      let isDrained = state.withLock { state in
        state.running -= 1
        return state.isShutDown && state.running == 0
      }
      if isDrained { state.wake() }
    }
  }

  /// Runs one job. What it holds is released when this returns: `shutdown` shall not report a job as done that still holds a
  /// file.
  private func runNext() -> Bool {
    guard let job = takeNext() else { return false }
    job()
    return true
  }

  /// Waits for a job; `nil` when the thread shall end.
  private func takeNext() -> (@Sendable () -> Void)? {
    state.withLock { $0.idle += 1 }
    let taken = state.wait { state -> (@Sendable () -> Void)?? in
      if let job = state.take() {
        state.idle -= 1
        state.running += 1
        return .some(job)
      }
      guard state.isShutDown else { return nil }
      state.idle -= 1
      state.threads -= 1
      return .some(nil)
    }
    return taken ?? nil
  }
}
