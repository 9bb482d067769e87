import CLinux
import FilesystemModel

// SAFETY: every C call gets arrays that live for the call, with their own length or a NUL at their end, and local structures to
// fill.

/// The mount on which a file is, as /proc/self/mountinfo tells (`proc(5)`).
struct MountDescription: Hashable, Sendable {
  let type: String
  let source: String

  static let unknown = MountDescription(type: "unknown", source: "unknown")

  /// The mount that the descriptor's file is on; `unknown` without /proc.
  static func ofMount(under descriptor: borrowing Descriptor) -> MountDescription {
    guard let mount = try? descriptor.status().mount, mount != 0 else { return .unknown }
    guard let file = try? Descriptor(unsafe linux_open(Array("/proc/self/mountinfo".utf8) + [0], linux_o_read_only)),
      let bytes = try? file.readToEnd()
    else { return .unknown }
    return parse(String(decoding: bytes, as: UTF8.self), mount: mount) ?? .unknown
  }

  /// What the mount is of, also after a reboot or when a disk is plugged in again, which may give it another device name.
  func lastingSource(_ root: borrowing Descriptor) -> String {
    guard source.hasPrefix("/dev/") else { return source }
    var text = [UInt8](repeating: 0, count: 256)
    guard let count = try? checked(unsafe linux_filesystem_uuid(root.number, Array(source.utf8) + [0], &text, text.count)) else {
      return source
    }
    return "UUID=" + String(decoding: text.prefix(Int(count)), as: UTF8.self)
  }

  /// Where the root is, in words that stay the same when it is mounted again.
  func place(of root: borrowing Descriptor, path: [UInt8]) -> String {
    "\(type) \(lastingSource(root)) \(String(decoding: path, as: UTF8.self))"
  }

  /// Whether the source tells one filesystem from another: the UUID of a disk, or a server's name. That of a tmpfs does not.
  var hasTellingSource: Bool { source.contains { "/:=".contains($0) } }

  /// The line of the mount with the given number. Blanks in a source stay written as `\040`.
  static func parse(_ lines: String, mount: UInt64) -> MountDescription? {
    for line in lines.split(separator: "\n") {
      let fields = line.split(separator: " ", omittingEmptySubsequences: false)
      guard fields.first == "\(mount)", let separator = fields.firstIndex(of: "-"), separator + 2 < fields.count else { continue }
      return MountDescription(type: String(fields[separator + 1]), source: String(fields[separator + 2]))
    }
    return nil
  }

  /// Whether an inode number can be believed: filesystems in user space such as sshfs make them up anew after forgetting, and FAT
  /// has none.
  var hasStableInodes: Bool {
    !["fuse", "vfat", "msdos", "exfat"].contains(type) && !type.hasPrefix("fuse.")
  }

  /// Whether one syncfs(2) makes everything before it durable.
  var hasFilesystemSync: Bool { ["ext4", "xfs", "btrfs", "f2fs"].contains(type) }

  /// The most names of one file. Where it is not known, ext4's.
  var linksMax: Int {
    switch type {
    case "xfs": Int(Int32.max)
    case "btrfs": 65_535
    default: 65_000
    }
  }

  /// The greatest file, for when it cannot be tried.
  var fileBytesMax: Int {
    switch type {
    case "ext4", "ext3", "ext2": (16 << 40) - 4096
    case "vfat", "msdos": Int(UInt32.max)
    default: .max
    }
  }

  /// Whether making a file long is cheap here: elsewhere the new bytes may really be written, or a network be asked each time.
  var growsFilesSparsely: Bool { ["ext4", "xfs", "btrfs", "f2fs", "tmpfs"].contains(type) }
}

/// The path of the root without symbolic links; `nil` without /proc.
func canonicalPathOfRoot(_ root: borrowing Descriptor) -> [UInt8]? {
  guard linux_has_proc() != 0 else { return nil }
  var path = [UInt8](repeating: 0, count: 4096)
  guard let count = try? checked(unsafe linux_path_of_descriptor(root.number, &path, path.count)), count > 0 else { return nil }
  return Array(path.prefix(count))
}
