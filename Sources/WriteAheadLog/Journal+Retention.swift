import FilesystemModel
import JournalFormat
import StorageInterface

/// Retired segments that are kept for audit. They are on top of the journal's capacity, and the first to go when its disk is
/// full.
extension Journal {
  /// What is kept for audit: how many segments, and their bytes.
  package var retained: (segments: Int, bytes: Int) { state.withLock { ($0.retained.segments.count, $0.retained.bytes) } }

  /// Whether more is kept than `Retention` says.
  package func hasExcessRetained(now: Timestamp) -> Bool {
    state.withLock { $0.excessRetained(configuration.retention, now: now) != nil }
  }

  /// Gives up the oldest kept segments until no more are kept than `Retention` says: they become spares, or are removed.
  ///
  /// - Throws: when the disk fails; the journal goes on, and a later call tries again.
  package func pruneRetained(now: Timestamp) throws(Errno) {
    while let (segment, newNumber) = beginPruning(now) {
      do {
        let isRecycled = try give(segment, as: newNumber)
        finishProvisioning { state in
          state.retained.removeFirst()
          guard isRecycled, let newNumber else { return }
          metrics.segmentsRecycled.add()
          state.addSpare(SpareSegment(number: newNumber, isRecycled: true))
        }
      } catch {
        finishProvisioning { _ in }
        throw error
      }
    }
  }

  /// Takes the oldest segment that is too much, and the number that it gets when a spare is of use.
  private func beginPruning(_ now: Timestamp) -> (ShelvedSegment, newNumber: UInt64?)? {
    state.wait { state -> (ShelvedSegment, newNumber: UInt64?)?? in
      guard state.failure == nil, !state.isClosed, let segment = state.excessRetained(configuration.retention, now: now) else {
        return .some(nil)
      }
      guard !state.isProvisioning else { return nil }
      state.isProvisioning = true
      return (segment, state.spares.count < sparesMax ? state.highestFile + 1 : nil)
    }!
  }

  /// Makes a kept segment a spare, if it has a number for that and can be one, or removes it. Answers whether it is a spare.
  private func give(_ segment: ShelvedSegment, as newNumber: UInt64?) throws(Errno) -> Bool {
    guard let newNumber, Self.isReusable(segment, storage, configuration, journalUUID) else {
      try storage.removeShelved(segment.number, from: .retained)
      return false
    }
    try storage.recycleShelved(segment.number, from: .retained, as: newNumber)
    return true
  }

  /// Whether segments are filled as fast as they can be made: their zeros would take the disk's bandwidth from them.
  private func isHurried() -> Bool {
    let now = clock.uptimeMilliseconds()
    return state.withLock { state in
      defer { state.segmentMadeMilliseconds = now }
      guard let last = state.segmentMadeMilliseconds else { return false }
      return (now - last) * Self.bytesPerSecondHurried < configuration.segmentBytes * 1000
    }
  }

  private static var bytesPerSecondHurried: Int { 32 << 20 }

  /// Makes the file of the next segment: a new one or, when the disk is full, the oldest that is kept. Called by the one that
  /// provisions.
  func makeSegment(_ number: UInt64) throws(Errno) -> SpareSegment {
    let isHurried = isHurried()
    while true {
      do {
        try storage.prepareSegment(number, bytes: configuration.segmentBytes, isHurried: isHurried)
        return SpareSegment(number: number, isRecycled: false)
      } catch {
        guard error == .noSpace || error == .quotaExceeded, let oldest = state.withLock({ $0.retained.segments.first })
        else { throw error }
        let isRecycled = try give(oldest, as: number)
        state.withLock { $0.retained.removeFirst() }
        if isRecycled { return SpareSegment(number: number, isRecycled: true) }
      }
    }
  }

  /// Whether a kept segment can be written again as another one: a later mount must see in its header that it was retired.
  static func isReusable(
    _ segment: ShelvedSegment, _ storage: any JournalStorage, _ configuration: JournalConfiguration, _ journalUUID: [UInt8]
  ) -> Bool {
    guard segment.bytes == configuration.segmentBytes,
      let bytes = try? storage.openShelved(segment.number, on: .retained).read(at: 0, count: SegmentHeader.bytes),
      let header = try? SegmentHeader(decoding: bytes, newest: configuration.formatVersion)
    else { return false }
    return header.number <= segment.number && header.journalUUID == journalUUID
  }
}

/// The segments on the shelf for audit, ascending.
struct RetainedSegments {
  private(set) var segments: [ShelvedSegment] = []
  private(set) var bytes = 0

  init(_ segments: [ShelvedSegment]) { for segment in segments { append(segment) } }

  mutating func append(_ segment: ShelvedSegment) {
    segments.append(segment)
    bytes += segment.bytes
  }

  mutating func removeFirst() { bytes -= segments.removeFirst().bytes }
}

extension JournalState {
  /// The oldest kept segment, when more are kept than the limit says.
  fileprivate func excessRetained(_ retention: Retention, now: Timestamp) -> ShelvedSegment? {
    guard let oldest = retained.segments.first else { return nil }
    switch retention {
    case .bytes(let limit): return retained.bytes > limit ? oldest : nil
    case .time(let milliseconds):
      let age = (now.seconds - oldest.modified.seconds) * 1000 + Int64(now.nanoseconds) / 1_000_000
      return age - Int64(oldest.modified.nanoseconds) / 1_000_000 >= Int64(milliseconds) ? oldest : nil
    }
  }
}
