import FilesystemModel
import Glibc

// SAFETY: the box is retained for the thread that takes it over, exactly once; signal sets and names are local to the call.

/// What a new thread is to do.
private final class ThreadBody: Sendable {
  let run: @Sendable () -> Void

  init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

enum Threads {
  /// Starts a thread that nobody joins.
  ///
  /// - Parameter name: at most 15 bytes; shown by `ps -L` and debuggers.
  static func start(_ name: String, _ body: @escaping @Sendable () -> Void) throws(Errno) {
    let named: @Sendable () -> Void = {
      try? Descriptor(path: "/proc/thread-self/comm", flags: O_WRONLY).write(Array(name.utf8))
      body()
    }
    let box = unsafe Unmanaged.passRetained(ThreadBody(named))
    var thread = pthread_t()
    let result = unsafe pthread_create(
      &thread, nil,
      { argument in
        guard let argument = unsafe argument else { return nil }
        unsafe Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }, box.toOpaque())
    guard result == 0 else {
      unsafe box.release()
      throw Errno(rawValue: result)
    }
    pthread_detach(thread)
  }
}

/// Signals that a thread of their own waits for.
enum Signals {
  /// SIGTERM, SIGINT and SIGHUP are taken by `next` only; writing to a closed pipe is an error, not a signal. To be called before any
  /// thread is started, since threads inherit the mask.
  static func prepare() {
    signal(SIGPIPE, SIG_IGN)
    var handled = set
    unsafe pthread_sigmask(SIG_BLOCK, &handled, nil)
  }

  private static var set: sigset_t {
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    for signal in [SIGTERM, SIGINT, SIGHUP] { unsafe sigaddset(&signals, signal) }
    return signals
  }

  /// Waits for the next of them. The corresponding C function is `sigwait`.
  static func next() -> Int32 {
    var handled = set
    var received: Int32 = 0
    while unsafe sigwait(&handled, &received) != 0 {}
    return received
  }
}
