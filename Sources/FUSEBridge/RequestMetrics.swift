import CFUSE
import CLinux
import Statistics

/// What a mount counts of the kernel's requests: those that get a reply from the handler, or from us in its place.
final class RequestMetrics: MetricSet {
  private let seconds = Labelled("operation", by: RequestKind.self) {
    Histogram("ebbfs_fuse_request_seconds", "Time from the arrival of a request to its reply, waiting included.")
  }

  /// Counts a reply that is made now.
  func countReply(to arrival: Arrival) {
    guard let kind = RequestKind(opcode: arrival.opcode) else { return }
    seconds[kind].record(Int(linux_uptime_nanoseconds()) - arrival.nanoseconds)
  }
}

/// The requests that are counted, with the names that Linux gives them (`linux/fuse.h`).
enum RequestKind: Int, LabelValue {
  case lookup, getattr, setattr, readlink, symlink, mknod, mkdir, unlink, rmdir, rename, link, read, write, statfs, fsync
  case setxattr, getxattr, listxattr, removexattr, readdir, readdirplus, fsyncdir, create, fallocate, lseek, copyFileRange
  case tmpfile, statx

  var label: String { if case .copyFileRange = self { "copy_file_range" } else { "\(self)" } }

  private static let byOpcode: [UInt32: RequestKind] = [
    FUSE_LOOKUP.rawValue: .lookup, FUSE_GETATTR.rawValue: .getattr, FUSE_SETATTR.rawValue: .setattr,
    FUSE_READLINK.rawValue: .readlink, FUSE_SYMLINK.rawValue: .symlink, FUSE_MKNOD.rawValue: .mknod,
    FUSE_MKDIR.rawValue: .mkdir, FUSE_UNLINK.rawValue: .unlink, FUSE_RMDIR.rawValue: .rmdir, FUSE_RENAME.rawValue: .rename,
    FUSE_RENAME2.rawValue: .rename, FUSE_LINK.rawValue: .link, FUSE_READ.rawValue: .read, FUSE_WRITE.rawValue: .write,
    FUSE_STATFS.rawValue: .statfs, FUSE_FSYNC.rawValue: .fsync, FUSE_SETXATTR.rawValue: .setxattr,
    FUSE_GETXATTR.rawValue: .getxattr, FUSE_LISTXATTR.rawValue: .listxattr, FUSE_REMOVEXATTR.rawValue: .removexattr,
    FUSE_READDIR.rawValue: .readdir, FUSE_READDIRPLUS.rawValue: .readdirplus, FUSE_FSYNCDIR.rawValue: .fsyncdir,
    FUSE_CREATE.rawValue: .create, FUSE_FALLOCATE.rawValue: .fallocate, FUSE_LSEEK.rawValue: .lseek,
    FUSE_COPY_FILE_RANGE.rawValue: .copyFileRange, FUSE_TMPFILE.rawValue: .tmpfile, UInt32(EBBFS_FUSE_STATX): .statx,
  ]

  /// By opcode from 0 on: asked for with every request.
  private static let places = (0...(byOpcode.keys.max() ?? 0)).map { byOpcode[$0] }

  /// `nil` for what is not counted: requests that have no reply, and those that libfuse answers.
  init?(opcode: UInt32) {
    guard opcode < Self.places.count, let kind = Self.places[Int(opcode)] else { return nil }
    self = kind
  }
}
