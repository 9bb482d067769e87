/// Files in an archive as tar(1) reads it. Source: POSIX.1-2017, pax, "ustar Interchange Format".
struct TarArchive {
  private static let blockBytes = 512
  private var bytes: [UInt8] = []
  /// Modification time of all files, seconds since 1970.
  let seconds: Int

  init(seconds: Int) { self.seconds = seconds }

  /// Adds a file that its owner may read.
  ///
  /// - Parameter name: ASCII, at most 100 bytes.
  mutating func add(_ name: String, _ contents: [UInt8]) {
    precondition(name.utf8.count <= 100 && contents.count < 1 << 33)
    var header = Self.field(name, 100)
    for (number, width) in [(0o600, 8), (0, 8), (0, 8), (contents.count, 12), (seconds, 12)] {
      header += Self.field(Self.octal(number, digits: width - 1), width)
    }
    let rest = Self.field("0", 1) + Self.field("", 100) + Self.field("ustar", 6) + Array("00".utf8)
    // The sum is that of the header with blanks in its own place.
    let sum = (header + [UInt8](repeating: UInt8(ascii: " "), count: 8) + rest).reduce(0) { $0 + Int($1) }
    header += Self.field(Self.octal(sum, digits: 6), 7) + [UInt8(ascii: " ")] + rest
    bytes += Self.padded(header) + Self.padded(contents)
  }

  /// The whole archive.
  var encoded: [UInt8] { bytes + [UInt8](repeating: 0, count: 2 * Self.blockBytes) }

  private static func octal(_ number: Int, digits: Int) -> String {
    let text = String(number, radix: 8)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }

  private static func field(_ text: String, _ width: Int) -> [UInt8] {
    Array(text.utf8) + [UInt8](repeating: 0, count: width - text.utf8.count)
  }

  private static func padded(_ bytes: [UInt8]) -> [UInt8] {
    bytes + [UInt8](repeating: 0, count: (blockBytes - bytes.count % blockBytes) % blockBytes)
  }
}
