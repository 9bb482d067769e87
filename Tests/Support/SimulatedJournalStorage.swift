import FilesystemModel
import StorageInterface
import Threading

/// A journal's disk in memory, which forgets what was not synced, fails and dies on order.
///
/// Making, recycling and removing segments is durable and atomic, as `JournalStorage` promises. Bytes written to a segment
/// survive the end of the process at once, and a power cut, in any subset of 512-byte sectors, only once they are synced. Only
/// calls that change something are counted as operations.
package final class SimulatedJournalStorage: JournalStorage {
  package static let sectorBytes = 512

  /// What an operation is; for logs and for faults.
  package enum Operation: Hashable, Sendable {
    case prepare(UInt64)
    case recycle(UInt64, as: UInt64)
    case remove(UInt64)
    case write(UInt64, offset: Int, count: Int)
    case synchronize(UInt64)
    case shelve(UInt64, Shelf)
    case removeShelved(UInt64, Shelf)
    case recycleShelved(UInt64, Shelf, as: UInt64)
  }

  struct Segment {
    var written: [UInt8]
    var durable: [UInt8]
    /// Sectors written since the last sync.
    var unsynced: Set<Int> = []
    /// Sectors whose sync failed: no later sync saves them.
    var doomed: Set<Int> = []
    var modified = Timestamp(seconds: 0)
    /// Stays with the file whatever it is called.
    var identity = 0
  }

  struct State {
    var segments: [UInt64: Segment] = [:]
    var shelves: [Shelf: [UInt64: Segment]] = [:]
    var identities = 0
    /// Files that are gone and that onlookers may still have open; `nil` while there are no onlookers.
    var buried: [Int: Segment]?
    /// What the files' times of modification are taken from.
    var time = Timestamp(seconds: 0)
    var operations: [Operation] = []
    var faults: [Int: Errno] = [:]
    /// Faults of operations on whole segments that come after the effect: of the directory's sync.
    var lateFaults: [Int: Errno] = [:]
    /// Segments made by an operation that failed then: they may be replaced.
    var leftovers: Set<UInt64> = []
    /// Segments that went: what removes them again does nothing.
    var removed: Set<UInt64> = []
    var diesAt: Int?
    /// How many bytes of the write during which it dies reach the file.
    var lastWriteBytes = 0
    var readFailure: Errno?
    var beforeRead: (@Sendable () -> Void)?
    var bytesAvailable = Int.max
    /// Open files of an earlier life are dead.
    var life = 0
    var versions = DiskVersions()
    var observer: (@Sendable (Operation, [UInt8], SimulatedJournalStorage) -> Void)?
  }

  let state: Lock<State>

  package init() { state = Lock(State()) }

  private init(_ copied: State) { state = Lock(copied) }

  package func segments() throws(Errno) -> [UInt64] {
    try state.withLock { state throws(Errno) in
      try Self.checkReadable(state)
      return state.segments.keys.sorted()
    }
  }

  package func prepareSegment(_ number: UInt64, bytes: Int, isHurried: Bool) throws(Errno) {
    try state.withLock { state throws(Errno) in
      try Self.begin(.prepare(number), &state)
      guard state.segments[number] == nil || state.leftovers.contains(number) else { throw .exists }
      guard state.bytesAvailable >= bytes else { throw .noSpace }
      if state.bytesAvailable != .max { state.bytesAvailable -= bytes }
      let zeros = [UInt8](repeating: 0, count: bytes)
      state.identities += 1
      state.segments[number] = Segment(written: zeros, durable: zeros, identity: state.identities)
      state.versions.changeBoth()
      try Self.end(leaving: number, &state)
    }
  }

  package func recycleSegment(_ number: UInt64, as newNumber: UInt64) throws(Errno) {
    try state.withLock { state throws(Errno) in
      try Self.begin(.recycle(number, as: newNumber), &state)
      guard state.segments[newNumber] == nil || state.leftovers.contains(newNumber) else { throw .exists }
      guard let segment = state.segments.removeValue(forKey: number) else { throw .noEntry }
      state.segments[newNumber] = segment
      state.removed.insert(number)
      state.versions.changeBoth()
      try Self.end(leaving: newNumber, &state)
    }
  }

  package func removeSegment(_ number: UInt64) throws(Errno) {
    try state.withLock { state throws(Errno) in
      try Self.begin(.remove(number), &state)
      guard let segment = state.segments.removeValue(forKey: number) else {
        if state.removed.contains(number) { return }
        throw .noEntry
      }
      state.removed.insert(number)
      if state.bytesAvailable != .max { state.bytesAvailable += segment.written.count }
      state.buried?[segment.identity] = segment
      state.versions.changeBoth()
      try Self.end(leaving: nil, &state)
    }
  }

  package func openSegment(_ number: UInt64) throws(Errno) -> any SegmentFile {
    try state.withLock { state throws(Errno) in
      try Self.checkReadable(state)
      guard let segment = state.segments[number] else { throw .noEntry }
      return SimulatedSegmentFile(self, number, life: state.life, bytes: segment.written.count)
    }
  }

  package func bytesAvailable() throws(Errno) -> Int { state.withLock { $0.bytesAvailable } }

  /// Counts an operation that is about to take effect, unless it is ordered to fail.
  ///
  /// - Parameter bytes: of a write.
  static func begin(_ operation: Operation, _ state: inout State, bytes: [UInt8] = []) throws(Errno) {
    let index = state.operations.count
    if let observer = state.observer { observer(operation, bytes, copy(of: state)) }
    if let diesAt = state.diesAt, index >= diesAt {
      if case .write = operation {} else { state.lastWriteBytes = 0 }
      throw .inputOutput
    }
    state.operations.append(operation)
    if let fault = state.faults[index] { throw fault }
  }

  /// Fails the operation whose effect has just come, if that is ordered; it may have left a segment.
  static func end(leaving segment: UInt64?, _ state: inout State) throws(Errno) {
    if let segment { state.leftovers.remove(segment) }
    guard let fault = state.lateFaults[state.operations.count - 1] else { return }
    if let segment { state.leftovers.insert(segment) }
    throw fault
  }

  /// Before the write of which some bytes are still to arrive the disk is alive.
  static func isDead(_ state: State) -> Bool {
    state.diesAt.map { state.operations.count >= $0 && state.lastWriteBytes == 0 } ?? false
  }

  static func checkReadable(_ state: State) throws(Errno) {
    if isDead(state) { throw .inputOutput }
    if let failure = state.readFailure { throw failure }
  }

  // MARK: Trouble

  /// A disk with the same contents that can be tormented apart from this one; without orders.
  package func copy() -> SimulatedJournalStorage { Self.copy(of: state.withLock { $0 }) }

  private static func copy(of state: State) -> SimulatedJournalStorage {
    var copied = state
    copied.observer = nil
    copied.faults = [:]
    copied.lateFaults = [:]
    copied.diesAt = nil
    copied.beforeRead = nil
    copied.operations = []
    return SimulatedJournalStorage(copied)
  }

  /// Lets operation `index`, counted from 0, fail with no effect; a failed sync dooms what it should have saved.
  package func fail(operation index: Int, with errno: Errno) { state.withLock { $0.faults[index] = errno } }

  /// Lets operation `index`, if it makes, renames or removes a segment, fail after its effect: the directory's sync fails.
  package func failLate(operation index: Int, with errno: Errno) { state.withLock { $0.lateFaults[index] = errno } }

  /// All calls from operation `index` on throw `inputOutput` and have no effect, until `restart`. If that operation is a write,
  /// its first `lastWriteBytes` bytes reach the file.
  package func die(atOperation index: Int, lastWriteBytes: Int = 0) {
    state.withLock { state in
      state.diesAt = index
      state.lastWriteBytes = lastWriteBytes
    }
  }

  /// Is shown the disk as it is before each operation, with the bytes of a write.
  package func beforeOperations(_ observer: (@Sendable (Operation, [UInt8], SimulatedJournalStorage) -> Void)?) {
    state.withLock { $0.observer = observer }
  }

  /// What is on the disk, as numbers: equal ones stand for equal contents in the past and future of one disk and its copies.
  package var versions: DiskVersions { state.withLock { $0.versions } }

  /// Bytes of a write arrive whose process does not live to see it.
  package func arrive(_ bytes: some Collection<UInt8>, in number: UInt64, at offset: Int) {
    state.withLock { Self.write(bytes, in: number, at: offset, &$0) }
  }

  static func write(_ bytes: some Collection<UInt8>, in number: UInt64, at offset: Int, _ state: inout State) {
    guard !bytes.isEmpty else { return }
    state.segments[number]!.written.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    state.segments[number]!.modified = state.time
    state.segments[number]!.unsynced.formUnion(offset / sectorBytes...(offset + bytes.count - 1) / sectorBytes)
    state.versions.change()
  }

  /// Runs something on the reading thread, after a read has begun and before it takes effect.
  package func beforeReads(_ body: (@Sendable () -> Void)?) { state.withLock { $0.beforeRead = body } }

  package func failReads(with errno: Errno?) { state.withLock { $0.readFailure = errno } }
  package func setBytesAvailable(_ bytes: Int) { state.withLock { $0.bytesAvailable = bytes } }

  /// Whether the ordered death has come.
  package var isDead: Bool { state.withLock { Self.isDead($0) } }

  package var operations: [Operation] { state.withLock { $0.operations } }

  /// Ends the process: everything written stays, open files are dead, orders are withdrawn, counting begins again.
  package func restart() {
    state.withLock { state in
      state.life += 1
      state.faults = [:]
      state.lateFaults = [:]
      state.diesAt = nil
      state.lastWriteBytes = 0
      state.readFailure = nil
      state.operations = []
    }
  }

  /// Sectors that a power cut may lose, by segment and place.
  package var unsyncedSectors: [JournalPosition] {
    state.withLock { state in
      state.segments.keys.sorted().flatMap { number in
        let segment = state.segments[number]!
        return segment.unsynced.union(segment.doomed).sorted().map {
          JournalPosition(segment: number, offset: $0 * Self.sectorBytes)
        }
      }
    }
  }

  /// Ends the process and cuts the power: of the un-synced sectors those stay for which `keeps` says so, asked in ascending
  /// order.
  package func powerCut(keeping keeps: (JournalPosition) -> Bool) {
    let sectors = unsyncedSectors
    restart()
    for sector in sectors {
      let isKept = keeps(sector)
      state.withLock { state in
        var segment = state.segments.removeValue(forKey: sector.segment)!
        let range = sector.offset..<min(sector.offset + Self.sectorBytes, segment.written.count)
        if isKept {
          segment.durable.replaceSubrange(range, with: segment.written[range])
        } else {
          segment.written.replaceSubrange(range, with: segment.durable[range])
        }
        segment.unsynced = []
        segment.doomed = []
        state.segments[sector.segment] = segment
      }
    }
    state.withLock { $0.versions.changeBoth() }
  }

  /// A power cut that keeps each un-synced sector with the given probability.
  package func powerCut(keepingShare share: Double, using generator: inout SeededGenerator) {
    powerCut { _ in Double.random(in: 0..<1, using: &generator) < share }
  }
}
