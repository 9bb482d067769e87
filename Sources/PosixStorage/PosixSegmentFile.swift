import CLinux
import FilesystemModel
import StorageInterface
import Threading

/// An open segment file.
///
/// Of one that was prepared in a hurry the blocks are allocated but not written. A sync of what comes to such blocks changes the
/// filesystem's own structures, too, and takes two to three times as long. So where little is written between two syncs, zeros
/// are written ahead of it, much at a time: one sync pays for hundreds. Where much is written the zeros would cost more.
package final class PosixSegmentFile: SegmentFile {
  private struct Progress {
    /// Blocks from this offset on may not have been written.
    var blocksWritten: Int
    /// The end of what was appended last.
    var end = 0
    /// The same when the last sync began.
    var synced = 0
  }

  package let bytes: Int
  private let descriptor: Descriptor
  private let isReadOnly: Bool
  private let progress: Lock<Progress>

  private static let bytesBetweenSyncsMax = 256 << 10
  private static let bytesAhead = 1 << 20
  private static let pageBytes = 4096

  /// Zeros are written in pieces of this size: what comes to the page cache in one call may stay one folio there, and ext4 looks
  /// at all blocks of a folio with each small append to it. Such an append takes 2.6 to 3.1 us in folios of 1 MiB, 1.05 in these.
  static let zerosPiece = 64 << 10

  init(_ descriptor: consuming Descriptor, bytes: Int, isReadOnly: Bool) {
    // A filesystem that cannot tell has no blocks of that kind either.
    let hole = isReadOnly ? -1 : linux_seek_hole(descriptor.number, 0)
    progress = Lock(Progress(blocksWritten: hole < 0 ? bytes : Int(hole)))
    self.descriptor = descriptor
    self.bytes = bytes
    self.isReadOnly = isReadOnly
  }

  package func read(at offset: Int, count: Int) throws(Errno) -> [UInt8] { try descriptor.read(at: offset, count: count) }

  package func read(at offset: Int, count: Int, into buffer: inout [UInt8], behind kept: Int) throws(Errno) {
    try descriptor.read(at: offset, count: count, into: &buffer, behind: kept)
  }

  package func write(_ bytes: [UInt8], at offset: Int) throws(Errno) {
    guard !isReadOnly else { throw .readOnlyFilesystem }
    try descriptor.write(bytes, at: offset)
  }

  package func append(_ bytes: [UInt8], at offset: Int) throws(Errno) {
    try write(bytes, at: offset)
    let unwritten = progress.withLock { takeAhead(of: offset + bytes.count, &$0) }
    if let unwritten { try descriptor.writeZeros(unwritten, piece: Self.zerosPiece) }
  }

  /// The range behind what was appended that is to be written with it.
  private func takeAhead(of end: Int, _ progress: inout Progress) -> Range<Int>? {
    progress.end = end
    guard end > progress.blocksWritten else { return nil }
    progress.blocksWritten = end
    guard end - progress.synced <= Self.bytesBetweenSyncsMax else { return nil }
    let ahead = min(bytes, (end + Self.bytesAhead) / Self.pageBytes * Self.pageBytes)
    guard ahead > end else { return nil }
    progress.blocksWritten = ahead
    return end..<ahead
  }

  package func synchronize() throws(Errno) {
    guard !isReadOnly else { throw .readOnlyFilesystem }
    progress.withLock { $0.synced = $0.end }
    try checked(linux_synchronize_data(descriptor.number))
  }
}
