import CFUSE
import Glibc
import Synchronization
import Threading

/// The threads that receive requests until the session ends.
final class ReceiveLoop: Sendable {
  private struct Threads {
    var running: [pthread_t] = []
    var failure: MountError?
  }

  private let session: FUSESession
  private let threads = Lock(Threads())
  private let stops = Atomic(false)

  init(_ session: FUSESession) { self.session = session }

  /// Whether no further request is received.
  var isStopped: Bool { stops.load(ordering: .acquiring) }

  /// Serves with `count` threads. Returns when all have ended.
  ///
  /// - Throws: what made receiving fail.
  func run(threads count: Int) throws(MountError) {
    let started = (0..<max(1, count)).compactMap { _ in startThread() }
    if started.isEmpty { throw MountError("no thread could be started") }
    for thread in started { pthread_join(thread, nil) }
    if let failure = threads.withLock({ $0.failure }) { throw failure }
  }

  /// Makes `run` return though the mount is in use. Callable from any thread but those of this loop; returns when they have
  /// ended.
  func stop() {
    stops.store(true, ordering: .releasing)
    installWakingHandler()
    // A signal that comes between a thread's check and its read is lost, hence again.
    let wake = { (threads: inout Threads) -> Bool? in
      for thread in threads.running { pthread_kill(thread, wakingSignal) }
      return threads.running.isEmpty ? true : nil
    }
    while threads.wait(milliseconds: 5, until: wake) == nil {}
  }

  private func startThread() -> pthread_t? {
    var thread = pthread_t()
    var before = sigset_t()
    var blocked = signalsOfOthers()
    // New threads inherit the mask: the process's signals go to its other threads, and only the one that wakes comes here.
    unsafe pthread_sigmask(SIG_SETMASK, &blocked, &before)
    defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
    let loop = unsafe Unmanaged.passRetained(self)
    let result = unsafe pthread_create(&thread, nil, serveOnThread, loop.toOpaque())
    guard result == 0 else {
      unsafe loop.release()
      return nil
    }
    return thread
  }

  fileprivate func serve() {
    threads.withLock { $0.running.append(pthread_self()) }
    // SAFETY: libfuse allocates the buffer at the first request; it is freed when the loop ends.
    var request = unsafe fuse_buf()
    defer { unsafe free(request.mem) }
    while !isStopped {
      let received = unsafe fuse_session_receive_buf(session.pointer, &request)
      if received == -EINTR || received == -EAGAIN { continue }
      if received < 0 { threads.withLock { $0.failure = MountError("reading /dev/fuse: \(errorText(-received))") } }
      guard received > 0 else { break }
      unsafe process(&request, count: Int(received))
    }
    stops.store(true, ordering: .releasing)
    threads.withLock { threads in threads.running.removeAll { $0 == pthread_self() } }
    threads.wake()
  }

  private func process(_ request: inout fuse_buf, count: Int) {
    let bytes = unsafe UnsafeRawBufferPointer(start: request.mem, count: count)
    let header = unsafe bytes.load(as: fuse_in_header.self)
    CurrentRequest.arrival = Arrival.now(unique: header.unique, opcode: header.opcode)
    guard unsafe !session.takeRaw(bytes) else { return }
    unsafe fuse_session_process_buf(session.pointer, &request)
  }
}

/// Ignored by default, so that it does no harm elsewhere.
private let wakingSignal = SIGURG

/// A handler, even an empty one, makes the signal end a blocked read with EINTR (`signal(7)`).
private func installWakingHandler() {
  var action = sigaction()
  unsafe action.__sigaction_handler.sa_handler = { _ in }
  unsafe sigaction(wakingSignal, &action, nil)
}

/// All signals but the waking one and those that a thread's own errors raise.
private func signalsOfOthers() -> sigset_t {
  var signals = sigset_t()
  unsafe sigfillset(&signals)
  for signal in [wakingSignal, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS] {
    unsafe sigdelset(&signals, signal)
  }
  return signals
}

private func serveOnThread(_ loop: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let loop = unsafe loop else { return nil }
  // SAFETY: `startThread` passed a retained loop.
  unsafe Unmanaged<ReceiveLoop>.fromOpaque(loop).takeRetainedValue().serve()
  return nil
}
