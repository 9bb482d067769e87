import FilesystemModel
import StorageInterface

/// Segments that are kept out of the journal. What is done with them is durable and atomic, as with whole segments.
extension SimulatedJournalStorage {
  package func shelved(_ shelf: Shelf) throws(Errno) -> [ShelvedSegment] {
    try state.withLock { state throws(Errno) in
      try Self.checkReadable(state)
      return state.shelves[shelf, default: [:]].sorted { $0.key < $1.key }.map { number, segment in
        ShelvedSegment(number: number, bytes: segment.written.count, modified: segment.modified)
      }
    }
  }

  package func shelve(_ number: UInt64, on shelf: Shelf) throws(Errno) {
    try state.withLock { state throws(Errno) in
      try Self.begin(.shelve(number, shelf), &state)
      guard let segment = state.segments.removeValue(forKey: number) else {
        if state.shelves[shelf]?[number] != nil { return }
        throw .noEntry
      }
      state.shelves[shelf, default: [:]][number] = segment
      state.removed.insert(number)
      state.versions.changeBoth()
      try Self.end(leaving: nil, &state)
    }
  }

  package func removeShelved(_ number: UInt64, from shelf: Shelf) throws(Errno) {
    try state.withLock { state throws(Errno) in
      try Self.begin(.removeShelved(number, shelf), &state)
      if let segment = state.shelves[shelf]?.removeValue(forKey: number) {
        if state.bytesAvailable != .max { state.bytesAvailable += segment.written.count }
        state.buried?[segment.identity] = segment
      }
      state.versions.changeBoth()
      try Self.end(leaving: nil, &state)
    }
  }

  package func recycleShelved(_ number: UInt64, from shelf: Shelf, as newNumber: UInt64) throws(Errno) {
    try state.withLock { state throws(Errno) in
      try Self.begin(.recycleShelved(number, shelf, as: newNumber), &state)
      guard state.segments[newNumber] == nil || state.leftovers.contains(newNumber) else { throw .exists }
      guard let segment = state.shelves[shelf]?.removeValue(forKey: number) else { throw .noEntry }
      state.segments[newNumber] = segment
      state.versions.changeBoth()
      try Self.end(leaving: newNumber, &state)
    }
  }

  package func openShelved(_ number: UInt64, on shelf: Shelf) throws(Errno) -> any SegmentFile {
    let segment = try state.withLock { state throws(Errno) -> Segment? in
      try Self.checkReadable(state)
      return state.shelves[shelf]?[number]
    }
    guard let segment else { throw .noEntry }
    return ShelvedSegmentFile(contents: segment.written)
  }

  /// The bytes of a segment on a shelf; empty when there is none.
  package func contents(of number: UInt64, on shelf: Shelf) -> [UInt8] {
    state.withLock { $0.shelves[shelf]?[number]?.written ?? [] }
  }

  /// Inverts the bits of `mask` in one byte of a segment on a shelf.
  package func flip(_ mask: UInt8, in number: UInt64, on shelf: Shelf, at offset: Int) {
    state.withLock { $0.shelves[shelf]![number]!.written[offset] ^= mask }
  }

  /// The time that files written from now on bear.
  package func setTime(_ time: Timestamp) { state.withLock { $0.time = time } }
}

/// A segment on a shelf as it was when it was opened. Nothing writes there.
private final class ShelvedSegmentFile: SegmentFile {
  private let contents: [UInt8]
  var bytes: Int { contents.count }

  init(contents: [UInt8]) { self.contents = contents }

  func read(at offset: Int, count: Int) throws(Errno) -> [UInt8] {
    let lower = min(offset, contents.count)
    return Array(contents[lower..<min(lower + count, contents.count)])
  }

  func write(_ bytes: [UInt8], at offset: Int) throws(Errno) { throw .readOnlyFilesystem }

  func synchronize() throws(Errno) { throw .readOnlyFilesystem }
}
