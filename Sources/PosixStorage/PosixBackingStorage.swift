import CLinux
import FilesystemModel
import StorageInterface
import Threading

// SAFETY: every C call gets arrays that live for the call, with their own length or a NUL at their end, and local structures to
// fill.

/// The backing directory cannot be used: one line for the operator says why.
package struct BackingRootError: Error, Hashable, CustomStringConvertible {
  package let description: String
}

/// A directory of this machine as backing storage, through system calls relative to a descriptor of its root.
///
/// Every path is resolved anew, since directories may be renamed by others at any time, and a held descriptor would follow them;
/// but where walking is slow, directories are held for some seconds all the same (`HeldDirectories`).
/// The umask of the process should be 0: else permissions of new files take a call more to set.
package final class PosixBackingStorage: BackingStorage {
  package let place: String
  /// `nil` while it is still tried what they are.
  private let knownAbilities: Lock<BackingAbilities?>
  let root: RootDirectory
  private let identity: Lock<RootIdentity>
  var rootIdentity: RootIdentity { identity.withLock { $0 } }
  let gate = AccessGate()
  /// The root's own path, without symbolic links, as `checkRoot` looks it up.
  let canonicalPath: [UInt8]

  /// Opens the directory and probes what it can do, for which a hidden directory `.ebbfs-probe-...` is made in it and removed
  /// again where the daemon may write.
  ///
  /// - Throws: `BackingRootError` when there is no directory or it cannot be searched.
  package convenience init(rootPath: String) throws(BackingRootError) { try self.init(rootPath: rootPath, features: .all) }

  /// The same, but does not wait for the probing, which takes some 25 round trips: `abilities` does.
  ///
  /// - Throws: `BackingRootError` when there is no directory or it cannot be searched.
  package convenience init(probing rootPath: String) throws(BackingRootError) {
    try self.init(rootPath: rootPath, features: .all, probing: .meanwhile)
  }

  /// Opens a directory without trying what it can do: nothing is changed, and what its type does not tell is taken to be the
  /// best. Not for write-back.
  ///
  /// - Throws: `BackingRootError` when there is no directory or it cannot be searched.
  package convenience init(unprobed rootPath: String) throws(BackingRootError) {
    try self.init(rootPath: rootPath, features: .all, probing: .none)
  }

  enum Probing {
    case none
    case atOnce
    case meanwhile
  }

  init(rootPath: String, features: KernelFeatures, probing: Probing = .atOnce) throws(BackingRootError) {
    let assumed: BackingAbilities
    do {
      root = try RootDirectory(path: rootPath, features: features)
      identity = Lock(RootIdentity(try root.descriptor.status()))
      canonicalPath = canonicalPathOfRoot(root.descriptor) ?? Array(rootPath.utf8)
      assumed = try assumeAbilities(root, path: canonicalPath, isPrivileged: gate.isPrivileged)
    } catch {
      let what = probing == .none ? "directory" : "backing directory"
      throw BackingRootError(description: "\(what) \(rootPath): \(message(error))")
    }
    place = assumed.description
    knownAbilities = Lock(probing == .none ? assumed : nil)
    switch probing {
    case .none: break
    case .atOnce: probe(assumed)
    case .meanwhile: do { _ = try Thread(name: "ebbfs-probe") { [self] in probe(assumed) } } catch { probe(assumed) }
    }
  }

  /// What it can do. Waits as long as that is still tried.
  package var abilities: BackingAbilities { knownAbilities.wait { $0 }! }

  private func probe(_ assumed: BackingAbilities) {
    let abilities = probeAbilities(root, assumed: assumed)
    knownAbilities.withLock { $0 = abilities }
    knownAbilities.wake()
  }

  /// Whether the path of the root still leads to the directory that is held: an sshfs mount that lost its connection disappears,
  /// and the bare directory underneath answers. When the same filesystem is mounted there again, its root is held from then on.
  ///
  /// - Throws: `stale` when it leads elsewhere, or what the filesystem answers.
  package func checkRoot() throws(Errno) {
    do throws(Errno) { try compareRoot() } catch { try takeUpRoot(insteadOf: error) }
  }

  private func compareRoot() throws(Errno) {
    guard RootIdentity(try root.descriptor.status()) == rootIdentity else { throw .stale }
    var found = linux_status()
    try checked(unsafe linux_status_of_path(canonicalPath + [0], &found))
    guard RootIdentity(found) == rootIdentity else { throw .stale }
  }

  /// Holds what is mounted at the root's path now, if that is the same filesystem by type, source, path and, where it means
  /// something, the inode number of the root.
  private func takeUpRoot(insteadOf failure: Errno) throws(Errno) {
    guard let found = try? Descriptor(unsafe linux_open(canonicalPath + [0], linux_o_path | linux_o_directory)),
      let status = try? found.status()
    else { throw failure }
    let mount = MountDescription.ofMount(under: found)
    guard mount.hasTellingSource, mount.place(of: found, path: canonicalPath) == place,
      status.device != rootIdentity.device, !abilities.hasStableInodes || status.inode == rootIdentity.inode
    else { throw failure }
    try checked(linux_replace(root.descriptor.number, found.number))
    root.held?.forget([])
    identity.withLock { $0 = RootIdentity(status) }
  }

  package func status(_ path: BackingPath) throws(Errno) -> BackingStatus {
    try withAccess(to: path) { () throws(Errno) -> BackingStatus in
      let entry = try root.open(path.components, flags: linux_o_path)
      return try BackingStatus(entry.status(), rootDevice: rootIdentity.device)
    }
  }

  package func details(_ path: BackingPath) throws(Errno) -> BackingDetails {
    try withAccess(to: path) { () throws(Errno) -> BackingDetails in
      let entry = try root.open(path.components, flags: linux_o_path)
      let status = try BackingStatus(entry.status(), rootDevice: rootIdentity.device)
      let (readable, unreadable) = try extendedAttributes(of: entry, at: path, kind: status.attributes.kind)
      return BackingDetails(
        status: status, extendedAttributes: readable, unreadableAttributes: unreadable,
        target: status.attributes.kind == .symlink ? try entry.linkTarget() : [])
    }
  }

  package func statistics() throws(Errno) -> FilesystemStatistics {
    let found = try root.descriptor.filesystem()
    return FilesystemStatistics(
      blockBytes: Int(found.block_bytes), fragmentBytes: Int(found.fragment_bytes), blocks: found.blocks,
      blocksFree: found.blocks_free, blocksAvailable: found.blocks_available, files: found.files,
      filesFree: found.files_free, nameBytesMax: Int(found.name_bytes_max))
  }

  package func setAttributes(_ path: BackingPath, kind: FileKind, _ change: AttributeChange) throws(Errno) {
    try withAccess(to: path, changesMode: change.permissions != nil) { () throws(Errno) in
      let entry = try root.open(path.components, flags: linux_o_path)
      try entry.apply(change, isSymlink: kind == .symlink, way: root.way)
    }
  }

  package func setExtendedAttribute(_ path: BackingPath, _ change: ExtendedAttributeChange) throws(Errno) {
    try withAccess(to: path, reach: .entry) { () throws(Errno) in
      let entry = try root.open(path.components, flags: linux_o_path)
      if root.features.hasProc { return try entry.apply(change, way: linux_way_proc) }
      let kind = try FileKind(mode: entry.status().mode)
      guard kind == .regular || kind == .directory else { throw .notSupported }
      try root.open(path.components, flags: linux_o_read_only | linux_o_non_block).apply(change, way: linux_way_direct)
    }
  }

  /// Without /proc an O_PATH descriptor does not lead to extended attributes: what can be opened is, and the rest shows none.
  private func extendedAttributes(
    of entry: borrowing Descriptor, at path: BackingPath, kind: FileKind
  ) throws(Errno) -> (readable: [ExtendedAttribute], unreadable: [[UInt8]]) {
    if root.features.hasProc { return try entry.extendedAttributes(way: linux_way_proc) }
    guard kind == .regular || kind == .directory else { return ([], []) }
    let flags = linux_o_read_only | linux_o_non_block
    return try root.open(path.components, flags: flags).extendedAttributes(way: linux_way_direct)
  }

  /// Some filesystems refuse fsync(2) of a directory: when its names are durable there nobody can know.
  package func synchronizeDirectory(_ path: BackingPath) throws(Errno) {
    try withAccess(to: path, reach: .entry) { () throws(Errno) in
      do throws(Errno) {
        if let held = root.held, !path.components.isEmpty { return try root.directory(path.components, held).synchronize() }
        try root.open(path.components, flags: linux_o_read_only | linux_o_directory).synchronize()
      } catch {
        if error != .invalidArgument, error != .notSupported { throw error }
      }
    }
  }

  /// Symbolic links and special files have no fsync(2) of their own: the filesystem is synchronized where it can be, else the
  /// directory they are in.
  package func synchronize(_ path: BackingPath) throws(Errno) {
    switch try status(path).attributes.kind {
    case .directory: try synchronizeDirectory(path)
    case .regular: try openFile(path, flags: linux_o_read_only).synchronize()
    default:
      if abilities.hasFilesystemSync { return try synchronizeFilesystem() }
      try synchronizeDirectory(BackingPath(path.components.dropLast()))
    }
  }

  package func openFilesystemSynchronization() throws(Errno) -> any FilesystemSynchronization {
    try withAccess(to: .root, reach: .entry) { () throws(Errno) in
      PosixFilesystemSynchronization(try root.open([], flags: linux_o_read_only | linux_o_directory))
    }
  }
}

private final class PosixFilesystemSynchronization: FilesystemSynchronization {
  private let directory: Descriptor

  init(_ directory: consuming Descriptor) { self.directory = directory }

  func synchronize() throws(Errno) { try checked(linux_synchronize_filesystem(directory.number)) }
}

/// Who the root is: device and inode number, compared only within one mount of it.
struct RootIdentity: Hashable, Sendable {
  let device: UInt64
  let inode: UInt64

  init(_ status: linux_status) {
    device = status.device
    inode = status.inode
  }
}

extension Descriptor {
  /// The target of the symbolic link that this O_PATH descriptor refers to.
  borrowing func linkTarget() throws(Errno) -> [UInt8] {
    var target = [UInt8](repeating: 0, count: 4096)  // PATH_MAX: the kernel takes no longer ones
    let count = try checked(unsafe linux_read_link(number, &target, target.count))
    return Array(target.prefix(count))
  }
}
