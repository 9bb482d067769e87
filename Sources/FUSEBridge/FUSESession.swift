import CFUSE
import Engine
import FilesystemModel
import Glibc
import Threading

/// libfuse's session with what requests need. Whoever holds it may reply: it is destroyed, and its descriptor closed, only when
/// the last request that was received has been answered, so that no reply can reach a descriptor that was opened since.
@safe final class FUSESession: @unchecked Sendable {
  // SAFETY: libfuse's session is thread-safe for receiving, processing and replying. It is set in `init` and destroyed in
  // `deinit`. The list of rings changes before there are threads only.
  private(set) var pointer: OpaquePointer?
  let handler: any OperationHandler
  let metrics = RequestMetrics()
  let timeouts: Timeouts
  let dropsContentsOfOtherVersions: Bool
  let kernelAcknowledgesWrites: Bool
  let maxWriteBytes: Int
  let maxBackgroundRequests: Int
  /// What requests come through, by their number; none: all come through /dev/fuse. Settled by the handshake.
  var rings: [RingQueue]
  let parked = Lock(ParkedRequests())

  /// In seconds.
  struct Timeouts {
    var entry: Double
    var negative: Double
    var attributes: Double
  }

  init(options: MountSessionOptions, handler: any OperationHandler, rings: RequestRings?) throws(MountError) {
    self.handler = handler
    self.rings = rings?.queues ?? []
    timeouts = Timeouts(
      entry: options.entryTimeoutSeconds, negative: options.negativeTimeoutSeconds, attributes: options.attributeTimeoutSeconds)
    dropsContentsOfOtherVersions = options.dropsContentsOfOtherVersions
    kernelAcknowledgesWrites = options.kernelAcknowledgesWrites
    maxWriteBytes = options.maxWriteBytes
    maxBackgroundRequests = options.maxBackgroundRequests
    unsafe pointer = nil
    let (created, message) = LibraryMessages.collect {
      // SAFETY: libfuse copies the arguments and the table of operations. Its reference to `self` is used only by callbacks,
      // which run on threads that hold `self`.
      let created = unsafe withArguments(["ebbfs", "-o", options.mountArgument]) { arguments in
        var operations = requestCallbacks()
        return unsafe fuse_session_new(
          &arguments, &operations, MemoryLayout<fuse_lowlevel_ops>.size, Unmanaged.passUnretained(self).toOpaque())
      }
      unsafe pointer = created
      return unsafe created != nil
    }
    guard created else { throw MountError(message ?? "the mount options were refused") }
  }

  deinit {
    // Not fuse_session_unmount: it would detach whatever is mounted at the path by now.
    if let pointer = unsafe pointer { unsafe fuse_session_destroy(pointer) }
  }

  /// The /dev/fuse descriptor; -1 before the mount.
  var descriptor: Int32 { unsafe fuse_session_fd(pointer) }

  /// Ends the connection: its descriptor becomes one of /dev/null, where replies to what is still unanswered do no harm.
  /// The threads that receive must have ended.
  func sever() {
    let null = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
    guard null >= 0 else { return }
    if dup2(null, descriptor) >= 0 { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    close(null)
  }

  /// The session that a request came through.
  static func of(_ request: OpaquePointer) -> FUSESession {
    // SAFETY: `init` passed `self` as user data; the receiving thread holds the session while callbacks run.
    unsafe Unmanaged<FUSESession>.fromOpaque(fuse_req_userdata(request)).takeUnretainedValue()
  }
}

/// Calls `body` with `struct fuse_args` of these arguments.
func withArguments<Result>(_ arguments: [String], _ body: (inout fuse_args) -> Result) -> Result {
  var list = unsafe fuse_args(argc: 0, argv: nil, allocated: 0)
  defer { unsafe fuse_opt_free_args(&list) }
  for argument in arguments { unsafe fuse_opt_add_arg(&list, argument) }
  return unsafe body(&list)
}
