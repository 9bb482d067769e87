/// What `ebbfs status` shows of one mount. Sizes are bytes, ages are milliseconds.
package struct StatusReport: Hashable, Sendable {
  /// Where a daemon is in its life.
  package enum Phase: UInt8, Hashable, Sendable, CaseIterable {
    /// The journal is being read; the mount is not there yet.
    case starting = 1
    case serving = 2
    /// The mount is gone; what is pending is being written back.
    case draining = 3
    /// Ends at the next action of write-back.
    case stopping = 4

    package var name: String {
      switch self {
      case .starting: "starting"
      case .serving: "serving"
      case .draining: "draining"
      case .stopping: "stopping"
      }
    }
  }

  /// The last write-back that failed.
  package struct WriteBackFailure: Hashable, Sendable {
    /// What was tried, and why it failed.
    package var message: String
    package var ageMilliseconds: Int

    package init(message: String, ageMilliseconds: Int) {
      self.message = message
      self.ageMilliseconds = ageMilliseconds
    }
  }

  /// A change of the mount that met one of somebody else.
  package struct Conflict: Hashable, Sendable {
    /// Below the backing directory.
    package var path: String
    /// `overwrite`, `truncate`, `unlink`, `rename-over`, `rmdir` or `new-name`.
    package var kind: String
    /// Seconds since 1970.
    package var seconds: Int
    /// `kept`, `ours` or `theirs`.
    package var resolution: String
    /// The name of theirs, in the same directory; `nil` where it is not kept beside ours.
    package var keptAs: String?

    package init(path: String, kind: String, seconds: Int, resolution: String, keptAs: String?) {
      self.path = path
      self.kind = kind
      self.seconds = seconds
      self.resolution = resolution
      self.keptAs = keptAs
    }
  }

  package var version = ""
  package var mountpoint = ""
  package var backing = ""
  package var stateDirectory = ""
  package var processID = 0
  /// Which rights the daemon has given up, in words.
  package var confinement = ""
  /// How the kernel's requests come: `io_uring` or `/dev/fuse`.
  package var transport = ""
  package var phase = Phase.starting
  package var uptimeMilliseconds = 0
  /// The write mode of the mount, as in the option.
  package var mode = ""
  /// As in the option: `always`, `batch=100`, `os`.
  package var durability = ""
  /// The rules file and how many rules it has; `nil` without one.
  package var rules: String?
  /// Bytes acknowledged and not yet in the backing directory.
  package var dirtyBytes = 0
  package var dirtyInodes = 0
  /// Namespace operations, and files with dirty contents, that are acknowledged and not yet in the backing directory.
  package var pendingOperations = 0
  /// Age of the oldest thing not yet written back; `nil` when all is.
  package var oldestAgeMilliseconds: Int?
  /// Changes that are not tried any more until an operator says so.
  package var deadLetters = 0
  /// Write-back plans that are under way.
  package var openPlans = 0
  package var journalUsedBytes = 0
  package var journalCapacityBytes = 0
  /// What is kept of the journal for audit, on top of its capacity.
  package var retainedSegments = 0
  package var retainedBytes = 0
  package var lastLSN: UInt64 = 0
  package var durableLSN: UInt64 = 0
  package var lowWaterLSN: UInt64 = 0
  /// Why the journal takes no more changes; `nil` while it does.
  package var journalFailure: String?
  package var lastFailure: WriteBackFailure?
  /// Why the backing directory was not there when it was looked at last; `nil` when it was.
  package var backingFailure: String?
  /// How long the longest call to the backing directory that is under way takes so far; 0 when there is none.
  package var longestCallMilliseconds = 0
  /// Write-backs that failed and wait to be tried again.
  package var failingOperations = 0
  package var health = Health()
  /// What the journal had lost when it was mounted with `recovery=skip-corrupt`: the first of them if they are many.
  package var losses: [LossReport] = []
  package var lossCount = 0
  /// Segments with damage, of this and earlier mounts, whose bytes are kept: the oldest if they are many.
  package var damagedSegments: [UInt64] = []
  package static let damagedSegmentsMax = 100
  /// How many conflicts there were since the mount.
  package var conflictCount = 0
  /// The latest of them, oldest first.
  package var conflicts: [Conflict] = []
  package static let conflictsMax = 100
  /// Every option of the mount.
  package var configuration: [Setting] = []

  package init() {}

  /// Whether nothing is left to write back.
  package var isClean: Bool { dirtyBytes == 0 && dirtyInodes == 0 && pendingOperations == 0 && openPlans == 0 }

  /// What is left, as `flush` and `unmount` tell it.
  package var progress: ControlProgress { ControlProgress(bytesLeft: dirtyBytes, operationsLeft: pendingOperations) }
}
