import FilesystemModel
import Inodes

/// Inodes of listed directories whose attributes are fetched in the background, so that `ls -l` and `find` ask for nothing one by
/// one.
struct Prefetch {
  /// How many are fetched at a time: half of the threads that loads have.
  static let runningMax = 8
  /// Entries of larger directories are fetched when they are asked for: nobody looks at all of them.
  static let entriesMax = 10_000

  /// What is being fetched: a file with two names in a directory is met twice.
  private var running: Set<InodeNumber> = []
  /// The next one is the last.
  private var waiting: [InodeNumber] = []

  mutating func add(_ inodes: [InodeNumber]) { waiting = inodes.reversed() + waiting }

  /// Takes out those that can be fetched now.
  mutating func begin() -> [InodeNumber] {
    var begun: [InodeNumber] = []
    while running.count < Self.runningMax, let next = waiting.popLast() {
      if running.insert(next).inserted { begun.append(next) }
    }
    return begun
  }

  mutating func end(_ inode: InodeNumber) { running.remove(inode) }
}

extension Engine.Shared {
  /// Whether the result of a load is of use to anybody.
  func wants(_ load: Load) -> Bool {
    if case .prefetch(let inode) = load { return state.inodes[inode].map { !$0.hasAttributes } ?? false }
    return parking.wants(load)
  }
}

extension EngineState {
  func entriesWithoutAttributes(in number: InodeNumber) -> [InodeNumber] {
    guard let directory = inodes[number]?.directory, directory.count <= Prefetch.entriesMax else { return [] }
    var entries: [InodeNumber] = []
    directory.list(after: 0) {
      if inodes[$0.inode]?.hasAttributes != true { entries.append($0.inode) }
      return true
    }
    return entries
  }
}
