import CLinux
import FilesystemModel
import StorageInterface
import Threading

// SAFETY: every C call gets arrays that live for the call, with their own length or a NUL at their end, and local structures to
// fill.

/// The segments of a journal as files of a state directory on local disk: `segment-` and the number in 16 hexadecimal digits;
/// `retained-` or `damaged-` and the number for those on a shelf.
///
/// An object for writing holds the directory's lock as long as it exists. One for reading takes no lock and changes nothing.
package final class PosixJournalStorage: JournalStorage {
  private let directory: Descriptor
  private let lock: StateLock?
  /// Segments that a call made which failed then: they may be replaced, others never.
  private let leftovers = Lock<Set<UInt64>>([])

  /// Opens the state directory for writing, removes what an interrupted preparation left, and waits at most the given time for
  /// another daemon's lock.
  ///
  /// - Throws: `StateDirectoryError.locked` when that is not released in time, `refused` when the directory cannot be used.
  package init(directory path: String, create: Bool, waitForLock milliseconds: Int = 0) throws(StateDirectoryError) {
    directory = try openStateDirectory(path, creating: create)
    lock = try StateLock(in: directory, path: path, waiting: milliseconds)
    try orRefused(path) { () throws(Errno) in
      for name in try names() where name.starts(with: preparingPrefix) {
        try checked(unsafe linux_remove_file(directory.number, name + [0]))
      }
    }
  }

  /// Opens the state directory for looking at: no lock, no change, and every method that would write throws `readOnlyFilesystem`.
  package init(readingOnly path: String) throws(StateDirectoryError) {
    directory = try orRefused(path) { () throws(Errno) in
      try Descriptor(unsafe linux_open(Array(path.utf8) + [0], linux_o_read_only | linux_o_directory))
    }
    lock = nil
  }

  /// The process that last locked the directory, whether it still does or not; `nil` when none did.
  package var lastHolder: Int? { processInLock(directory) }

  package func segments() throws(Errno) -> [UInt64] {
    try names().compactMap { segmentNumber(in: $0, after: segmentPrefix) }.sorted()
  }

  package func prepareSegment(_ number: UInt64, bytes: Int, isHurried: Bool) throws(Errno) {
    try checkWritable()
    let preparing = preparingName(number)
    unsafe linux_remove_file(directory.number, preparing)
    do throws(Errno) {
      try makeZeros(preparing, bytes: bytes, isHurried: isHurried)
      try rename(preparing, to: number)
    } catch {
      unsafe linux_remove_file(directory.number, preparing)
      throw error
    }
  }

  package func recycleSegment(_ number: UInt64, as newNumber: UInt64) throws(Errno) {
    try checkWritable()
    try rename(segmentName(number), to: newNumber)
  }

  package func removeSegment(_ number: UInt64) throws(Errno) { try remove(segmentName(number)) }

  private func remove(_ name: [UInt8]) throws(Errno) {
    try checkWritable()
    do throws(Errno) {
      try checked(unsafe linux_remove_file(directory.number, name))
    } catch {
      guard error == .noEntry else { throw error }
    }
    try directory.synchronize()
  }

  package func openSegment(_ number: UInt64) throws(Errno) -> any SegmentFile { try open(segmentName(number)) }

  private func open(_ name: [UInt8]) throws(Errno) -> any SegmentFile {
    let isReadOnly = lock == nil
    let flags = (isReadOnly ? linux_o_read_only : linux_o_read_write) | linux_o_no_follow
    let file = try Descriptor(at: directory, name, flags: flags)
    let bytes = Int(try file.status().size)
    return PosixSegmentFile(file, bytes: bytes, isReadOnly: isReadOnly)
  }

  package func bytesAvailable() throws(Errno) -> Int {
    let found = try directory.filesystem()
    let (bytes, isOverflow) = Int(clamping: found.blocks_available).multipliedReportingOverflow(by: Int(found.fragment_bytes))
    return isOverflow ? .max : bytes
  }

  package func shelved(_ shelf: Shelf) throws(Errno) -> [ShelvedSegment] {
    var segments: [ShelvedSegment] = []
    for number in try names().compactMap({ name in segmentNumber(in: name, after: shelf.prefix) }).sorted() {
      do throws(Errno) {
        let status = try directory.status(of: shelf.name(number))
        let modified = Timestamp(seconds: status.modified_seconds, nanoseconds: status.modified_nanoseconds)
        segments.append(ShelvedSegment(number: number, bytes: Int(status.size), modified: modified))
      } catch {
        // A reader looks on while the daemon removes old ones.
        guard error == .noEntry else { throw error }
      }
    }
    return segments
  }

  package func shelve(_ number: UInt64, on shelf: Shelf) throws(Errno) {
    try checkWritable()
    do throws(Errno) {
      try checked(unsafe linux_rename(directory.number, segmentName(number), directory.number, shelf.name(number)))
    } catch {
      guard error == .noEntry, (try? directory.status(of: shelf.name(number))) != nil else { throw error }
    }
    try directory.synchronize()
  }

  package func removeShelved(_ number: UInt64, from shelf: Shelf) throws(Errno) { try remove(shelf.name(number)) }

  package func recycleShelved(_ number: UInt64, from shelf: Shelf, as newNumber: UInt64) throws(Errno) {
    try checkWritable()
    try rename(shelf.name(number), to: newNumber)
  }

  package func openShelved(_ number: UInt64, on shelf: Shelf) throws(Errno) -> any SegmentFile { try open(shelf.name(number)) }

  private func checkWritable() throws(Errno) {
    guard lock != nil else { throw .readOnlyFilesystem }
  }

  private func rename(_ name: [UInt8], to number: UInt64) throws(Errno) {
    let target = segmentName(number)
    if leftovers.withLock({ $0.contains(number) }) {
      try checked(unsafe linux_rename(directory.number, name, directory.number, target))
    } else {
      try checked(unsafe linux_rename_no_replace(directory.number, name, directory.number, target))
    }
    leftovers.withLock { _ = $0.insert(number) }
    try directory.synchronize()
    leftovers.withLock { _ = $0.remove(number) }
  }

  /// Zeros, synced, in a new file: written, or if it must be quick and the filesystem can, only allocated.
  private func makeZeros(_ name: [UInt8], bytes: Int, isHurried: Bool) throws(Errno) {
    let flags = linux_o_read_write | linux_o_create | linux_o_exclusive | linux_o_no_follow
    let file = try Descriptor(at: directory, name, flags: flags, mode: 0o600)
    if isHurried {
      let result = linux_allocate(file.number, Int64(bytes))
      guard result == -Errno.notSupported.rawValue || result == -Errno.notImplemented.rawValue else {
        try checked(result)
        return try file.synchronize()
      }
    }
    try file.writeZeros(0..<bytes, piece: PosixSegmentFile.zerosPiece)
    try file.synchronize()
  }

  private func names() throws(Errno) -> [[UInt8]] {
    // Opened anew, since a descriptor has one reading position for all threads.
    let listing = try Descriptor(at: directory, [UInt8(ascii: "."), 0], flags: linux_o_read_only | linux_o_directory)
    var names: [[UInt8]] = []
    try listing.forEachEntry { record in names.append(record.name) }
    return names
  }
}

private let segmentPrefix = Array("segment-".utf8)
private let preparingPrefix = Array(".preparing-".utf8)

private func hexadecimal(_ number: UInt64) -> [UInt8] {
  let digits = Array(String(number, radix: 16).utf8)
  return [UInt8](repeating: UInt8(ascii: "0"), count: 16 - digits.count) + digits
}

private func segmentName(_ number: UInt64) -> [UInt8] { segmentPrefix + hexadecimal(number) + [0] }

private func preparingName(_ number: UInt64) -> [UInt8] { preparingPrefix + hexadecimal(number) + [0] }

extension Shelf {
  fileprivate var prefix: [UInt8] { Array((self == .retained ? "retained-" : "damaged-").utf8) }

  fileprivate func name(_ number: UInt64) -> [UInt8] { prefix + hexadecimal(number) + [0] }
}

/// The number in a name that begins with `prefix`; `nil` for any name that is not made of both.
private func segmentNumber(in name: [UInt8], after prefix: [UInt8]) -> UInt64? {
  guard name.starts(with: prefix),
    let number = UInt64(String(decoding: name.dropFirst(prefix.count), as: UTF8.self), radix: 16)
  else { return nil }
  return prefix + hexadecimal(number) == name ? number : nil
}
