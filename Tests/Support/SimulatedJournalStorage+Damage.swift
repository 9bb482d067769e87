import FilesystemModel
import StorageInterface

/// What a bad disk or a confused operator does to segment files, durable at once.
extension SimulatedJournalStorage {
  /// The bytes of a segment as a process sees them.
  package func contents(of number: UInt64) -> [UInt8] { state.withLock { $0.segments[number]?.written ?? [] } }

  /// Makes a segment file with these bytes, in place of any that there is.
  package func replace(_ number: UInt64, with bytes: [UInt8]) {
    state.withLock { $0.segments[number] = Segment(written: bytes, durable: bytes) }
  }

  /// Inverts the bits of `mask` in one byte.
  package func flip(_ mask: UInt8, in number: UInt64, at offset: Int) {
    state.withLock { state in
      state.segments[number]?.written[offset] ^= mask
      state.segments[number]?.durable[offset] ^= mask
    }
  }

  package func fill(_ number: UInt64, in range: Range<Int>, with byte: UInt8) {
    var bytes = contents(of: number)
    bytes.replaceSubrange(range, with: repeatElement(byte, count: range.count))
    replace(number, with: bytes)
  }

  /// Writes what is at one place at another one as well, as a disk does that misdirects a write.
  ///
  /// - Returns: the offsets that have another byte now.
  package func misdirect(_ number: UInt64, _ range: Range<Int>, to target: UInt64, at offset: Int) -> [Int] {
    let moved = contents(of: number)[range]
    let before = contents(of: target)
    var after = before
    after.replaceSubrange(offset..<offset + range.count, with: moved)
    replace(target, with: after)
    return before.indices.filter { before[$0] != after[$0] }
  }

  package func truncate(_ number: UInt64, to count: Int) { replace(number, with: Array(contents(of: number).prefix(count))) }

  /// Removes a file behind the journal's back.
  package func lose(_ number: UInt64) { state.withLock { state in state.segments[number] = nil } }
}

/// An open segment of a `SimulatedJournalStorage`. Like a descriptor it stays with its file when that is removed: reads and
/// writes of a removed or renamed segment throw, since the journal must not do them.
final class SimulatedSegmentFile: SegmentFile {
  let bytes: Int
  private let storage: SimulatedJournalStorage
  private let number: UInt64
  private let life: Int

  init(_ storage: SimulatedJournalStorage, _ number: UInt64, life: Int, bytes: Int) {
    self.storage = storage
    self.number = number
    self.life = life
    self.bytes = bytes
  }

  func read(at offset: Int, count: Int) throws(Errno) -> [UInt8] {
    let beforeRead = storage.state.withLock { $0.beforeRead }
    beforeRead?()
    return try storage.state.withLock { state throws(Errno) in
      guard state.life == life else { throw .badDescriptor }
      try SimulatedJournalStorage.checkReadable(state)
      guard let segment = state.segments[number] else { throw .stale }
      let lower = min(offset, segment.written.count)
      return Array(segment.written[lower..<min(lower + count, segment.written.count)])
    }
  }

  func write(_ bytes: [UInt8], at offset: Int) throws(Errno) {
    try storage.state.withLock { state throws(Errno) in
      guard state.life == life else { throw .badDescriptor }
      let isLast = state.diesAt == state.operations.count
      let count = isLast ? min(state.lastWriteBytes, bytes.count) : bytes.count
      var failure: Errno?
      do throws(Errno) {
        try SimulatedJournalStorage.begin(.write(number, offset: offset, count: bytes.count), &state, bytes: bytes)
      } catch {
        guard isLast else { throw error }
        failure = error
        // The next call must not find itself to be the last again.
        state.lastWriteBytes = 0
      }
      guard state.segments[number] != nil, offset + count <= state.segments[number]!.written.count else { throw .fileTooLarge }
      SimulatedJournalStorage.write(bytes[..<count], in: number, at: offset, &state)
      if let failure { throw failure }
    }
  }

  func synchronize() throws(Errno) {
    try storage.state.withLock { state throws(Errno) in
      guard state.life == life else { throw .badDescriptor }
      do throws(Errno) {
        try SimulatedJournalStorage.begin(.synchronize(number), &state)
      } catch {
        // A process that is dead has not asked for a sync: the kernel still has the sectors.
        if !SimulatedJournalStorage.isDead(state), var segment = state.segments.removeValue(forKey: number) {
          segment.doomed.formUnion(segment.unsynced)
          segment.unsynced = []
          state.segments[number] = segment
        }
        throw error
      }
      guard var segment = state.segments.removeValue(forKey: number) else { throw .stale }
      for sector in segment.unsynced {
        let lower = sector * SimulatedJournalStorage.sectorBytes
        let range = lower..<min(lower + SimulatedJournalStorage.sectorBytes, segment.written.count)
        segment.durable.replaceSubrange(range, with: segment.written[range])
      }
      let isChanged = !segment.unsynced.isEmpty
      segment.unsynced = []
      state.segments[number] = segment
      if isChanged { state.versions.save(all: state.segments.values.allSatisfy { $0.unsynced.isEmpty && $0.doomed.isEmpty }) }
    }
  }
}
