import Glibc

// SAFETY: every C call gets arrays that live for the call, with their own length or a NUL at their end, and local structures to
// fill.

/// A line of `/proc/self/mountinfo` (`proc(5)`), as far as it tells which mount is which.
struct MountTableEntry: Hashable {
  /// Major and minor number of the filesystem's device.
  var device: [UInt8]
  var mountpoint: [UInt8]

  /// The mount that is seen at this path: the last one made there.
  static func at(_ mountpoint: String) -> MountTableEntry? {
    let table = contents(ofFile: "/proc/self/mountinfo")
    return table.split(separator: UInt8(ascii: "\n")).compactMap(MountTableEntry.init(line:))
      .last { $0.mountpoint.elementsEqual(mountpoint.utf8) }
  }

  init?(line: some Collection<UInt8>) {
    let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 5)
    guard fields.count > 4 else { return nil }
    device = Array(fields[2])
    mountpoint = Self.unescaped(Array(fields[4]))
  }

  /// Space, tab, newline and backslash are written as a backslash and three octal digits.
  private static func unescaped(_ field: [UInt8]) -> [UInt8] {
    var bytes = [UInt8]()
    var index = 0
    while index < field.count {
      if field[index] == UInt8(ascii: "\\"), index + 3 < field.count,
        let byte = UInt8(String(decoding: field[(index + 1)...(index + 3)], as: UTF8.self), radix: 8)
      {
        bytes.append(byte)
        index += 4
      } else {
        bytes.append(field[index])
        index += 1
      }
    }
    return bytes
  }
}

/// What can be read of a file, such as one of /proc.
func contents(ofFile path: String) -> [UInt8] {
  let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return [] }
  defer { close(descriptor) }
  var contents = [UInt8]()
  var piece = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = unsafe read(descriptor, &piece, piece.count)
    guard count > 0 else { return contents }
    contents += piece.prefix(count)
  }
}
