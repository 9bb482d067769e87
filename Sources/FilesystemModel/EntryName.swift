/// The name of one directory entry: 1 to 255 bytes, any but `/` and NUL. Not necessarily UTF-8.
package struct EntryName: Hashable, Comparable, Sendable {
  package let bytes: [UInt8]
  private let digest: UInt64

  /// NAME_MAX of Linux (`limits.h`).
  package static let bytesMax = 255

  /// The name with the given bytes.
  ///
  /// - Throws: `noEntry` when empty, `nameTooLong` above 255 bytes, `invalidArgument` for `/`, NUL, `.` or `..`.
  package init(validating bytes: [UInt8]) throws(Errno) {
    guard !bytes.isEmpty else { throw .noEntry }
    guard bytes.count <= Self.bytesMax else { throw .nameTooLong }
    guard !bytes.contains(0), !bytes.contains(UInt8(ascii: "/")) else { throw .invalidArgument }
    guard bytes != [UInt8(ascii: ".")], bytes != [UInt8(ascii: "."), UInt8(ascii: ".")] else { throw .invalidArgument }
    self.init(unchecked: bytes)
  }

  /// The name with bytes that are known to be valid: from the kernel, a directory listing or a checked record.
  package init(unchecked bytes: [UInt8]) {
    self.bytes = bytes
    var digest: UInt64 = 0xcbf2_9ce4_8422_2325  // FNV-1a
    for byte in bytes { digest = (digest ^ UInt64(byte)) &* 0x100_0000_01b3 }
    self.digest = digest
  }

  package static func == (left: EntryName, right: EntryName) -> Bool {
    left.digest == right.digest && left.bytes == right.bytes
  }

  package func hash(into hasher: inout Hasher) { hasher.combine(digest) }

  package static func < (left: EntryName, right: EntryName) -> Bool { left.bytes.lexicographicallyPrecedes(right.bytes) }
}

extension EntryName: ExpressibleByStringLiteral, CustomStringConvertible {
  package init(stringLiteral text: StaticString) { self.init(unchecked: Array("\(text)".utf8)) }

  /// The name for a message to people; bytes that are not UTF-8 are replaced.
  package var description: String { String(decoding: bytes, as: UTF8.self) }
}

/// The place of a name: a directory and an entry in it.
package struct Location: Hashable, Comparable, Sendable {
  package let parent: InodeNumber
  package let name: EntryName

  package init(_ parent: InodeNumber, _ name: EntryName) {
    self.parent = parent
    self.name = name
  }

  package static func < (left: Location, right: Location) -> Bool {
    left.parent == right.parent ? left.name < right.name : left.parent < right.parent
  }
}

extension Sequence where Element == EntryName {
  /// The bytes of a path from the root, without a slash at its beginning: `a/b`; none for the root itself.
  package var relativePathBytes: [UInt8] { Array(map(\.bytes).joined(separator: [UInt8(ascii: "/")])) }
}
