import FilesystemModel
import Flushing
import Inodes
import StorageInterface

/// What acknowledged changes will take of the backing directory's free space once they are written back, so that a change that
/// would not fit is refused at its system call.
///
/// Free space is what statvfs(2) last told, less what was written back since that began. Overwrites of what a file has already
/// need nothing; removals and truncations give nothing back before they are written back and measured. A filesystem that tells
/// no size (many FUSE filesystems answer 0) has room for everything. Quotas, other writers, and files with holes whose written
/// part is not known, may still make a write-back fail.
struct SpaceReservation {
  private struct Measurement {
    var bytesFree: Int?
    var filesFree: Int?
    var atMilliseconds: Int
    /// What had been written back when it began.
    var writtenBytes: Int
    var writtenFiles: Int
    /// How many plans had ended when it began.
    var plansEnded: Int
  }

  /// A measurement counts as current for this long.
  static let measureEveryMilliseconds = 1000
  /// How long a change that does not fit waits for what is being written back and for a new measurement.
  static let patienceMilliseconds = 10_000
  /// A new name, or an inode of a filesystem that makes them as they are needed.
  private static let bytesPerCreation = 512

  /// Of all inodes.
  var reservedBytes = 0
  private var writtenBytes = 0
  private var writtenFiles = 0
  private var plansEnded = 0
  private var last: Measurement?
  private var underWay: Measurement?
  /// Whether a change does not fit and waits for a measurement.
  var isWanted = false

  /// Notes that a plan has ended that created so many files and wrote so many reserved bytes.
  mutating func noteWritten(bytes: Int, files: Int) {
    writtenBytes += bytes
    writtenFiles += files
    plansEnded += 1
  }

  /// Begins a measurement if one is due.
  mutating func begin(nowMilliseconds now: Int, hasPending: Bool) -> Bool {
    guard underWay == nil else { return false }
    let isOld = last.map { now - $0.atMilliseconds >= Self.measureEveryMilliseconds } ?? true
    guard last == nil || isOld && (hasPending || isWanted) || isWanted && last?.plansEnded != plansEnded else { return false }
    underWay = Measurement(
      atMilliseconds: now, writtenBytes: writtenBytes, writtenFiles: writtenFiles, plansEnded: plansEnded)
    return true
  }

  /// Ends a measurement; one that failed leaves the last one.
  mutating func end(_ statistics: FilesystemStatistics?) {
    defer { underWay = nil }
    isWanted = false
    guard var measurement = underWay, let statistics else { return }
    measurement.bytesFree = statistics.blocks == 0 ? nil : statistics.bytesAvailable
    measurement.filesFree = statistics.files == 0 ? nil : Int(clamping: statistics.filesFree)
    last = measurement
  }

  /// Uptime when the measurement under way began.
  var measurementBeganMilliseconds: Int? { underWay?.atMilliseconds }

  /// Whether it is known how much is free now.
  func isCurrent(nowMilliseconds now: Int) -> Bool {
    guard let last else { return false }
    return now - last.atMilliseconds < Self.measureEveryMilliseconds && last.plansEnded == plansEnded
  }

  /// Whether so many bytes and files more fit besides what is reserved. Unknown is yes.
  func hasRoom(bytes: Int, files: Int, pendingCreations: Int) -> Bool {
    guard let last else { return true }
    if files > 0, let free = last.filesFree, pendingCreations + files > free - (writtenFiles - last.writtenFiles) { return false }
    guard let free = last.bytesFree else { return true }
    return Self.withMetadata(reservedBytes + bytes, creations: pendingCreations + files) <= free
      - (writtenBytes - last.writtenBytes)
  }

  /// What the filesystem needs for itself besides: extents, directories and new inodes.
  private static func withMetadata(_ bytes: Int, creations: Int) -> Int { bytes + bytes / 128 + creations * bytesPerCreation }

  /// What can really be written of a filesystem that answers so.
  func remaining(of statistics: FilesystemStatistics, pendingCreations: Int) -> FilesystemStatistics {
    guard statistics.blocks > 0, statistics.fragmentBytes > 0 else { return statistics }
    var result = statistics
    let bytes = Self.withMetadata(reservedBytes, creations: pendingCreations)
    let blocks = UInt64((bytes + statistics.fragmentBytes - 1) / statistics.fragmentBytes)
    result.blocksFree -= min(blocks, result.blocksFree)
    result.blocksAvailable -= min(blocks, result.blocksAvailable)
    result.filesFree -= min(UInt64(pendingCreations), result.filesFree)
    return result
  }
}

extension FilesystemStatistics {
  fileprivate var bytesAvailable: Int {
    let (bytes, overflow) = Int(clamping: blocksAvailable).multipliedReportingOverflow(by: fragmentBytes)
    return overflow ? Int.max : bytes
  }
}

/// A change that did not fit in the backing directory when it was attempted first.
struct Shortage: Sendable {
  /// What is written back through here may make room.
  var through: LSN
  var sinceMilliseconds: Int
}
