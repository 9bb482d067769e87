import FilesystemModel
import JournalFormat
import StorageInterface

/// Records that lie next to each other in one segment and are not written yet.
struct PendingChunk {
  var segment: UInt64
  var start: Int
  /// From offset `start` on; where that is 0 the first bytes are left free for the segment's header.
  var bytes: [UInt8]

  func holds(_ position: JournalPosition, count: Int) -> Bool {
    segment == position.segment && position.offset >= start && position.offset + count <= start + bytes.count
  }
}

/// A segment with live records, or the current one.
struct LiveSegment {
  var number: UInt64
  /// For a segment whose records were all cut: that of the segment after it.
  var firstLSN: LSN
  var bytes: Int
  /// `nil` until it is first needed.
  var file: (any SegmentFile)?
  /// Whether the file exists; false between the first record appended and the group write.
  var exists = true
  /// Whether something was written since the last sync.
  var isDirty = false
  /// Calls of `read` at work in it.
  var readers = 0
  /// False once retiring it has failed, perhaps after its effect.
  var isRecyclable = true
}

struct Waiter: Sendable {
  let lsn: LSN
  let body: @Sendable (Errno?) -> Void
}

/// What the journal's lock protects.
struct JournalState {
  /// Ascending without gaps; the last is the current one.
  var live: [LiveSegment]
  /// Prepared files right above the highest file in use, ascending.
  var spares: [SpareSegment]
  /// When the last segment was made, in uptime; `nil` before the first.
  var segmentMadeMilliseconds: Int?
  var retained: RetainedSegments
  /// Segments that are set aside, and not used again, when they are retired.
  var damaged: Set<UInt64>
  /// The highest number of any segment file.
  var highestFile: UInt64
  /// The offset in the current segment at which the next record goes.
  var offset: Int
  var nextLSN: LSN
  var written: LSN
  var durable: LSN
  /// What the records of a segment are marked with, of the one that was asked about last.
  var tag: (segment: UInt64, value: UInt32) = (.max, 0)
  /// Appended, not taken by a leader yet.
  var pending: [PendingChunk] = []
  /// Being written.
  var writing: [PendingChunk] = []
  /// Emptied arrays with capacity, for new chunks.
  var emptied: [[UInt8]] = []
  var isLeading = false
  /// A leader works on chunks that are in neither list.
  var isSealing = false
  /// Threads that wait for what a leader does.
  var groupAwaiters = 0
  var isSyncing = false
  /// A segment file is being made, recycled or removed.
  var isProvisioning = false
  var isPreparationQueued = false
  /// The last attempt to prepare a segment failed, for want of space most likely: the current one must last until one is
  /// recycled.
  var preparationFailed = false
  var isClosed = false
  var failure: Errno?
  var writtenWaiters: [Waiter] = []
  var durableWaiters: [Waiter] = []
  /// Checkpoints appended and not known durable yet, ascending.
  var openCheckpoints: [(end: LSN, lowWater: LSN)] = []
  /// The low-water of the newest durable checkpoint.
  var durableLowWater: LSN

  init(_ start: JournalStart, _ scan: JournalScan) {
    damaged = Set(scan.damaged)
    live = start.live
    spares = start.spares
    retained = RetainedSegments(start.retained)
    highestFile = start.spares.last?.number ?? start.header.number
    offset = SegmentHeader.bytes
    nextLSN = start.header.firstLSN
    written = start.header.firstLSN.previous
    durable = written
    durableLowWater = scan.checkpoint?.lowWater ?? LSN.zero
  }

  var current: LiveSegment {
    get { live[live.count - 1] }
    set { live[live.count - 1] = newValue }
  }

  var usedBytes: Int { live.dropLast().reduce(0) { $0 + $1.bytes } + offset }

  /// Whether a record of `bytes` leaves a quarter of the current segment for records that make room.
  func currentLasts(for bytes: Int) -> Bool { offset + bytes + current.bytes / 4 <= current.bytes }

  /// The place of a segment in `live`.
  func index(of number: UInt64) -> Int? {
    guard let first = live.first, number >= first.number, number - first.number < UInt64(live.count) else { return nil }
    return Int(number - first.number)
  }

  /// Takes the completions that wait for nothing above `lsn`.
  static func take(_ waiters: inout [Waiter], through lsn: LSN) -> [Waiter] {
    guard !waiters.isEmpty else { return [] }
    let end = waiters.partition { $0.lsn <= lsn }
    let taken = Array(waiters[end...])
    waiters.removeSubrange(end...)
    return taken
  }

  /// Takes all completions.
  mutating func takeAllWaiters() -> [Waiter] {
    defer {
      writtenWaiters = []
      durableWaiters = []
    }
    return writtenWaiters + durableWaiters
  }
}
