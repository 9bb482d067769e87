import CLinux
import FilesystemModel
import StorageInterface
import Threading

/// A directory, opened with O_PATH, that is closed with its last user.
final class HeldDirectory: Sendable {
  let descriptor: Descriptor
  /// The same, opened for reading, once that was needed.
  private let readable = Lock<HeldDirectory?>(nil)

  init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }

  /// fsync(2).
  func synchronize() throws(Errno) { try openedForReading().descriptor.synchronize() }

  private func openedForReading() throws(Errno) -> HeldDirectory {
    if let opened = readable.withLock({ $0 }) { return opened }
    let flags = linux_o_read_only | linux_o_directory
    let opened = HeldDirectory(try Descriptor(at: descriptor, [UInt8(ascii: "."), 0], flags: flags))
    readable.withLock { $0 = opened }
    return opened
  }
}

/// Directories that paths led through lately, held open, so that the next path through them need not be walked from the root: on
/// a remote filesystem each name on the way can be a round trip, once the kernel has forgotten it.
///
/// Whoever holds a directory does not see it replaced by somebody else, for some seconds at most. What is moved or removed
/// through this storage is forgotten at once. May be used by several threads.
final class HeldDirectories: Sendable {
  private struct State {
    var directories: [[EntryName]: (directory: HeldDirectory, until: Int)] = [:]
    var generation = 0
  }

  private let state = Lock(State())
  private let clock = SystemClock()
  private static let millisecondsMax = 5000
  private static let countMax = 256

  /// Counts how often something was forgotten: what was opened before that is not kept after it.
  var generation: Int { state.withLock { $0.generation } }

  func find(_ names: [EntryName]) -> HeldDirectory? {
    let now = clock.uptimeMilliseconds()
    return state.withLock { state in state.directories[names].flatMap { $0.until > now ? $0.directory : nil } }
  }

  /// Keeps a directory that was opened since the given generation.
  func keep(_ directory: HeldDirectory, _ names: [EntryName], _ generation: Int) {
    let now = clock.uptimeMilliseconds()
    state.withLock { state in
      guard state.generation == generation else { return }
      if state.directories.count >= Self.countMax { state.directories = state.directories.filter { $0.value.until > now } }
      if state.directories.count >= Self.countMax { state.directories = [:] }
      state.directories[names] = (directory, now + Self.millisecondsMax)
    }
  }

  /// Forgets the directories at and below a path.
  func forget(_ names: [EntryName]) {
    state.withLock { state in
      state.generation += 1
      state.directories = state.directories.filter { !$0.key.starts(with: names) }
    }
  }
}
