import FilesystemModel

/// A path below the root of the backing directory: its entry names from the root downward. Empty is the root itself.
package struct BackingPath: Hashable, Sendable {
  package var components: [EntryName]

  package init(_ components: [EntryName]) { self.components = components }

  package static let root = BackingPath([])

  package func appending(_ name: EntryName) -> BackingPath { BackingPath(components + [name]) }
}

/// What the backing directory tells of one file.
package struct BackingStatus: Hashable, Sendable {
  package var attributes: Attributes
  package var identity: BackingIdentity

  package init(attributes: Attributes, identity: BackingIdentity) {
    self.attributes = attributes
    self.identity = identity
  }

  /// The identity with the file's state. Entries change a directory's, and whoever uses a fifo or device file changes its.
  package var known: BackingIdentity {
    var known = identity
    let hasState = attributes.kind == .regular || attributes.kind == .symlink
    known.version = hasState ? BackingVersion(size: attributes.size, modified: attributes.modified) : nil
    return known
  }
}

/// Everything that is to be known of a file but its bytes, in as few round trips as possible.
package struct BackingDetails: Hashable, Sendable {
  package var status: BackingStatus
  /// All extended attributes that ebbfs may see; empty where they are not supported.
  package var extendedAttributes: [ExtendedAttribute]
  /// Names of attributes whose values this process may not read.
  package var unreadableAttributes: [[UInt8]]
  /// The target of a symbolic link; empty else.
  package var target: [UInt8]

  package init(
    status: BackingStatus, extendedAttributes: [ExtendedAttribute] = [], unreadableAttributes: [[UInt8]] = [],
    target: [UInt8] = []
  ) {
    self.status = status
    self.extendedAttributes = extendedAttributes
    self.unreadableAttributes = unreadableAttributes
    self.target = target
  }
}

/// One entry of a backing directory's listing.
package struct BackingEntry: Hashable, Sendable {
  package var name: EntryName
  /// Always told: a listing without types is completed by `lstat`.
  package var kind: FileKind

  package init(name: EntryName, kind: FileKind) {
    self.name = name
    self.kind = kind
  }
}

/// What the backing directory can do and up to where, probed when it is opened. What it cannot do is refused at the system call.
package struct BackingAbilities: Hashable, Sendable {
  package var nameBytesMax: Int
  /// The greatest size of a file in bytes.
  package var fileBytesMax: Int
  package var linksMax: Int
  package var supportsSymlinks: Bool
  package var supportsHardLinks: Bool
  package var supportsExtendedAttributes: Bool
  /// The longest value of an extended attribute, in bytes.
  package var extendedAttributeBytesMax: Int
  /// How much all extended attributes of a file may take together, counted as `ExtendedAttribute.bytesTaken` does; `nil` where
  /// each stands for itself.
  package var allExtendedAttributesBytesMax: Int?
  /// Whether the daemon may give files to other owners and make device files.
  package var isPrivileged: Bool
  /// Whether an inode number, and with it "two names, one file", can be believed.
  package var hasStableInodes: Bool
  /// Whether one syncfs(2) makes everything before it durable (ext4, xfs, btrfs, f2fs).
  package var hasFilesystemSync: Bool
  /// Whether each call may be a round trip to a server: so it is taken to be wherever there is no such sync.
  package var isFar: Bool { !hasFilesystemSync }
  /// Filesystem type, mount source and path: the journal's header records it, and a difference refuses the mount.
  package var description: String

  package init(
    nameBytesMax: Int = 255, fileBytesMax: Int = Int.max, linksMax: Int = 65_000, supportsSymlinks: Bool = true,
    supportsHardLinks: Bool = true, supportsExtendedAttributes: Bool = true, extendedAttributeBytesMax: Int = 65_536,
    allExtendedAttributesBytesMax: Int? = nil, isPrivileged: Bool = true,
    hasStableInodes: Bool = true, hasFilesystemSync: Bool = true, description: String = ""
  ) {
    self.nameBytesMax = nameBytesMax
    self.fileBytesMax = fileBytesMax
    self.linksMax = linksMax
    self.supportsSymlinks = supportsSymlinks
    self.supportsHardLinks = supportsHardLinks
    self.supportsExtendedAttributes = supportsExtendedAttributes
    self.extendedAttributeBytesMax = extendedAttributeBytesMax
    self.allExtendedAttributesBytesMax = allExtendedAttributesBytesMax
    self.isPrivileged = isPrivileged
    self.hasStableInodes = hasStableInodes
    self.hasFilesystemSync = hasFilesystemSync
    self.description = description
  }
}

/// The backing directory: ordinary files that ebbfs reads and writes back to. Every call may be slow, hang or fail.
///
/// No call follows a symbolic link, in any component of the path, or leaves the root (P7). Calls are made on threads that may
/// hang. All methods may be called from any thread. Nothing is durable before `synchronize` of the file, for names
/// `synchronizeDirectory` of the parent, or `synchronizeFilesystem`.
package protocol BackingStorage: AnyObject, Sendable {
  var abilities: BackingAbilities { get }
  /// The description among the abilities, which is known before they are.
  var place: String { get }

  /// Looks whether the directory is there: what is mounted on it may have gone, and then answers are not to be believed that
  /// something is absent.
  ///
  /// - Throws: why it is not; `stale` when its path leads to another directory now.
  func checkRoot() throws(Errno)

  /// All entries but `.` and `..`, in the directory's own order.
  func list(_ path: BackingPath) throws(Errno) -> [BackingEntry]
  /// `lstat(2)`: status alone.
  func status(_ path: BackingPath) throws(Errno) -> BackingStatus
  /// Status, extended attributes and the target of a symbolic link.
  func details(_ path: BackingPath) throws(Errno) -> BackingDetails
  func statistics() throws(Errno) -> FilesystemStatistics

  /// Opens a regular file. With `writable` a read-only file of the daemon's own is opened all the same, by making it writable
  /// for a moment where the daemon's rights need that (R20).
  func open(_ path: BackingPath, writable: Bool) throws(Errno) -> any BackingFile
  /// Makes a regular file, never one that exists (`exists`), and opens it for writing.
  ///
  /// - Parameter permissions: What it is made with; the directory that it is made in may have it otherwise.
  func createFile(_ path: BackingPath, permissions: UInt16) throws(Errno) -> any BackingFile
  /// Makes a directory, symbolic link, fifo, socket or device file; never one that exists (`exists`).
  ///
  /// - Parameter permissions: As for `createFile`; of no effect for a symbolic link.
  func make(_ path: BackingPath, kind: FileKind, permissions: UInt16, device: UInt64, target: [UInt8]) throws(Errno)
  /// Gives the file at `path` a further name; `exists` when that is taken.
  func link(_ path: BackingPath, to target: BackingPath) throws(Errno)
  func removeFile(_ path: BackingPath) throws(Errno)
  func removeDirectory(_ path: BackingPath) throws(Errno)
  /// Moves a name. Without `replacing` the target must be free, else `exists` (RENAME_NOREPLACE, or checked first where that is
  /// not supported).
  func rename(_ source: BackingPath, to target: BackingPath, replacing: Bool) throws(Errno)

  /// Sets owner and group, then permissions, then times: those that are given. Symbolic links themselves are changed, not
  /// their targets. `changed` is ignored.
  func setAttributes(_ path: BackingPath, kind: FileKind, _ change: AttributeChange) throws(Errno)
  /// Sets or removes one extended attribute; removing an absent one is no error.
  func setExtendedAttribute(_ path: BackingPath, _ change: ExtendedAttributeChange) throws(Errno)

  /// fsync(2) of a directory: its entries are durable afterwards.
  func synchronizeDirectory(_ path: BackingPath) throws(Errno)
  /// fsync(2) of a file or directory found by its path, for those that are not open.
  func synchronize(_ path: BackingPath) throws(Errno)
  /// Begins what a syncfs(2) will end. Only called where `abilities.hasFilesystemSync`.
  func openFilesystemSynchronization() throws(Errno) -> any FilesystemSynchronization
  /// Begins to tell of events in the directories that are added; `nil` where the filesystem does not tell of what others do.
  ///
  /// - Parameter tell: Is called on a thread of its own, with at least one event.
  func beginWatching(_ tell: @escaping @Sendable ([BackingEvent]) -> Void) -> (any BackingWatch)?
}

extension BackingStorage {
  /// `status`, or `nil` when there is no such file, or a directory on its way is none.
  package func statusIfThere(_ path: BackingPath) throws(Errno) -> BackingStatus? {
    do throws(Errno) {
      return try status(path)
    } catch {
      if error == .noEntry || error == .notDirectory { return nil }
      throw error
    }
  }

  /// syncfs(2) alone, for what was changed by one thread: see `FilesystemSynchronization`.
  package func synchronizeFilesystem() throws(Errno) { try openFilesystemSynchronization().synchronize() }
}

/// A descriptor of the backing filesystem, opened before something is changed there that it shall make durable.
///
/// The kernel tells each descriptor of a failed write-out since it was opened. One that is opened later does not hear of what was
/// told to another, although bytes of its own may be lost.
package protocol FilesystemSynchronization: AnyObject, Sendable {
  /// syncfs(2) of the whole backing filesystem.
  func synchronize() throws(Errno)
}

extension BackingStorage {
  /// Makes a regular file that is the daemon's own until its permissions are set.
  package func createFile(_ path: BackingPath) throws(Errno) -> any BackingFile { try createFile(path, permissions: 0o600) }

  /// Makes what is the daemon's own until its permissions are set.
  package func make(_ path: BackingPath, kind: FileKind, device: UInt64, target: [UInt8]) throws(Errno) {
    try make(path, kind: kind, permissions: kind == .directory ? 0o700 : 0o600, device: device, target: target)
  }
}

/// An open regular file of the backing directory. It stays usable when its name is moved or removed, and is closed with its last
/// reference. May be used by several threads.
package protocol BackingFile: AnyObject, Sendable {
  /// Reads `count` bytes, or those that there are before the end of the file.
  func read(at offset: Int, count: Int) throws(Errno) -> [UInt8]
  /// Has the filesystem fetch a range, which may lie beyond the end of the file, for reads to come. It tells of no error, and
  /// need not do anything; it does not wait for the bytes.
  func fetchAhead(_ range: ByteRange)
  /// Writes all bytes.
  func write(_ bytes: [UInt8], at offset: Int) throws(Errno)
  func resize(_ size: Int) throws(Errno)
  /// Makes the range read as zeros, without changing the size: a hole where the filesystem can, written zeros else.
  func zero(_ range: ByteRange) throws(Errno)
  /// As `BackingStorage.setAttributes`, on this file.
  func setAttributes(_ change: AttributeChange) throws(Errno)
  func setExtendedAttribute(_ change: ExtendedAttributeChange) throws(Errno)
  func status() throws(Errno) -> BackingStatus
  /// SEEK_DATA or SEEK_HOLE; `nil` when there is none before the end of the file.
  func seek(from offset: Int, _ target: SeekTarget) throws(Errno) -> Int?
  /// fsync(2): bytes, size and attributes are durable afterwards. After a failure the bytes must be written again, not only
  /// synced.
  func synchronize() throws(Errno)
}
