import CFUSE
import CFUSERing
import Glibc

// SAFETY: libfuse's request buffer is longer than any INIT request, the reply's length is checked before its fields are touched,
// the other buffers are local and as long as told, and the session lives as long as its owner.

extension FUSESession {
  /// Capabilities that libfuse 3.14 asks for in our name.
  private static let wanted = UInt32(
    FUSE_CAP_EXPORT_SUPPORT | FUSE_CAP_DONT_MASK | FUSE_CAP_POSIX_ACL | FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_EXPLICIT_INVAL_DATA)
  /// With ATOMIC_O_TRUNC and OPEN answered ENOSYS the kernel would lose O_TRUNC; AUTO_INVAL_DATA would throw the page cache away
  /// at every change of mtime; the writeback cache acknowledges before the journal; lock operations are left to the kernel.
  private static let unwanted = UInt32(
    FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_WRITEBACK_CACHE | FUSE_CAP_POSIX_LOCKS
      | FUSE_CAP_FLOCK_LOCKS)
  /// Flags of the protocol that libfuse 3.14 cannot ask for. Never FUSE_SETXATTR_EXT: libfuse misreads its SETXATTR.
  private static let primed = UInt32(FUSE_PARALLEL_DIROPS) | UInt32(FUSE_HANDLE_KILLPRIV_V2)

  /// libfuse's `init` callback.
  func negotiate(_ connection: inout fuse_conn_info) {
    connection.want = (connection.want | (Self.wanted & connection.capable)) & ~Self.unwanted
    if dropsContentsOfOtherVersions {
      connection.want |= UInt32(FUSE_CAP_AUTO_INVAL_DATA) & connection.capable
      connection.want &= ~UInt32(FUSE_CAP_EXPLICIT_INVAL_DATA)
    }
    if kernelAcknowledgesWrites { connection.want |= UInt32(FUSE_CAP_WRITEBACK_CACHE) & connection.capable }
    connection.max_write = UInt32(maxWriteBytes)
    connection.max_background = UInt32(maxBackgroundRequests)
    connection.congestion_threshold = UInt32(maxBackgroundRequests * 3 / 4)
  }

  /// Receives INIT and answers it with what libfuse says, and the flags it does not know: libfuse's descriptor is a pipe while it
  /// processes INIT, so that its reply can be read, amended and written to the kernel by us.
  ///
  /// Called once, after the mount and before any other request is received. Waits for the kernel, which sends INIT at once.
  func shakeHands() throws(MountError) {
    if !rings.isEmpty { try sendRepliesThroughRings() }
    var request = unsafe fuse_buf()
    defer { unsafe free(request.mem) }
    let received = unsafe fuse_session_receive_buf(pointer, &request)
    guard received > 0 else { throw MountError("the kernel ended the new mount at once: \(errorText(-received))") }
    var reply = try unsafe libraryReply(to: &request)
    // SAFETY: libfuse's buffer is longer than any INIT; what the kernel did not send of it is 0.
    let offered = unsafe request.mem.load(fromByteOffset: MemoryLayout<fuse_in_header>.size, as: fuse_init_in.self)
    let offersRings = offered.flags & UInt32(FUSE_INIT_EXT) != 0 && offered.flags2 & UInt32(FUSE_RING_INIT_FLAG2) != 0
    if !offersRings { rings = [] }
    guard reply.count >= MemoryLayout<fuse_out_header>.size + MemoryLayout<fuse_init_out>.size else {
      throw MountError("libfuse refused the kernel's version of the protocol")
    }
    unsafe reply.withUnsafeMutableBytes { bytes in
      var out = unsafe bytes.load(fromByteOffset: MemoryLayout<fuse_out_header>.size, as: fuse_init_out.self)
      out.flags |= Self.primed & offered.flags
      if !rings.isEmpty {
        out.flags |= UInt32(FUSE_INIT_EXT)
        out.flags2 |= UInt32(FUSE_RING_INIT_FLAG2)
      }
      unsafe bytes.storeBytes(of: out, toByteOffset: MemoryLayout<fuse_out_header>.size, as: fuse_init_out.self)
    }
    let written = unsafe reply.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
    guard written == reply.count else { throw MountError("the kernel refused the answer to INIT: \(errorText(errno))") }
  }

  /// The bytes that libfuse would write to the kernel.
  private func libraryReply(to request: inout fuse_buf) throws(MountError) -> [UInt8] {
    var pipe: [Int32] = [-1, -1]
    guard unsafe Glibc.pipe(&pipe) == 0 else { throw MountError("no pipe could be made: \(errorText(errno))") }
    defer { for end in pipe { close(end) } }
    let kept = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
    guard kept >= 0 else { throw MountError("no descriptor could be made: \(errorText(errno))") }
    defer { close(kept) }
    guard dup2(pipe[1], descriptor) >= 0 else { throw MountError("dup2 failed: \(errorText(errno))") }
    unsafe fuse_session_process_buf(pointer, &request)
    guard dup2(kept, descriptor) >= 0, fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 else {
      throw MountError("dup2 failed: \(errorText(errno))")
    }
    var reply = [UInt8](repeating: 0, count: 4096)
    // libfuse may have answered nothing: the pipe must not be waited for.
    guard fcntl(pipe[0], F_SETFL, O_NONBLOCK) == 0 else { throw MountError("fcntl failed: \(errorText(errno))") }
    let count = unsafe read(pipe[0], &reply, reply.count)
    return Array(reply.prefix(max(0, count)))
  }
}

/// What `strerror(3)` says.
func errorText(_ number: Int32) -> String {
  var buffer = [CChar](repeating: 0, count: 128)
  guard unsafe strerror_r(number, &buffer, buffer.count) == 0 else { return "error \(number)" }
  return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
