import CLinux

/// A thread could not be started: an error number of `pthread_create(3)`, EAGAIN when there are too many.
package struct ThreadError: Error, Hashable {
  package let errorNumber: Int32
}

/// A running thread with a name, on which no signal is delivered but those for its own faults.
///
/// Detached when it is neither joined nor detached.
package struct Thread: ~Copyable, Sendable {
  private let handle: UInt64

  /// Starts `body` on a new thread. Of `name` the kernel keeps 15 bytes.
  ///
  /// The corresponding C functions are `pthread_create`, `pthread_setname_np` and `pthread_sigmask`.
  package init(name: String, stackBytes: Int = 1 << 20, body: @escaping @Sendable () -> Void) throws(ThreadError) {
    let start = unsafe Unmanaged.passRetained(ThreadBody(body))
    var handle: UInt64 = 0
    let bytes = Array(name.utf8.prefix(15)) + [0]
    // SAFETY: `start` carries a reference that the new thread takes over; nobody takes it when there is no thread.
    let result = unsafe linux_start_thread(
      bytes, stackBytes, { pointer in unsafe ThreadBody.run(pointer) }, start.toOpaque(), &handle)
    guard result == 0 else {
      unsafe start.release()
      throw ThreadError(errorNumber: -result)
    }
    self.handle = handle
  }

  /// Waits until the thread's body has returned. Never call it on the thread itself.
  package consuming func join() {
    let handle = handle
    discard self
    let result = linux_join_thread(handle)
    precondition(result == 0, "a thread cannot be joined")
  }

  /// Lets the thread run on alone.
  package consuming func detach() {}

  deinit { linux_detach_thread(handle) }
}

private final class ThreadBody {
  private let body: @Sendable () -> Void

  init(_ body: @escaping @Sendable () -> Void) { self.body = body }

  static func run(_ pointer: UnsafeMutableRawPointer?) {
    guard let pointer = unsafe pointer else { return }
    // SAFETY: `pointer` is the retained reference that `Thread.init` handed to this thread alone.
    unsafe Unmanaged<ThreadBody>.fromOpaque(pointer).takeRetainedValue().body()
  }
}
