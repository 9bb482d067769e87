import FilesystemModel

/// One mount as the kernel lists it.
struct MountEntry: Hashable, Sendable {
  var mountpoint: String
  /// `fuse.ebbfs`, `ext4` ...
  var type: String
  /// What is mounted, for ebbfs the backing directory.
  var source: String
  /// Who mounted it; FUSE only.
  var user: UInt32?
}

/// The mounts this process can see. Source: proc(5), `/proc/PID/mountinfo`.
enum MountTable {
  /// The type of our mounts.
  static let ownType = "fuse.ebbfs"

  static func current() throws(Errno) -> [MountEntry] { parse(try Files.text("/proc/self/mountinfo", limit: 1 << 26)) }

  static func parse(_ text: String) -> [MountEntry] {
    text.split(separator: "\n").compactMap { line in
      let fields = line.split(separator: " ", omittingEmptySubsequences: false)
      // Optional fields, ended by "-", stand between the mountpoint's and the filesystem's part.
      guard fields.count > 6, let dash = fields[6...].firstIndex(of: "-"), fields.count > dash + 2 else { return nil }
      let options = fields.dropFirst(dash + 3).first?.split(separator: ",") ?? []
      let user = options.first { $0.hasPrefix("user_id=") }.flatMap { UInt32($0.dropFirst("user_id=".count)) }
      return MountEntry(
        mountpoint: unescaped(fields[4]), type: unescaped(fields[dash + 1]), source: unescaped(fields[dash + 2]), user: user)
    }
  }

  /// Undoes `\040` for space and the like.
  private static func unescaped(_ field: Substring) -> String {
    let bytes = Array(field.utf8)
    var result: [UInt8] = []
    var index = 0
    while index < bytes.count {
      let digits = bytes[(index + 1)...].prefix(3)
      let value = digits.reduce(0) { $0 * 8 + Int($1 &- UInt8(ascii: "0")) }
      if bytes[index] == UInt8(ascii: "\\"), digits.count == 3, digits.allSatisfy({ (48...55).contains($0) }), value < 256 {
        result.append(UInt8(value))
        index += 4
      } else {
        result.append(bytes[index])
        index += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
