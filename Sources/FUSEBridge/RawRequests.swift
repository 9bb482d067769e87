import CFUSE
import FilesystemModel
import Glibc

/// Requests that libfuse 3.14 does not decode, or whose decoding by it does not fit, read from the received bytes themselves.
extension FUSESession {
  /// Takes a received request if it is one of these.
  ///
  /// - Returns: whether it was taken; otherwise it is libfuse's.
  func takeRaw(_ request: UnsafeRawBufferPointer) -> Bool {
    let header = unsafe request.load(as: fuse_in_header.self)
    let body = unsafe UnsafeRawBufferPointer(rebasing: request[MemoryLayout<fuse_in_header>.size...])
    switch header.opcode {
    case FUSE_INTERRUPT.rawValue: unsafe interrupt(body)
    case FUSE_TMPFILE.rawValue: unsafe makeTemporary(header, body)
    case UInt32(EBBFS_FUSE_STATX): submitRaw(.getAttributes(InodeNumber(header.nodeid)), header, as: .statx)
    default: return false
    }
    return true
  }

  private func submitRaw(_ operation: Operation, _ header: fuse_in_header, as form: ReplyForm) {
    let arrival = CurrentRequest.arrival
    let caller = Caller(owner: header.uid, group: header.gid, process: header.pid, request: arrival.unique)
    PendingRequest(self, target: .descriptor, form: form, arrival: arrival).submit(operation, from: caller)
  }

  /// Passes an interrupt on to the handler. Unlike libfuse's own way this holds no lock of the request, so the handler may answer
  /// it at once. An interrupt has no answer.
  private func interrupt(_ body: UnsafeRawBufferPointer) {
    guard body.count >= MemoryLayout<fuse_interrupt_in>.size else { return }
    let unique = unsafe body.load(as: fuse_interrupt_in.self).unique
    if let number = parked.withLock({ $0.interrupt(unique) }) { handler.interrupt(number) }
  }

  private func makeTemporary(_ header: fuse_in_header, _ body: UnsafeRawBufferPointer) {
    guard body.count >= MemoryLayout<fuse_create_in>.size else { return write(header.unique, error: .invalidArgument) }
    let asked = unsafe body.load(as: fuse_create_in.self)
    let new = MakeRequest(
      kind: .regular, permissions: UInt16(truncatingIfNeeded: asked.mode & 0o7777),
      umask: UInt16(truncatingIfNeeded: asked.umask & 0o777))
    submitRaw(.makeTemporary(parent: InodeNumber(header.nodeid), new), header, as: .temporary)
  }

  /// Replies with an error.
  func write(_ unique: UInt64, error: Errno) { write(unique, error: error, body: 0 as UInt8, bodyBytes: 0) }

  /// Replies with a body.
  ///
  /// - Returns: whether the kernel took it.
  @discardableResult
  func write<Body: BitwiseCopyable>(_ unique: UInt64, body: Body) -> Bool {
    write(unique, error: nil, body: body, bodyBytes: MemoryLayout<Body>.size)
  }

  @discardableResult
  private func write<Body: BitwiseCopyable>(_ unique: UInt64, error: Errno?, body: Body, bodyBytes: Int) -> Bool {
    let headerBytes = MemoryLayout<fuse_out_header>.size
    var header = fuse_out_header(len: UInt32(headerBytes + bodyBytes), error: -(error?.rawValue ?? 0), unique: unique)
    return unsafe withUnsafeMutableBytes(of: &header) { header in
      unsafe withUnsafeBytes(of: body) { body in
        // SAFETY: the pieces live until writev returns; it only reads them.
        var pieces = unsafe [
          iovec(iov_base: header.baseAddress, iov_len: headerBytes),
          iovec(iov_base: UnsafeMutableRawPointer(mutating: body.baseAddress), iov_len: bodyBytes),
        ]
        return unsafe send(&pieces, count: bodyBytes == 0 ? 1 : 2) == headerBytes + bodyBytes
      }
    }
  }
}

/// What libfuse asks of us in place of /dev/fuse when requests come through rings.
extension FUSESession {
  /// Gives a reply or a notification to the kernel the way its request came.
  ///
  /// - Parameter pieces: a `fuse_out_header` and what follows it.
  /// - Returns: as `writev(2)`.
  func send(_ pieces: UnsafePointer<iovec>, count: Int32) -> Int {
    let list = unsafe UnsafeBufferPointer(start: pieces, count: Int(count))
    guard let header = unsafe list.first?.iov_base?.load(as: fuse_out_header.self), let address = RingAddress(header.unique)
    else { return unsafe writev(descriptor, pieces, count) }
    if unsafe rings[address.queue].answer(address.slot, list) { return Int(header.len) }
    errno = ENODEV
    return -1
  }

  /// Puts `send` in place of libfuse's own way.
  func sendRepliesThroughRings() throws(MountError) {
    var way = fuse_custom_io()
    unsafe way.read = { descriptor, bytes, count, _ in unsafe read(descriptor, bytes, count) }
    unsafe way.writev = { _, pieces, count, session in
      guard let pieces = unsafe pieces, let session = unsafe session else { return -1 }
      // SAFETY: `init` passed the session as user data; whoever replies holds it.
      return unsafe Unmanaged<FUSESession>.fromOpaque(session).takeUnretainedValue().send(pieces, count: count)
    }
    guard unsafe fuse_session_custom_io(pointer, &way, descriptor) == 0 else { throw MountError("libfuse refused our replies") }
  }
}

/// The body of the answer to TMPFILE: as to CREATE.
private struct CreateOut: BitwiseCopyable {
  var entry: fuse_entry_out
  var file: fuse_open_out
}

extension PendingRequest {
  func succeedByDescriptor(_ reply: Reply) {
    switch (form, reply) {
    case (.temporary, .entry(let entry)):
      var file = fuse_open_out()
      file.open_flags = UInt32(FOPEN_KEEP_CACHE)
      let out = CreateOut(entry: entryOut(entry, timeouts: session.timeouts), file: file)
      if !session.write(arrival.answerUnique, body: out) { session.handler.forget(entry.inode, count: 1) }
    case (.statx, .attributes(let inode, let attributes)):
      session.write(arrival.answerUnique, body: statxOut(inode, attributes, validSeconds: session.timeouts.attributes))
    default:
      assertionFailure("\(reply) answers a request that expects \(form)")
      session.write(arrival.answerUnique, error: .inputOutput)
    }
  }
}

/// Attributes with the birth time, if it is known (`statx(2)`).
private func statxOut(_ inode: InodeNumber, _ attributes: Attributes, validSeconds: Double) -> ebbfs_statx_out {
  let valid = split(validSeconds)
  var out = ebbfs_statx_out()
  out.attr_valid = valid.seconds
  out.attr_valid_nsec = valid.nanoseconds
  out.mask = 0x7ff  // STATX_BASIC_STATS
  out.blksize = UInt32(preferredBlockBytes)
  out.nlink = attributes.linkCount
  out.uid = attributes.owner
  out.gid = attributes.group
  out.mode = UInt16(truncatingIfNeeded: attributes.kind.modeBits) | attributes.permissions
  out.ino = inode.rawValue
  out.size = UInt64(attributes.size)
  out.blocks = UInt64(attributes.blocks512)
  out.atime = statxTime(attributes.accessed)
  out.mtime = statxTime(attributes.modified)
  out.ctime = statxTime(attributes.changed)
  if let born = attributes.born {
    out.btime = statxTime(born)
    out.mask |= 0x800  // STATX_BTIME
  }
  // As makedev(3) composes them.
  out.rdev_major = UInt32(truncatingIfNeeded: attributes.device >> 8 & 0xfff)
  out.rdev_minor = UInt32(truncatingIfNeeded: attributes.device & 0xff | attributes.device >> 12 & 0xfff00)
  return out
}

private func statxTime(_ time: Timestamp) -> ebbfs_statx_time {
  ebbfs_statx_time(tv_sec: time.seconds, tv_nsec: time.nanoseconds, reserved: 0)
}
