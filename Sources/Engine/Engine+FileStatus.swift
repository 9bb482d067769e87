import FilesystemModel
import Flushing
import Inodes

/// How safe one file is.
package struct FileStatus: Sendable {
  package var dirtyBytes: Int
  /// Its changes, those of its names and of the directories above it, and of a directory those of its entries.
  package var standing: WritebackStanding
  /// Age of the oldest of these; 0 when there is none.
  package var ageMilliseconds: Int
  /// When that came; `nil` when there is none.
  package var since: Timestamp?
  /// The latest conflict about its name.
  package var conflict: Conflict?
}

extension Engine {
  /// How far one inode's write-back is. A directory's answer is about itself and its entries, not about what is below these.
  ///
  /// - Complexity: O(its changes and names, the directories above it, actions of open plans).
  package func fileStatus(_ number: InodeNumber) -> FileStatus {
    let (uptime, now) = (clock.uptimeMilliseconds(), clock.now())
    return shared.withLock { shared in
      let path = shared.state.shownPath(of: number)
      let standing = shared.state.standing(of: number)
      let age = standing.oldestMilliseconds.map { max(0, uptime - $0) }
      return FileStatus(
        dirtyBytes: shared.state.cache.dirtyBytes(of: number), standing: standing, ageMilliseconds: age ?? 0,
        since: age.map { Timestamp(seconds: now.seconds - Int64($0 / 1000)) },
        conflict: path.isEmpty ? nil : shared.conflicts.latest.last { $0.path == path })
    }
  }
}

extension EngineState {
  fileprivate func standing(of number: InodeNumber) -> WritebackStanding {
    let above = inodes[number].map { directories(above: $0) } ?? []
    var standing = queue.standing(of: number, below: above)
    if let written = around.files[number]?.unsynchronized { standing.count(since: written.milliseconds) }
    return standing
  }
}
