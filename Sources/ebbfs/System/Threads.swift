import FilesystemModel
import Glibc
import Threading

// SAFETY: signal sets are local to the call.

enum Threads {
  /// Starts a thread that nobody joins.
  ///
  /// - Parameter name: at most 15 bytes; shown by `ps -L` and debuggers.
  static func start(_ name: String, _ body: @escaping @Sendable () -> Void) throws(Errno) {
    do throws(ThreadError) {
      try Thread(name: name, body: body).detach()
    } catch {
      throw Errno(rawValue: error.errorNumber)
    }
  }
}

/// Signals that a thread of their own waits for.
enum Signals {
  /// SIGTERM, SIGINT and SIGHUP are taken by `next` only; writing to a closed pipe is an error, not a signal. To be called before
  /// any thread is started, since threads inherit the mask.
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

  /// Whether one of them has come; it is not taken.
  static var isPending: Bool {
    var waiting = sigset_t()
    guard unsafe sigpending(&waiting) == 0 else { return false }
    return [SIGTERM, SIGINT, SIGHUP].contains { unsafe sigismember(&waiting, $0) == 1 }
  }

  /// Waits for the next of them. The corresponding C function is `sigwait`.
  static func next() -> Int32 {
    var handled = set
    var received: Int32 = 0
    while unsafe sigwait(&handled, &received) != 0 {}
    return received
  }
}
