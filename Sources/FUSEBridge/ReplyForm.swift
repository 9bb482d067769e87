import CFUSE
import FilesystemModel
import Glibc

/// What the kernel expects in answer to a request that succeeds.
enum ReplyForm: Sendable {
  /// An entry, or that there is none, which the kernel may remember.
  case lookup
  case entry
  /// An entry and an open file.
  case create
  /// The same for O_TMPFILE, which libfuse 3.14 does not know.
  case temporary
  case attributes
  case statx
  case bytes
  /// An extended attribute or a list of them: its length when `bytesMax` is 0, else its bytes, ERANGE when they are more.
  case sizedBytes(bytesMax: Int)
  case count
  case offset
  case listing(DirectoryRequest)
  case statistics
  case done
}

extension PendingRequest {
  /// The one place where results become replies of the FUSE protocol.
  func reply(_ result: Result<Reply, Errno>) {
    switch target {
    case .library(let address):
      // SAFETY: the address is that of libfuse's request, which lives until this, its only reply.
      guard let request = unsafe OpaquePointer(bitPattern: address) else { return }
      switch result {
      case .success(let reply): unsafe succeed(reply, request)
      case .failure(let error): unsafe fail(error, request)
      }
    case .descriptor:
      switch result {
      case .success(let reply): succeedByDescriptor(reply)
      case .failure(let error): session.write(arrival.answerUnique, error: Self.known(error))
      }
    }
  }

  /// The kernel takes ENOSYS as "never ask again": no file's error may switch an operation off for the whole mount.
  private static func known(_ error: Errno) -> Errno { error == .notImplemented ? .notSupported : error }

  private func fail(_ error: Errno, _ request: OpaquePointer) {
    if case .lookup = form, error == .noEntry, session.timeouts.negative > 0 {
      var entry = fuse_entry_param()
      entry.entry_timeout = session.timeouts.negative
      unsafe fuse_reply_entry(request, &entry)
    } else {
      unsafe fuse_reply_err(request, Self.known(error).rawValue)
    }
  }

  private func succeed(_ reply: Reply, _ request: OpaquePointer) {
    switch (form, reply) {
    case (.lookup, .entry(let entry)), (.entry, .entry(let entry)), (.create, .entry(let entry)):
      unsafe succeed(entry, request)
    case (.attributes, .attributes(let inode, let attributes)):
      var status = fileStatus(inode, attributes)
      unsafe fuse_reply_attr(request, &status, session.timeouts.attributes)
    case (.bytes, .bytes(let bytes)): unsafe send(bytes, request)
    case (.sizedBytes(0), .bytes(let bytes)): unsafe fuse_reply_xattr(request, bytes.count)
    case (.sizedBytes(let bytesMax), .bytes(let bytes)):
      if bytes.count > bytesMax { unsafe fuse_reply_err(request, ERANGE) } else { unsafe send(bytes, request) }
    case (.count, .count(let count)): unsafe fuse_reply_write(request, count)
    case (.offset, .offset(let offset)): unsafe fuse_reply_lseek(request, off_t(offset))
    case (.listing(let asked), .listing(let entries)):
      let listing = DirectoryListing(entries, for: asked, timeouts: session.timeouts)
      for inode in listing.omitted { session.handler.forget(inode, count: 1) }
      if unsafe send(listing.bytes, request) != 0 {
        for inode in listing.included { session.handler.forget(inode, count: 1) }
      }
    case (.statistics, .statistics(let statistics)):
      var value = statistics.statvfsValue
      unsafe fuse_reply_statfs(request, &value)
    case (.done, .done): unsafe fuse_reply_err(request, 0)
    default:
      assertionFailure("\(reply) answers a request that expects \(form)")
      unsafe fuse_reply_err(request, EIO)
    }
  }

  /// Replies with an entry; when the kernel did not take it, it does not hold the lookup either.
  private func succeed(_ entry: Entry, _ request: OpaquePointer) {
    var parameter = entryParameter(entry, timeouts: session.timeouts)
    let failed: Int32
    if case .create = form {
      var file = fuse_file_info()
      file.keep_cache = 1
      failed = unsafe fuse_reply_create(request, &parameter, &file)
    } else {
      failed = unsafe fuse_reply_entry(request, &parameter)
    }
    if failed != 0 { session.handler.forget(entry.inode, count: 1) }
  }

  @discardableResult
  private func send(_ bytes: [UInt8], _ request: OpaquePointer) -> Int32 {
    unsafe bytes.withUnsafeBytes {
      unsafe fuse_reply_buf(request, $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
    }
  }
}

/// An entry as libfuse takes it.
func entryParameter(_ entry: Entry, timeouts: FUSESession.Timeouts) -> fuse_entry_param {
  var parameter = fuse_entry_param()
  parameter.ino = entry.inode.rawValue
  parameter.generation = entry.generation
  parameter.attr = fileStatus(entry.inode, entry.attributes)
  parameter.attr_timeout = timeouts.attributes
  parameter.entry_timeout = timeouts.entry
  return parameter
}
