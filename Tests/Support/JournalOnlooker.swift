import FilesystemModel
import StorageInterface

/// Another process that looks at a simulated journal's disk: it may only read, and a file that it has open stays readable
/// whatever becomes of its name, with the bytes that it has by then.
package final class JournalOnlooker: JournalStorage {
  private let storage: SimulatedJournalStorage

  package init(_ storage: SimulatedJournalStorage) {
    self.storage = storage
    storage.state.withLock { $0.buried = $0.buried ?? [:] }
  }

  package func segments() throws(Errno) -> [UInt64] { try storage.segments() }
  package func shelved(_ shelf: Shelf) throws(Errno) -> [ShelvedSegment] { try storage.shelved(shelf) }
  package func bytesAvailable() throws(Errno) -> Int { try storage.bytesAvailable() }

  package func openSegment(_ number: UInt64) throws(Errno) -> any SegmentFile {
    try open(storage.state.withLock { $0.segments[number] })
  }

  package func openShelved(_ number: UInt64, on shelf: Shelf) throws(Errno) -> any SegmentFile {
    try open(storage.state.withLock { $0.shelves[shelf]?[number] })
  }

  private func open(_ segment: SimulatedJournalStorage.Segment?) throws(Errno) -> any SegmentFile {
    guard let segment else { throw .noEntry }
    return OnlookersFile(storage, segment.identity, bytes: segment.written.count)
  }

  package func prepareSegment(_ number: UInt64, bytes: Int, isHurried: Bool) throws(Errno) { throw .readOnlyFilesystem }
  package func recycleSegment(_ number: UInt64, as newNumber: UInt64) throws(Errno) { throw .readOnlyFilesystem }
  package func removeSegment(_ number: UInt64) throws(Errno) { throw .readOnlyFilesystem }
  package func shelve(_ number: UInt64, on shelf: Shelf) throws(Errno) { throw .readOnlyFilesystem }
  package func removeShelved(_ number: UInt64, from shelf: Shelf) throws(Errno) { throw .readOnlyFilesystem }
  package func recycleShelved(_ number: UInt64, from shelf: Shelf, as newNumber: UInt64) throws(Errno) {
    throw .readOnlyFilesystem
  }
}

private final class OnlookersFile: SegmentFile {
  let bytes: Int
  private let storage: SimulatedJournalStorage
  private let identity: Int

  init(_ storage: SimulatedJournalStorage, _ identity: Int, bytes: Int) {
    self.storage = storage
    self.identity = identity
    self.bytes = bytes
  }

  func read(at offset: Int, count: Int) throws(Errno) -> [UInt8] {
    let written = storage.state.withLock { state -> [UInt8] in
      let all = [state.segments] + state.shelves.values
      let found = all.lazy.compactMap { $0.values.first { $0.identity == self.identity } }.first
      return (found ?? state.buried?[identity])?.written ?? []
    }
    let lower = min(offset, written.count)
    return Array(written[lower..<min(lower + count, written.count)])
  }

  func write(_ bytes: [UInt8], at offset: Int) throws(Errno) { throw .readOnlyFilesystem }
  func synchronize() throws(Errno) { throw .readOnlyFilesystem }
}
