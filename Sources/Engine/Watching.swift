import FilesystemModel
import Inodes
import StorageInterface

/// Which directories are watched.
struct WatchedDirectories: Sendable {
  private(set) var inodes: Set<InodeNumber> = []
  /// The kernel's own limit for a user (`fs.inotify.max_user_watches`) is from 8192 on.
  static let countMax = 8000

  /// Answers whether the directory is to be added.
  mutating func begin(_ directory: InodeNumber) -> Bool {
    inodes.count < Self.countMax && inodes.insert(directory).inserted
  }

  mutating func end(_ directory: InodeNumber) { inodes.remove(directory) }
}

/// `backing=shared` on a filesystem that tells of what happens in it: changes of others are seen at once. What is not told, or
/// not watched, is found when it is looked up again.
extension Engine {
  /// Takes what happened in watched directories. Events of the mount's own write-back are harmless: they make it look again.
  func take(_ events: [BackingEvent]) {
    let invalidations = shared.withLock { shared -> [Invalidation] in
      var invalidations: [Invalidation] = []
      for event in events {
        switch event {
        case .entry(let name, in: let directory): invalidations += shared.state.doubt(Location(directory, name))
        case .ended(let directory): shared.watched.end(directory)
        case .overflow: for directory in shared.watched.inodes { invalidations += shared.state.doubtAll(in: directory) }
        }
      }
      // What is being looked up may have been read before.
      for case .inode(let inode) in invalidations {
        shared.parking.taintListing(of: inode)
        shared.parking.taintDetails(of: [inode])
      }
      return invalidations
    }
    tellKernel(invalidations)
  }

  /// Has a directory watched before it is listed: what comes afterwards is told.
  func watch(_ directory: InodeNumber, at path: BackingPath) {
    guard let watch = watch.withLock({ $0 }), shared.withLock({ $0.watched.begin(directory) }) else { return }
    do throws(Errno) {
      try watch.add(path, as: directory)
    } catch {
      shared.withLock { $0.watched.end(directory) }
    }
  }

  func beginWatching() {
    guard configuration.revalidateMilliseconds != nil else { return }
    let begun = backing.beginWatching { [weak self] events in self?.take(events) }
    watch.withLock { $0 = begun }
  }
}

extension EngineState {
  /// Before every moment: outdated for all requests.
  private static let longAgo = -(1 << 40)

  /// An entry of a directory is to be looked up again.
  mutating func doubt(_ location: Location) -> [Invalidation] {
    guard let directory = inodes[location.parent] else { return [] }
    directory.directory?.listingMilliseconds = Self.longAgo
    directory.revalidation.attributesMilliseconds = Self.longAgo
    var invalidations: [Invalidation] = [.entry(location), .inode(location.parent)]
    if let inode = inodes.inode(at: location), !isBasedOnOlderState(inode) {
      inode.revalidation.attributesMilliseconds = Self.longAgo
      invalidations.append(.inode(inode.number))
    }
    return invalidations
  }

  /// All entries of a directory are to be looked up again.
  mutating func doubtAll(in directory: InodeNumber) -> [Invalidation] {
    let names = inodes[directory]?.directory?.names ?? []
    return names.flatMap { doubt(Location(directory, $0)) } + [.inode(directory)]
  }
}
