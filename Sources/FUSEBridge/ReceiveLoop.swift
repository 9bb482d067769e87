import CFUSE
import FilesystemModel
import Glibc
import Synchronization
import Threading

/// The threads that receive requests until the session ends.
final class ReceiveLoop: Sendable {
  private struct Threads {
    var running: [pthread_t] = []
    var failure: MountError?
  }

  /// A thread's part.
  fileprivate final class Part {
    let loop: ReceiveLoop
    let ring: RingQueue?
    let watch: YieldWatch?

    init(_ loop: ReceiveLoop, _ ring: RingQueue?, _ watch: YieldWatch?) {
      self.loop = loop
      self.ring = ring
      self.watch = watch
    }
  }

  private static let readersBesideRings = 1
  private static let napMicroseconds: UInt32 = 2000

  private let session: FUSESession
  private let threads = Lock(Threads())
  private let stops = Atomic(false)

  init(_ session: FUSESession) { self.session = session }

  /// Whether no further request is received.
  var isStopped: Bool { stops.load(ordering: .acquiring) }

  /// Serves with `count` threads, or with one for each ring and few that read what does not come that way: forgets and
  /// interrupts. Returns when all have ended.
  ///
  /// - Throws: what made receiving fail.
  func run(threads count: Int) throws(MountError) {
    let readers = session.rings.isEmpty ? max(1, count) : Self.readersBesideRings
    let watch = YieldWatch.start(session.rings)
    defer { watch?.stop() }
    let started = (0..<readers).compactMap { _ in startThread(nil) } + session.rings.compactMap { startThread($0, watch) }
    guard started.count == readers + session.rings.count || session.rings.isEmpty && !started.isEmpty else {
      if !started.isEmpty { stop() }
      for thread in started { pthread_join(thread, nil) }
      throw MountError("too few threads could be started")
    }
    if !session.rings.isEmpty { watchSignals() }
    for thread in started { pthread_join(thread, nil) }
    if let failure = threads.withLock({ $0.failure }) { throw failure }
  }

  /// Until no more requests come: Linux 6.18 passes no interrupt on when the signal comes while a request is on its way into a
  /// ring.
  private func watchSignals() {
    while threads.wait(milliseconds: Self.signalsMilliseconds, until: { _ in self.isStopped ? true : nil }) == nil {
      for parked in session.parked.withLock({ $0.all }) where hasPendingSignal(thread: parked.thread) {
        session.handler.interrupt(parked.number)
      }
    }
  }

  private static let signalsMilliseconds = 500

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

  private func startThread(_ ring: RingQueue?, _ watch: YieldWatch? = nil) -> pthread_t? {
    var thread = pthread_t()
    var before = sigset_t()
    var blocked = signalsOfOthers()
    // New threads inherit the mask: the process's signals go to its other threads, and only the one that wakes comes here.
    unsafe pthread_sigmask(SIG_SETMASK, &blocked, &before)
    defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
    let part = unsafe Unmanaged.passRetained(Part(self, ring, watch))
    let result = unsafe pthread_create(&thread, nil, serveOnThread, part.toOpaque())
    guard result == 0 else {
      unsafe part.release()
      return nil
    }
    return thread
  }

  fileprivate func serve(_ ring: RingQueue?, _ watch: YieldWatch?) {
    threads.withLock { $0.running.append(pthread_self()) }
    let failure = if let ring { serve(ring: ring, watch) } else { serveDevice() }
    stops.store(true, ordering: .releasing)
    threads.withLock { threads in
      threads.running.removeAll { $0 == pthread_self() }
      if let failure { threads.failure = threads.failure ?? failure }
    }
    threads.wake()
    // The kernel may give the others more requests.
    if failure != nil { stop() }
  }

  private func serveDevice() -> MountError? {
    // SAFETY: libfuse allocates the buffer at the first request; it is freed when the loop ends.
    var request = unsafe fuse_buf()
    defer { unsafe free(request.mem) }
    while !isStopped {
      let received = unsafe fuse_session_receive_buf(session.pointer, &request)
      if received == -EINTR || received == -EAGAIN { continue }
      if received < 0 { return MountError("reading /dev/fuse: \(errorText(-received))") }
      guard received > 0 else { break }
      let header = unsafe request.mem.load(as: fuse_in_header.self)
      unsafe process(&request, count: Int(received), unique: header.unique)
      // Whatever the kernel has to say until then comes at once, without a wake-up for each.
      if !session.rings.isEmpty { usleep(Self.napMicroseconds) }
    }
    return nil
  }

  private func serve(ring: RingQueue, _ watch: YieldWatch?) -> MountError? {
    defer { ring.end() }
    do throws(Errno) {
      try ring.begin(session.descriptor, watch)
      while !isStopped {
        guard let (bytes, unique) = unsafe try ring.next() else { continue }
        // SAFETY: the buffer is the slot's memory, which lives as long as the ring.
        var request = unsafe fuse_buf()
        unsafe request.mem = bytes.baseAddress
        unsafe request.size = bytes.count
        unsafe process(&request, count: bytes.count, unique: unique)
      }
    } catch {
      // So it ends when the mount is gone.
      guard error != .notConnected, error != .connectionAborted else { return nil }
      return MountError("FUSE over io_uring: \(errorText(error.rawValue))")
    }
    return nil
  }

  /// - Parameter unique: the kernel's number of the request, which the request itself has only if it was read from /dev/fuse.
  private func process(_ request: inout fuse_buf, count: Int, unique: UInt64) {
    let bytes = unsafe UnsafeRawBufferPointer(start: request.mem, count: count)
    let header = unsafe bytes.load(as: fuse_in_header.self)
    CurrentRequest.arrival = Arrival.now(unique: unique, answerUnique: header.unique, opcode: header.opcode)
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

private func serveOnThread(_ part: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let part = unsafe part else { return nil }
  // SAFETY: `startThread` passed a retained part.
  let own = unsafe Unmanaged<ReceiveLoop.Part>.fromOpaque(part).takeRetainedValue()
  own.loop.serve(own.ring, own.watch)
  return nil
}
