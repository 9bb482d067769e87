import FilesystemModel
import StorageInterface
import Threading

/// A backing directory in memory: a whole filesystem of inodes with a disk below it that a power cut leaves in any allowed state,
/// and with failures on order.
///
/// Behaves as ext4 does for a privileged daemon. Nothing is on disk before it is synchronized. May be called from any thread.
package final class SimulatedBackingStorage: BackingStorage {
  struct State: Sendable {
    var disk: SimulatedDisk
    var book = BackingCallBook()
    var unstableNumber: UInt64 = 1 << 32
    var watch: SimulatedWatch?
  }

  /// How the simulated filesystem differs from a plain ext4.
  package struct Options: Sendable {
    package var abilities: BackingAbilities
    /// All bytes that files may take; `nil` without limit.
    package var capacityBytes: Int?
    /// Whether a new file may get the inode number of one that is gone.
    package var reusesInodeNumbers: Bool
    /// Off: a power cut may leave a file under both its old and its new name (never a directory).
    package var renamesAreAtomic: Bool
    package var rootPermissions: UInt16
    /// Whether events can be told.
    package var isWatchable = false

    package init(
      abilities: BackingAbilities = BackingAbilities(description: "simulated"), capacityBytes: Int? = nil,
      reusesInodeNumbers: Bool = true, renamesAreAtomic: Bool = true, rootPermissions: UInt16 = 0o755
    ) {
      self.abilities = abilities
      self.capacityBytes = capacityBytes
      self.reusesInodeNumbers = reusesInodeNumbers
      self.renamesAreAtomic = renamesAreAtomic
      self.rootPermissions = rootPermissions
    }
  }

  package let options: Options
  let clock: any Clock
  let state: Lock<State>
  /// What `fetchAhead` was asked for, oldest first.
  package let rangesFetchedAhead = Lock<[ByteRange]>([])
  /// Whether calls are entered in the book and may fail on order.
  private let isWatched: Bool

  package var abilities: BackingAbilities { options.abilities }
  package var place: String { abilities.description }

  package init(clock: any Clock, options: Options = Options()) {
    self.clock = clock
    self.options = options
    isWatched = true
    let now = clock.now()
    let owner: UInt32 = options.abilities.isPrivileged ? 0 : 1000
    let root = Attributes(
      kind: .directory, permissions: options.rootPermissions, owner: owner, group: owner, accessed: now, modified: now,
      changed: now, born: now)
    state = Lock(State(disk: SimulatedDisk(root: root, reusesInodeNumbers: options.reusesInodeNumbers)))
  }

  private init(behind watched: SimulatedBackingStorage) {
    options = watched.options
    clock = watched.clock
    state = watched.state
    isWatched = false
  }

  /// The same filesystem for somebody else than the daemon: what is done here is not counted and fails on no order.
  package var bystander: SimulatedBackingStorage { SimulatedBackingStorage(behind: self) }

  /// A second storage that is now as this one and goes its own way: several crashes from one state.
  package func fork() -> SimulatedBackingStorage { SimulatedBackingStorage(copying: self, state.withLock { $0 }) }

  private init(copying original: SimulatedBackingStorage, _ copied: State) {
    options = original.options
    clock = original.clock
    var copied = copied
    copied.book.observer = nil
    state = Lock(copied)
    isWatched = true
  }

  /// Enters a call, fails it where that was ordered, else carries it out.
  ///
  /// - Parameter drop: what a synchronization that drops the dirty bytes does.
  func call<Result>(
    _ name: BackingCall.Name, _ path: BackingPath, _ target: BackingPath? = nil,
    dropping drop: ((inout SimulatedDisk) -> Void)? = nil, _ body: (inout SimulatedDisk) throws(Errno) -> Result
  ) throws(Errno) -> Result {
    let interlude = isWatched ? state.withLock { $0.book.interlude } : nil
    defer { interlude?(name) }
    return try state.withLock { (state) throws(Errno) -> Result in
      if isWatched, !name.isReading, let observer = state.book.observer {
        observer(SimulatedBackingStorage(copying: self, state))
      }
      guard isWatched, case .fail(let errno, let effect) = state.book.enter(name, path, target) else {
        return try body(&state.disk)
      }
      switch effect {
      case .none: break
      case .happens: _ = try body(&state.disk)
      case .dropsDirtyBytes: drop?(&state.disk)
      }
      throw errno
    }
  }

  // MARK: Looking

  package func list(_ path: BackingPath) throws(Errno) -> [BackingEntry] {
    try call(.list, path) { (disk) throws(Errno) in
      let directory = disk.live[try resolve(path, in: disk)]
      guard directory.isDirectory else { throw .notDirectory }
      return directory.entries.map { (Self.diskOrder($0.key), $0.key, $0.value) }
        .sorted { ($0.0, $0.1) < ($1.0, $1.1) }
        .map { BackingEntry(name: $0.1, kind: disk.live[$0.2].attributes.kind) }
    }
  }

  /// Listings come in an order of their own that is neither that of the alphabet nor that of creation, as ext4's do.
  private static func diskOrder(_ name: EntryName) -> UInt64 {
    name.bytes.reduce(14_695_981_039_346_656_037) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 }
  }

  package func status(_ path: BackingPath) throws(Errno) -> BackingStatus {
    let status = try call(.status, path) { (disk) throws(Errno) in Self.status(of: try resolve(path, in: disk), in: disk) }
    return presented(status)
  }

  package func details(_ path: BackingPath) throws(Errno) -> BackingDetails {
    let details = try call(.details, path) { (disk) throws(Errno) in
      let number = try resolve(path, in: disk)
      let node = disk.live[number]
      let names = node.extendedAttributes.keys.sorted { $0.lexicographicallyPrecedes($1) }
      return BackingDetails(
        status: Self.status(of: number, in: disk),
        extendedAttributes: names.map { ExtendedAttribute(name: $0, value: node.extendedAttributes[$0]!) },
        target: node.target)
    }
    return BackingDetails(
      status: presented(details.status), extendedAttributes: details.extendedAttributes.filter { !isUnreadable($0.name) },
      unreadableAttributes: details.extendedAttributes.map(\.name).filter(isUnreadable), target: details.target)
  }

  private func isUnreadable(_ name: [UInt8]) -> Bool { state.withLock { $0.book.unreadableAttributes.contains(name) } }

  static func status(of number: InodeNumber, in disk: SimulatedDisk) -> BackingStatus {
    let attributes = disk.live.attributes(of: number)
    return BackingStatus(
      attributes: attributes,
      identity: BackingIdentity(
        isOnRootDevice: true, inode: disk.live[number].shownNumber, linkCount: attributes.linkCount))
  }

  /// A filesystem without stable inode numbers tells another one each time.
  func presented(_ status: BackingStatus) -> BackingStatus {
    guard !abilities.hasStableInodes else { return status }
    var status = status
    status.identity.inode = state.withLock { state in
      state.unstableNumber += 1
      return state.unstableNumber
    }
    return status
  }

  /// Not counted as a call.
  package func checkRoot() throws(Errno) {
    if let errno = state.withLock({ $0.book.rootFailure }) { throw errno }
  }

  package func statistics() throws(Errno) -> FilesystemStatistics {
    try call(.statistics, .root) { (disk) throws(Errno) in
      let total = options.capacityBytes ?? 1 << 40
      let free = UInt64(max(0, total - Self.bytesUsed(disk)) / 4096)
      return FilesystemStatistics(
        blockBytes: 4096, fragmentBytes: 4096, blocks: UInt64(total / 4096), blocksFree: free, blocksAvailable: free,
        files: 1 << 20, filesFree: 1 << 20 - UInt64(disk.live.nodes.count), nameBytesMax: abilities.nameBytesMax)
    }
  }

  static func bytesUsed(_ disk: SimulatedDisk) -> Int {
    disk.live.nodes.values.reduce(0) { $0 + $1.contents.sectors.count } * SparseBytes.sectorBytes
  }

  // MARK: Paths

  /// The file of a path. No symbolic link is followed.
  func resolve(_ path: BackingPath, in disk: SimulatedDisk) throws(Errno) -> InodeNumber {
    var current = InodeNumber.root
    for name in path.components {
      let node = disk.live[current]
      guard node.attributes.kind != .symlink else { throw .tooManySymlinks }
      guard node.isDirectory else { throw .notDirectory }
      guard name.bytes.count <= abilities.nameBytesMax else { throw .nameTooLong }
      guard let child = node.entries[name] else { throw .noEntry }
      current = child
    }
    return current
  }

  /// The place of a path whose last name need not exist, and the file there.
  ///
  /// - Throws: `busy` for the root, which has no place.
  func place(_ path: BackingPath, in disk: SimulatedDisk) throws(Errno) -> (location: Location, present: InodeNumber?) {
    guard let name = path.components.last else { throw .busy }
    let parent = try resolve(BackingPath(Array(path.components.dropLast())), in: disk)
    guard disk.live[parent].attributes.kind != .symlink else { throw .tooManySymlinks }
    guard disk.live[parent].isDirectory else { throw .notDirectory }
    guard name.bytes.count <= abilities.nameBytesMax else { throw .nameTooLong }
    return (Location(parent, name), disk.live[parent].entries[name])
  }
}
