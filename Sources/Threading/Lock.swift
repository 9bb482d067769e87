#if canImport(Glibc)
  import Glibc
#endif

/// A mutex with the state it protects, and a condition to wait for changes of that state.
///
/// Our own over pthread because `Synchronization.Mutex` cannot wait and gives ThreadSanitizer false positives. Not recursive.
/// Never held over a slow system call or a FUSE reply.
@safe package final class Lock<State>: @unchecked Sendable {
  // SAFETY: `mutex` and `condition` are heap-allocated once, so their addresses are stable until `deinit`; `state` is touched
  // only while `mutex` is held.
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var state: State

  package init(_ state: State) {
    self.state = state
    unsafe mutex.initialize(to: pthread_mutex_t())
    unsafe condition.initialize(to: pthread_cond_t())
    let mutexResult = unsafe pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    unsafe pthread_condattr_init(&attributes)
    unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    let conditionResult = unsafe pthread_cond_init(condition, &attributes)
    unsafe pthread_condattr_destroy(&attributes)
    precondition(mutexResult == 0 && conditionResult == 0, "a mutex or condition could not be made")
  }

  deinit {
    unsafe pthread_mutex_destroy(mutex)
    unsafe pthread_cond_destroy(condition)
    unsafe mutex.deallocate()
    unsafe condition.deallocate()
  }

  /// Runs `body` with the state while no other thread has it.
  package func withLock<Result, Failure: Error>(_ body: (inout State) throws(Failure) -> Result) throws(Failure) -> Result {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    return try body(&state)
  }

  /// Waits until `body` gives a result, asking again after each `wake`, or until the deadline, then asks one last time.
  package func wait<Result>(milliseconds: Int? = nil, until body: (inout State) -> Result?) -> Result? {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    var deadline = timespec()
    if let milliseconds {
      unsafe clock_gettime(CLOCK_MONOTONIC, &deadline)
      deadline.tv_sec += milliseconds / 1000
      deadline.tv_nsec += milliseconds % 1000 * 1_000_000
      if deadline.tv_nsec >= 1_000_000_000 {
        deadline.tv_sec += 1
        deadline.tv_nsec -= 1_000_000_000
      }
    }
    while true {
      if let result = body(&state) { return result }
      if milliseconds == nil {
        unsafe pthread_cond_wait(condition, mutex)
      } else if unsafe pthread_cond_timedwait(condition, mutex, &deadline) == ETIMEDOUT {
        return body(&state)
      }
    }
  }

  /// Wakes one thread in `wait`: for states where any of them can go on.
  package func wakeOne() { unsafe pthread_cond_signal(condition) }

  /// Wakes all threads in `wait`.
  package func wake() { unsafe pthread_cond_broadcast(condition) }
}
