import FilesystemModel

/// Which files are written to most, in fixed memory of 8 KiB.
///
/// An inode has one of 256 places. Who holds a place gains a vote with each write and loses one with each write of another inode
/// of the same place, which takes it when no vote is left: whoever makes more than half of a place's writes holds it (Boyer and
/// Moore, "MJRTY"). Votes are halved as time passes, so that what was hot gives way to what is.
struct HotFiles {
  struct Place {
    var inode = InodeNumber(0)
    var votes: UInt32 = 0
    /// Since the inode has the place.
    var writes = 0
    var bytes = 0
  }

  private var places = [Place](repeating: Place(), count: 256)
  private var cooledMilliseconds = 0
  private static let halvingMilliseconds = 10_000

  /// Counts one write. Some nanoseconds, no allocation.
  mutating func count(_ inode: InodeNumber, bytes: Int) {
    let index = Int(truncatingIfNeeded: (inode.rawValue &* 0x9e37_79b9_7f4a_7c15) >> 56)
    if places[index].inode == inode {
      places[index].votes &+= places[index].votes < .max ? 1 : 0
      places[index].writes &+= 1
      places[index].bytes &+= bytes
    } else if places[index].votes > 0 {
      places[index].votes -= 1
    } else {
      places[index] = Place(inode: inode, votes: 1, writes: 1, bytes: bytes)
    }
  }

  /// Halves all votes when it is time.
  mutating func cool(nowMilliseconds now: Int) {
    guard now - cooledMilliseconds >= Self.halvingMilliseconds else { return }
    cooledMilliseconds = now
    for index in places.indices { places[index].votes /= 2 }
  }

  /// Those with the most votes, the most first.
  func hottest(_ count: Int) -> [Place] {
    Array(places.filter { $0.votes > 0 }.sorted { ($1.votes, $0.inode) < ($0.votes, $1.inode) }.prefix(count))
  }
}

/// A file that is written to often.
package struct HotFileStatus: Sendable {
  package var inode: InodeNumber
  /// From the mount's root; empty when it has no name any more.
  package var path: [UInt8]
  /// Since it was first seen to be written to often.
  package var writes: Int
  package var bytes: Int
}

extension Engine {
  /// More files than these are not gone through: others wait for the lock meanwhile.
  private static let sharesFilesMax = 20_000

  /// Bytes that are not yet written back, by priority; none when too many files wait. - Complexity: O(dirty files).
  package func dirtyBytesByPriority() -> [(priority: String, bytes: Int)] {
    shared.withLock { shared in
      guard shared.state.cache.dirtyInodeCount <= Self.sharesFilesMax else { return [] }
      let cache = shared.state.cache
      return shared.state.queue.sumsByPriority { cache.dirtyBytes(of: $0) }
    }
  }

  /// The files that are written to most at this time, the hottest first.
  package func hottest(_ count: Int) -> [HotFileStatus] {
    shared.withLock { shared in
      shared.state.hotFiles.hottest(count).map { place in
        HotFileStatus(
          inode: place.inode, path: shared.state.shownPath(of: place.inode), writes: place.writes, bytes: place.bytes)
      }
    }
  }
}
