import CFUSE
import Engine
import FilesystemModel
import Glibc
import Statistics
import Threading

// SAFETY: strings from the C library are copied and freed here, and the session lives as long as its owner.

/// A FUSE mount whose requests are answered by an `OperationHandler`.
///
/// `init`, `mount()`, `run()` in this order.
package final class MountSession: Sendable {
  let session: FUSESession
  private let loop: ReceiveLoop
  private let mountpoint: String
  private let mounter: any Mounter
  private let threads: Int
  /// What the mount table shows at the mountpoint once it is ours.
  private let mounted = Lock<MountTableEntry?>(nil)

  /// Prepares a mount; nothing is mounted yet.
  ///
  /// - Parameters:
  ///   - mounter: mounts and unmounts; this process itself by default.
  ///   - rings: what requests are to come through, if the kernel agrees. Without, they come through /dev/fuse.
  /// - Throws: what is wrong with the mountpoint or an option.
  package init(
    mountpoint: String, options: MountSessionOptions, handler: any OperationHandler, mounter: (any Mounter)? = nil,
    rings: RequestRings? = nil
  ) throws(MountError) {
    // Absolute, because a daemon changes its working directory.
    guard let resolved = unsafe realpath(mountpoint, nil) else { throw MountError("\(mountpoint): \(errorText(errno))") }
    defer { unsafe free(resolved) }
    self.mountpoint = unsafe String(decoding: bytes(of: resolved), as: UTF8.self)
    var status = stat()
    guard unsafe stat(resolved, &status) == 0 else { throw MountError("\(mountpoint): \(errorText(errno))") }
    guard status.st_mode & S_IFMT == S_IFDIR else { throw MountError("\(mountpoint): \(errorText(ENOTDIR))") }
    self.mounter = mounter ?? DirectMounter(mountpoint: self.mountpoint, options: options)
    threads = options.threads
    session = try FUSESession(options: options, handler: handler, rings: rings)
    loop = ReceiveLoop(session)
  }

  /// Mounts and agrees with the kernel on the protocol. Requests wait until `run` serves them.
  package func mount() throws(MountError) {
    let descriptor = try mounter.mount()
    let (result, message) = LibraryMessages.collect { unsafe fuse_session_mount(session.pointer, "/dev/fd/\(descriptor)") }
    guard result == 0 else {
      close(descriptor)
      throw MountError(message ?? "libfuse refused the mount's descriptor")
    }
    mounted.withLock { $0 = MountTableEntry.at(mountpoint) }
    do throws(MountError) {
      try session.shakeHands()
    } catch {
      abandon()
      throw error
    }
  }

  /// Serves requests until the mount is unmounted or `exit` is called. Requests that the handler has not answered by then fail.
  ///
  /// - Throws: what made receiving requests fail.
  package func run() throws(MountError) {
    defer { abandon() }
    try loop.run(threads: threads)
  }

  /// Whether requests come through rings; known after `mount`.
  package var usesRings: Bool { !session.rings.isEmpty }

  /// What was counted of the kernel's requests.
  package func statistics() -> [MetricFamily] { session.metrics.families }

  /// Whether `run` has ended or is about to: no further request is received.
  package var isEnded: Bool { loop.isStopped }

  /// Takes the mount away from its mountpoint. `run` returns when the last user is gone; lazily that may be long after.
  /// Does nothing if something else is mounted there by now. Waits for the kernel, so not for one of the session's own threads.
  ///
  /// - Throws: `busy` when it is in use, unless lazily; `notPermitted` and the like of `umount2(2)`.
  package func unmount(lazily: Bool) throws(Errno) {
    // Once the kernel has ended the connection, another mount may have got the number of our device.
    guard !hasEndedInKernel, let ours = mounted.withLock({ $0 }), MountTableEntry.at(mountpoint) == ours else { return }
    try mounter.unmount(lazily: lazily)
    mounted.withLock { $0 = nil }
  }

  /// Ends the session at once though files may be open: `run` returns, and what is asked of the mount afterwards gets ENOTCONN.
  /// Callable from any thread but the session's own, such as one that waits for signals.
  package func exit() {
    // Detached while requests are still served: the kernel may have to write out pages of shared mappings.
    try? unmount(lazily: true)
    loop.stop()
  }

  /// Ends the connection, when nobody serves it any more, and takes the dead mount away.
  private func abandon() {
    guard !hasEndedInKernel else { return }
    session.sever()
    // Nobody is there to be told of a failure; the mountpoint then answers ENOTCONN until the operator unmounts it.
    try? unmount(lazily: true)
  }

  /// Whether the kernel has ended the connection, so that whatever is at the mountpoint is not ours.
  private var hasEndedInKernel: Bool {
    var state = pollfd(fd: session.descriptor, events: 0, revents: 0)
    return unsafe poll(&state, 1, 0) == 1 && state.revents & Int16(POLLERR) != 0
  }
}
