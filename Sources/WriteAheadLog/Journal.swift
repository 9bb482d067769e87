import FilesystemModel
import JournalFormat
import StorageInterface
import Synchronization
import Threading

/// The journal of a mount: records are appended in memory, written by a group's leader, made durable by group commit.
///
/// Nobody is told that a record is written, or durable, before all records with lower LSNs are. A failed write or sync is
/// final: the completions that wait and those to come get its error, and nothing is written any more.
///
/// All methods may be called from any thread; none but `pump`, `commit`, `read`, `retireSegments` and `close` touches the disk.
package final class Journal: Sendable {
  /// What a completion waits for.
  package enum AckLevel: Hashable, Sendable {
    /// The segment file holds the record and all before it: they survive the end of this process.
    case written
    /// They are synced: they survive a power cut.
    case durable
  }

  package let journalUUID: [UInt8]
  package let epoch: UInt64
  package let capacityBytes: Int
  let configuration: JournalConfiguration
  let storage: any JournalStorage
  let runner: any JobRunner
  let clock: any Clock
  package let metrics = JournalMetrics()
  /// A leaf: nothing else is locked, and no completion is run, while it is held.
  let state: Lock<JournalState>
  let lastLSNValue: Atomic<UInt64>
  let writtenLSNValue: Atomic<UInt64>
  let durableLSNValue: Atomic<UInt64>

  /// Starts a new epoch in a fresh segment behind what `scan` found: makes all of that durable first, removes segments that
  /// hold only cut records, and returns when the new segment's header is durable.
  ///
  /// - Throws: `tooSmall`, or `storage` when the disk fails; a later start can follow in any case.
  package init(
    starting scan: JournalScan, storage: any JournalStorage, configuration: JournalConfiguration, runner: any JobRunner,
    clock: any Clock
  ) throws(JournalError) {
    try JournalStart.checkCapacity(configuration, storage)
    let start = try JournalStart(scan, storage, configuration)
    journalUUID = start.header.journalUUID
    epoch = start.header.epoch
    capacityBytes = configuration.capacityBytes
    self.configuration = configuration
    self.storage = storage
    self.runner = runner
    self.clock = clock
    let durable = start.header.firstLSN.previous
    lastLSNValue = Atomic(durable.rawValue)
    writtenLSNValue = Atomic(durable.rawValue)
    durableLSNValue = Atomic(durable.rawValue)
    state = Lock(JournalState(start, scan))
    scheduleNextSegment()
  }

  /// Reads the segments and decides what is live; changes nothing.
  ///
  /// - Throws: why the journal must not be opened.
  /// - Complexity: reads every segment once, in pieces of a few MiB.
  package static func scan(
    _ storage: any JournalStorage, _ configuration: JournalConfiguration
  ) throws(JournalError) -> JournalScan {
    var scanner = JournalScanner(
      storage, rules: configuration.rules, newest: configuration.formatVersion, observer: configuration.readingObserver)
    if configuration.recovery == .skipCorrupt {
      return try scanner.salvage(backingDescription: configuration.recordedDescription)
    }
    let scan = try scanner.scan(backingDescription: configuration.recordedDescription)
    if configuration.recovery == .absolute, let tail = scan.tornTail { throw .torn(tail) }
    return scan
  }

  /// The LSN of the record appended last, or the last before this mount.
  package var lastLSN: LSN { LSN(lastLSNValue.load(ordering: .acquiring)) }
  /// All records up to this one are in the segment files.
  package var writtenLSN: LSN { LSN(writtenLSNValue.load(ordering: .acquiring)) }
  /// All records up to this one survive a power cut.
  package var durableLSN: LSN { LSN(durableLSNValue.load(ordering: .acquiring)) }
  /// Why the journal has stopped; `nil` while it works.
  package var failure: Errno? { state.withLock { $0.failure } }
  /// Bytes of segments in use, the unused rest of the current one not counted.
  package var usedBytes: Int { state.withLock { $0.usedBytes } }
  /// Segments, oldest first, that a durable checkpoint with this low-water LSN would let `retireSegments` give up.
  package func segmentCount(below lowWater: LSN) -> Int {
    state.withLock { $0.live.dropFirst().prefix { $0.exists && $0.firstLSN <= lowWater }.count }
  }

  /// Whether a change whose record has about `bytes` bytes may be appended. A reserve is kept for the records that make room
  /// again (INTENT, DONE, checkpoint), which are appended without asking.
  package func hasRoom(for bytes: Int) -> Bool {
    let (isRoom, isSegmentMissing) = state.withLock { state in
      let isSegmentMissing = state.preparationFailed && state.spares.isEmpty
      let isRoom = state.usedBytes + bytes + configuration.reserveBytes <= capacityBytes
      return (isRoom && !(isSegmentMissing && !state.currentLasts(for: bytes)), isSegmentMissing)
    }
    if isSegmentMissing && !isRoom { scheduleNextSegment() }
    return isRoom
  }

  /// Makes everything appended durable if it can and stops preparing segments; waits until no call of another thread is at work.
  package func close() {
    do { try commit() } catch { assert(failure != nil) }
    waitForGroup { state -> Void? in
      state.isClosed = true
      return state.isProvisioning || state.isLeading || state.isSyncing ? nil : ()
    }
  }
}
