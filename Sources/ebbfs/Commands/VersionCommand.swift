import CBuildCommit
import JournalFormat

// SAFETY: the commit is a string constant.

/// `ebbfs --version`.
enum VersionCommand {
  static var text: String {
    """
    ebbfs \(Help.version)
    commit \(unsafe String(cString: build_commit()))
    journal format \(SegmentHeader.version)
    """
  }
}
