import Control
import Engine
import FilesystemModel

/// What is told of single files.
extension EngineMount {
  func file(_ inode: UInt64) -> FileReport { FileReport(engine.fileStatus(InodeNumber(inode))) }

  /// PATH_MAX of Linux; a path may be longer, and many of them are in a report.
  private static let pathBytesMax = 4096

  func activity() -> ActivityReport {
    var report = ActivityReport()
    report.shares = engine.dirtyBytesByPriority().map { .init(priority: $0.priority, dirtyBytes: $0.bytes) }
    report.hottest = engine.hottest(HotFile.countMax).map {
      HotFile(inode: $0.inode.rawValue, path: Array($0.path.suffix(Self.pathBytesMax)), writes: $0.writes, bytes: $0.bytes)
    }
    return report
  }
}

extension FileReport {
  fileprivate init(_ status: FileStatus) {
    self.init()
    dirtyBytes = status.dirtyBytes
    operations = status.standing.operations
    since = status.since.map { Int($0.seconds) }
    ageMilliseconds = status.ageMilliseconds
    failedAttempts = status.standing.failedAttempts
    refusal = status.standing.letter.map { "\($0.errno.message) after \(Quantity.count($0.attempts, "try", "tries"))" }
    conflict = status.conflict.map { .init($0) }
    state =
      if refusal != nil {
        .deadLettered
      } else if status.standing.isBeingWrittenBack {
        .writingBack
      } else if operations > 0 {
        .dirty
      } else {
        conflict?.keptAs == nil ? .clean : .conflict
      }
  }
}
