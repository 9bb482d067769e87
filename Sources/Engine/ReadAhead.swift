import FilesystemModel
import StorageInterface

/// How far ahead of their readers files are fetched that are read from one end to the other.
///
/// The kernel reads ahead 128 KiB: on a way of 20 ms, 12 MB a second.
struct ReadAhead {
  private struct Stream {
    /// Up to where it was read.
    var end: Int
    /// Read in a row until then.
    var bytes = 0
    /// Up to where more was asked for.
    var asked: Int
  }

  private var streams: [InodeNumber: Stream] = [:]

  /// The most that is fetched before anybody asks for it. Twice what was read in a row, until then.
  private static let bytesMax = 4 << 20
  /// Who reads less than that in a row may have found what was looked for.
  private static let bytesMin = 256 << 10
  /// The kernel's reads of a file overtake each other by as much.
  private static let disorderMax = 256 << 10
  /// Of more, none is followed any further: those that go on are soon known again.
  private static let streamsMax = 256

  /// Takes note of a read.
  ///
  /// - Returns: what is worth being fetched now, beginning with what is read, for this read and those to come; it may lie beyond
  ///   the end of the file. `nil` for nothing.
  mutating func rangeToFetch(for range: ByteRange, of inode: InodeNumber) -> ByteRange? {
    let known = streams[inode].flatMap { Self.goesOn($0, with: range) ? $0 : nil }
    var stream = known ?? Stream(end: range.lowerBound, asked: range.lowerBound)
    stream.end = max(stream.end, range.upperBound)
    stream.bytes += range.count
    defer {
      if streams.count >= Self.streamsMax, streams[inode] == nil { streams = [:] }
      streams[inode] = stream
    }
    guard stream.bytes >= Self.bytesMin else { return nil }
    let begin = max(stream.asked, range.lowerBound)
    let (end, overflows) = stream.end.addingReportingOverflow(min(Self.bytesMax, 2 * stream.bytes))
    guard !overflows, end > begin else { return nil }
    stream.asked = end
    return begin..<end
  }

  /// Both are offsets, from 0: their difference does not overflow.
  private static func goesOn(_ stream: Stream, with range: ByteRange) -> Bool {
    range.lowerBound - stream.end <= disorderMax && stream.end - range.upperBound <= disorderMax
  }
}

extension Engine {
  /// Before a part of a file is read: has the filesystem begin with what comes after it. The kernel does so itself where the
  /// backing directory is on a disk.
  func fetchAhead(of file: any BackingFile, _ inode: InodeNumber, reading range: ByteRange) {
    guard backing.abilities.isFar else { return }
    if let ahead = readAhead.withLock({ $0.rangeToFetch(for: range, of: inode) }) { file.fetchAhead(ahead) }
  }
}
