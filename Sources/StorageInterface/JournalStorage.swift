import FilesystemModel

/// The state directory on fast local disk: fixed-size segment files named by number, and a lock.
///
/// All methods may be called from any thread.
package protocol JournalStorage: AnyObject, Sendable {
  /// The numbers of all segment files, ascending. Files still being prepared are not among them.
  func segments() throws(Errno) -> [UInt64]
  /// Makes a segment file of `bytes` zeros, synced with its directory entry, under a preparing name first, so that `segments`
  /// never shows half of one. Takes the place of what a call that failed left under the number: that of `recycleSegment`, too.
  ///
  /// - Parameter isHurried: Whether the zeros may be allocated without being written: at once ready, but a sync of what is
  ///   written to such blocks changes the filesystem's own structures too.
  func prepareSegment(_ number: UInt64, bytes: Int, isHurried: Bool) throws(Errno)
  /// Gives a retired segment a new number, so that its written blocks are used again; synced with its directory entry. When it
  /// throws, the segment has either number, and may only be removed.
  func recycleSegment(_ number: UInt64, as newNumber: UInt64) throws(Errno)
  /// Removes a segment file; synced with its directory entry. One that is gone, by a call that failed, is removed.
  func removeSegment(_ number: UInt64) throws(Errno)
  func openSegment(_ number: UInt64) throws(Errno) -> any SegmentFile
  /// The segments on a shelf, by ascending number.
  func shelved(_ shelf: Shelf) throws(Errno) -> [ShelvedSegment]
  /// Takes a segment out of the journal and keeps it, with its number, in place of any that has it there; synced with its
  /// directory entry. When it throws, the segment is in either place; one that is there already, by a call that failed, is
  /// shelved.
  func shelve(_ number: UInt64, on shelf: Shelf) throws(Errno)
  /// Removes a segment from a shelf; one that is gone is removed.
  func removeShelved(_ number: UInt64, from shelf: Shelf) throws(Errno)
  /// Makes a segment on a shelf one of the journal's again, under a new number: as `recycleSegment`.
  func recycleShelved(_ number: UInt64, from shelf: Shelf, as newNumber: UInt64) throws(Errno)
  func openShelved(_ number: UInt64, on shelf: Shelf) throws(Errno) -> any SegmentFile
  /// Bytes that new segments may still take.
  func bytesAvailable() throws(Errno) -> Int
}

/// Where segments are kept that are not the journal's any more: whatever becomes of them, no mount is disturbed.
package enum Shelf: Hashable, Sendable, CaseIterable {
  /// Retired, and kept for audit as long as `-o retain=` says.
  case retained
  /// Damaged, and left to the operator for good.
  case damaged
}

/// A segment on a shelf.
package struct ShelvedSegment: Hashable, Sendable {
  package let number: UInt64
  package let bytes: Int
  /// When it was last written to.
  package let modified: Timestamp

  package init(number: UInt64, bytes: Int, modified: Timestamp) {
    self.number = number
    self.bytes = bytes
    self.modified = modified
  }
}

/// An open segment of the journal. Closed with its last reference.
package protocol SegmentFile: AnyObject, Sendable {
  var bytes: Int { get }
  /// Reads exactly `count` bytes unless the file ends before.
  func read(at offset: Int, count: Int) throws(Errno) -> [UInt8]
  /// Reads as `read(at:count:)` does, to behind the first `kept` bytes of `buffer`, which then ends with what was read. When it
  /// throws, only these are as they were.
  func read(at offset: Int, count: Int, into buffer: inout [UInt8], behind kept: Int) throws(Errno)
  /// Writes all bytes.
  func write(_ bytes: [UInt8], at offset: Int) throws(Errno)
  /// Writes all bytes behind everything that is needed of the file: what follows them may become zeros.
  func append(_ bytes: [UInt8], at offset: Int) throws(Errno)
  /// fdatasync(2). A failure is final: what was written since the last success may be lost whatever a later call says.
  func synchronize() throws(Errno)
}

extension JournalStorage {
  /// Makes a segment file of written zeros.
  package func prepareSegment(_ number: UInt64, bytes: Int) throws(Errno) {
    try prepareSegment(number, bytes: bytes, isHurried: false)
  }
}

extension SegmentFile {
  /// For files that are not written ahead.
  package func append(_ bytes: [UInt8], at offset: Int) throws(Errno) { try write(bytes, at: offset) }

  /// For files that have no quicker way than a copy.
  package func read(at offset: Int, count: Int, into buffer: inout [UInt8], behind kept: Int) throws(Errno) {
    let bytes = try read(at: offset, count: count)
    buffer.replaceSubrange(kept..., with: bytes)
  }
}
