import FilesystemModel
import Statistics
import StorageInterface

/// How long the calls to the backing directory took.
final class BackingCallMetrics: MetricSet {
  let seconds = Labelled("call", by: BackingCallKind.self) {
    Histogram("ebbfs_backing_call_seconds", "Time that calls to the backing directory took, failed ones included.")
  }
  let bytesWritten = Counter(
    "ebbfs_backing_written_bytes_total", "Bytes that calls to the backing directory wrote, synced or not.", .bytes)
  private let clock: any Clock

  init(clock: any Clock) { self.clock = clock }

  func measure<Result>(_ kind: BackingCallKind, _ call: () throws(Errno) -> Result) throws(Errno) -> Result {
    let start = clock.uptimeNanoseconds()
    defer { seconds[kind].record(clock.uptimeNanoseconds() - start) }
    return try call()
  }
}

/// The calls of `BackingStorage` and of what it opens. Those that change something come behind those that only look.
enum BackingCallKind: Int, LabelValue {
  case checkRoot, list, status, details, statistics, open, read, seek
  case createFile, make, link, removeFile, removeDirectory, rename, setAttributes, setExtendedAttribute, write, resize, zero
  case synchronize, synchronizeFilesystem

  /// Named after the system calls.
  var label: String {
    switch self {
    case .checkRoot: "check_root"
    case .list: "readdir"
    case .status: "stat"
    case .details: "details"
    case .statistics: "statfs"
    case .open: "open"
    case .read: "read"
    case .seek: "lseek"
    case .createFile: "create"
    case .make: "make"
    case .link: "link"
    case .removeFile: "unlink"
    case .removeDirectory: "rmdir"
    case .rename: "rename"
    case .setAttributes: "setattr"
    case .setExtendedAttribute: "setxattr"
    case .write: "write"
    case .resize: "truncate"
    case .zero: "punch_hole"
    case .synchronize: "fsync"
    case .synchronizeFilesystem: "syncfs"
    }
  }
}
