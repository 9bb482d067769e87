import CLinux
import FilesystemModel
import StorageInterface

// SAFETY: every C call gets arrays that live for the call, with their own length or a NUL at their end, and local structures to
// fill.

/// What the running kernel offers beyond the minimum; tests switch it off to try what replaces it.
struct KernelFeatures: Hashable, Sendable {
  /// `openat2(2)` (Linux 5.6, and not forbidden by a sandbox).
  var hasOpenBeneath: Bool
  /// A mounted /proc.
  var hasProc: Bool
  /// `renameat2(2)` with RENAME_NOREPLACE, which some filesystems do not have; then each call finds out.
  var hasNoReplace = true
  /// Whether directories are held on local filesystems too.
  var holdsDirectories = false

  static let all = KernelFeatures(hasOpenBeneath: true, hasProc: true)
}

/// The backing directory's root, held by a descriptor, below which all paths are resolved without following any symbolic link
/// (P7).
struct RootDirectory: ~Copyable, Sendable {
  let descriptor: Descriptor
  let features: KernelFeatures
  /// Where walking a path is slow.
  let held: HeldDirectories?

  /// How changes of modes reach the file behind an O_PATH descriptor.
  var way: linux_way { features.hasProc ? linux_way_proc : linux_way_new_call }

  /// PATH_MAX without the NUL.
  private static let pathBytesMax = 4095

  /// Opens the root at `path`, whose own symbolic links are followed, and learns what the kernel can do.
  init(path: String, features wanted: KernelFeatures) throws(Errno) {
    let bytes = Array(path.utf8) + [0]
    descriptor = try Descriptor(unsafe linux_open(bytes, linux_o_path | linux_o_directory))
    let isFast = MountDescription.ofMount(under: descriptor).hasFilesystemSync && !wanted.holdsDirectories
    held = isFast ? nil : HeldDirectories()
    let trial = unsafe linux_open_beneath(descriptor.number, [UInt8(ascii: "."), 0], linux_o_path | linux_o_directory)
    if trial >= 0 { linux_close(trial) }
    features = KernelFeatures(
      hasOpenBeneath: wanted.hasOpenBeneath && trial >= 0, hasProc: wanted.hasProc && linux_has_proc() != 0,
      hasNoReplace: wanted.hasNoReplace)
  }

  /// Opens what is at the path below the root. A symbolic link in a component gives `tooManySymlinks` or `notDirectory`; the last
  /// name is not followed either: with O_PATH the link itself is opened.
  ///
  /// The corresponding C function is `openat2`, once per 4 KiB of path; without it `openat` once per component.
  borrowing func open(_ components: [EntryName], flags: Int32) throws(Errno) -> Descriptor {
    let flags = flags | linux_o_no_follow
    guard let held, components.count > 1 else { return try walk(components, flags: flags) }
    let parent = try directory(Array(components.dropLast()), held)
    return try open(components[components.count - 1].terminated, from: parent.descriptor, flags: flags)
  }

  /// A directory that is held, or is from now on.
  borrowing func directory(_ names: [EntryName], _ held: HeldDirectories) throws(Errno) -> HeldDirectory {
    if let found = held.find(names) { return found }
    let generation = held.generation
    let directory = HeldDirectory(try open(names, flags: linux_o_path | linux_o_directory))
    held.keep(directory, names, generation)
    return directory
  }

  private borrowing func walk(_ components: [EntryName], flags: Int32) throws(Errno) -> Descriptor {
    let pieces = pieces(of: components)
    guard let first = pieces.first else { return try Descriptor(at: descriptor, [UInt8(ascii: "."), 0], flags: flags) }
    let inner = linux_o_path | linux_o_directory | linux_o_no_follow
    var current = try open(first, from: descriptor, flags: pieces.count == 1 ? flags : inner)
    for index in pieces.indices.dropFirst() {
      current = try open(pieces[index], from: current, flags: index == pieces.count - 1 ? flags : inner)
    }
    return current
  }

  /// Opens, with O_PATH, the directory in which the path's last name is. The root has none: `busy`, as the kernel answers.
  borrowing func parent(of path: BackingPath) throws(Errno) -> Parent {
    guard let name = path.components.last else { throw .busy }
    let names = Array(path.components.dropLast())
    if let held, !names.isEmpty { return Parent(directory: try directory(names, held), name: name.terminated) }
    let directory = try open(names, flags: linux_o_path | linux_o_directory)
    return Parent(directory: HeldDirectory(directory), name: name.terminated)
  }

  private borrowing func open(_ piece: [UInt8], from directory: borrowing Descriptor, flags: Int32) throws(Errno) -> Descriptor {
    guard features.hasOpenBeneath else { return try Descriptor(at: directory, piece, flags: flags) }
    // EAGAIN: somewhere a directory was renamed meanwhile, and the kernel could not tell whether that led outside.
    for _ in 0..<100 {
      let result = unsafe linux_open_beneath(directory.number, piece, flags)
      guard result == -Errno.again.rawValue else { return try Descriptor(result) }
    }
    throw .again
  }

  /// The path in pieces that one call takes, each ended by NUL: as long as can be with `openat2`, single names without.
  private borrowing func pieces(of components: [EntryName]) -> [[UInt8]] {
    guard features.hasOpenBeneath else { return components.map(\.terminated) }
    var pieces: [[UInt8]] = []
    var piece: [UInt8] = []
    for name in components {
      if !piece.isEmpty, piece.count + 1 + name.count > Self.pathBytesMax {
        pieces.append(piece + [0])
        piece = []
      }
      if !piece.isEmpty { piece.append(UInt8(ascii: "/")) }
      name.append(to: &piece)
    }
    if !piece.isEmpty { pieces.append(piece + [0]) }
    return pieces
  }
}

/// A directory, opened with O_PATH, and the name of an entry in it, ended by NUL.
struct Parent {
  let directory: HeldDirectory
  let name: [UInt8]
}
