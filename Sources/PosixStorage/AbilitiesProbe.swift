import CLinux
import FilesystemModel
import StorageInterface

// SAFETY: every C call gets arrays that live for the call, with their own length or a NUL at their end, and local structures to
// fill.

/// Learns what the backing directory can do by trying, in a hidden directory that is removed again, beyond what is assumed.
///
/// Where the daemon may not write nothing is tried and the best is assumed: each call then tells for itself.
func probeAbilities(_ root: borrowing RootDirectory, assumed: BackingAbilities) -> BackingAbilities {
  var abilities = assumed
  guard let trial = ProbeDirectory(in: root) else { return abilities }
  abilities.supportsSymlinks = trial.makesSymlink()
  let growsSparsely = MountDescription.ofMount(under: root.descriptor).growsFilesSparsely
  if growsSparsely, let bytes = trial.fileBytesMax() { abilities.fileBytesMax = bytes }
  abilities.supportsHardLinks = trial.makesHardLink()
  abilities.supportsExtendedAttributes = trial.setsExtendedAttribute()
  if abilities.supportsExtendedAttributes { trial.findExtendedAttributeLimits(&abilities) }
  return abilities
}

/// What the type of the mount tells of the backing directory; changes nothing.
func assumeAbilities(
  _ root: borrowing RootDirectory, path: [UInt8], isPrivileged: Bool
) throws(Errno) -> BackingAbilities {
  let mount = MountDescription.ofMount(under: root.descriptor)
  return BackingAbilities(
    nameBytesMax: min(Int(try root.descriptor.filesystem().name_bytes_max), EntryName.bytesMax),
    fileBytesMax: mount.fileBytesMax, linksMax: mount.linksMax, isPrivileged: isPrivileged,
    hasStableInodes: mount.hasStableInodes, hasFilesystemSync: mount.hasFilesystemSync,
    description: mount.place(of: root.descriptor, path: path))
}

/// A directory of our own to try things in. It goes with its contents when this ends, and the root gets back its modification
/// time: looking changes nothing.
private struct ProbeDirectory: ~Copyable {
  private let parent: Int32
  private let name: [UInt8]
  private let directory: Descriptor
  private let rootModified: linux_time

  private static let prefix = ".ebbfs-probe-"
  private static let file: [UInt8] = [UInt8(ascii: "f"), 0]
  private static let secondName: [UInt8] = [UInt8(ascii: "g"), 0]
  private static let attribute = Array("user.ebbfs.probe".utf8)
  private static let symlink: [UInt8] = [UInt8(ascii: "s"), 0]

  /// `nil` when it cannot be made. `root` must outlive it.
  init?(in root: borrowing RootDirectory) {
    let name = Array("\(Self.prefix)\(linux_process())-\(String(linux_random(), radix: 16))".utf8) + [0]
    let parent = root.descriptor.number
    let status = try? root.descriptor.status()
    rootModified = linux_time(
      is_present: status == nil ? 0 : 1, seconds: status?.modified_seconds ?? 0,
      nanoseconds: Int64(status?.modified_nanoseconds ?? 0))
    Self.removeLeftovers(in: root)
    guard unsafe linux_make_directory(parent, name, 0o700) == 0 else { return nil }
    let flags = linux_o_read_only | linux_o_directory | linux_o_no_follow
    do throws(Errno) {
      directory = try Descriptor(at: root.descriptor, name, flags: flags)
    } catch {
      unsafe linux_remove_directory(parent, name)
      return nil
    }
    self.parent = parent
    self.name = name
    let made = unsafe linux_open_at(
      directory.number, Self.file, linux_o_read_write | linux_o_create | linux_o_exclusive | linux_o_no_follow, 0o600)
    if made >= 0 { linux_close(made) }
  }

  /// Removes what daemons left here that were killed while they looked.
  private static func removeLeftovers(in root: borrowing RootDirectory) {
    guard let directory = try? root.open([], flags: linux_o_read_only | linux_o_directory) else { return }
    var leftovers: [[UInt8]] = []
    try? directory.forEachEntry { record in
      let name = String(decoding: record.name, as: UTF8.self)
      guard name.hasPrefix(prefix), let process = Int32(name.dropFirst(prefix.count).prefix { $0 != "-" }) else { return }
      if linux_is_running(process) == 0 { leftovers.append(record.name + [0]) }
    }
    for name in leftovers {
      let flags = linux_o_read_only | linux_o_directory | linux_o_no_follow
      guard let leftover = try? Descriptor(at: directory, name, flags: flags) else { continue }
      remove(name, leftover.number, from: directory.number)
    }
  }

  private static func remove(_ name: [UInt8], _ directory: Int32, from parent: Int32) {
    for entry in [file, secondName, symlink] { unsafe linux_remove_file(directory, entry) }
    unsafe linux_remove_directory(parent, name)
  }

  deinit {
    Self.remove(name, directory.number, from: parent)
    // Somebody else's directory keeps the time of the probe.
    _ = linux_set_times(parent, linux_time(), rootModified)
  }

  borrowing func makesSymlink() -> Bool { isSupported(unsafe linux_make_symlink(Self.file, directory.number, Self.symlink)) }

  borrowing func makesHardLink() -> Bool {
    isSupported(unsafe linux_link(directory.number, Self.file, directory.number, Self.secondName))
  }

  borrowing func setsExtendedAttribute() -> Bool {
    guard let file = openFile() else { return true }
    return isSupported(set(Self.attribute, bytes: 1, of: file))
  }

  /// The longest value, by bisection; and whether a second attribute still fits beside it.
  borrowing func findExtendedAttributeLimits(_ abilities: inout BackingAbilities) {
    guard let file = openFile(), set(Self.attribute, bytes: 1, of: file) == 0 else { return }
    var (accepted, refused) = (1, abilities.extendedAttributeBytesMax + 1)
    if set(Self.attribute, bytes: refused - 1, of: file) == 0 { accepted = refused - 1 }
    while refused - accepted > 1 {
      let middle = accepted + (refused - accepted) / 2
      if set(Self.attribute, bytes: middle, of: file) == 0 { accepted = middle } else { refused = middle }
    }
    abilities.extendedAttributeBytesMax = accepted
    let isFull = set(Self.attribute, bytes: accepted, of: file) == 0 && set(Self.attribute + [0x32], bytes: 1024, of: file) != 0
    guard isFull else { return }
    abilities.allExtendedAttributesBytesMax = ExtendedAttribute.bytesTaken(
      name: Self.attribute, value: [UInt8](repeating: 0, count: accepted))
  }

  private borrowing func set(_ name: [UInt8], bytes: Int, of file: borrowing Descriptor) -> Int32 {
    unsafe linux_set_attribute(file.number, linux_way_direct, name + [0], [UInt8](repeating: 1, count: bytes), bytes)
  }

  /// The greatest size that ftruncate(2) gives a file, by bisection; `nil` when none can be tried.
  borrowing func fileBytesMax() -> Int? {
    guard let file = openFile() else { return nil }
    // Beyond the process's own limit the call would also raise SIGXFSZ.
    var refused = linux_file_bytes_limit()
    guard linux_resize(file.number, refused) != 0 else { return Int(refused) }
    var accepted: Int64 = 0
    while refused - accepted > 1 {
      let middle = accepted + (refused - accepted) / 2
      if linux_resize(file.number, middle) == 0 { accepted = middle } else { refused = middle }
    }
    return accepted > 0 ? Int(accepted) : nil
  }

  private borrowing func openFile() -> Descriptor? {
    try? Descriptor(at: directory, Self.file, flags: linux_o_read_write | linux_o_no_follow)
  }

  /// A full or failing filesystem says nothing about its abilities.
  private borrowing func isSupported(_ result: Int32) -> Bool {
    let errors: [Errno] = [.notSupported, .notImplemented, .notPermitted, .invalidArgument, .tooManyLinks]
    return !errors.contains(Errno(rawValue: -result))
  }
}
