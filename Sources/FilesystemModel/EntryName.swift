// SAFETY: the bytes of a block are written before a name of them exists, each once, and never again; a name keeps its block, and
// its bytes lie within it. Spare bytes are written by one packer, under its owner's lock.

/// The name of one directory entry: 1 to 255 bytes, any but `/` and NUL. Not necessarily UTF-8.
///
/// Takes 16 bytes: a reference to a block of bytes, which many names may share, where they begin in it, their count and a digest.
package struct EntryName: Hashable, Comparable, @unchecked Sendable {
  private let block: NameBlock
  private let digest: UInt32
  private let offset: UInt16
  private let length: UInt16

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
  package init(unchecked bytes: [UInt8]) { self = unsafe bytes.withUnsafeBufferPointer { unsafe EntryName(copying: $0) } }

  /// The name with a copy of bytes that are known to be valid.
  package init(copying bytes: UnsafeBufferPointer<UInt8>) {
    // FNV-1a.
    let digest = unsafe bytes.reduce(0x811c_9dc5 as UInt32) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
    let block = NameBlock.make(capacityBytes: bytes.count)
    unsafe block.write(bytes, at: 0)
    self.init(block: block, digest: digest, offset: 0, length: UInt16(bytes.count))
  }

  private init(block: NameBlock, digest: UInt32, offset: UInt16, length: UInt16) {
    self.block = block
    self.digest = digest
    self.offset = offset
    self.length = length
  }

  /// How many bytes it has.
  package var count: Int { Int(length) }

  /// A copy of the bytes.
  package var bytes: [UInt8] { unsafe withBytes { unsafe Array($0) } }

  /// The bytes as C has them, ended by NUL.
  package var terminated: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 1)
    append(to: &bytes)
    bytes.append(0)
    return bytes
  }

  package func append(to bytes: inout [UInt8]) { unsafe withBytes { unsafe bytes.append(contentsOf: $0) } }

  package func starts(with prefix: [UInt8]) -> Bool {
    guard count >= prefix.count else { return false }
    return unsafe withBytes { unsafe $0.prefix(prefix.count).elementsEqual(prefix) }
  }

  /// A number that names which differ are not likely to share; the same within a process.
  package var hash: UInt32 { digest }

  package static func == (left: EntryName, right: EntryName) -> Bool {
    guard left.digest == right.digest, left.length == right.length else { return false }
    if left.block === right.block, left.offset == right.offset { return true }
    return unsafe left.withBytes { mine in unsafe right.withBytes { unsafe mine.elementsEqual($0) } }
  }

  package func hash(into hasher: inout Hasher) { hasher.combine(digest) }

  package static func < (left: EntryName, right: EntryName) -> Bool {
    unsafe left.withBytes { mine in unsafe right.withBytes { unsafe mine.lexicographicallyPrecedes($0) } }
  }

  private func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
    unsafe block.withUnsafeMutablePointerToElements {
      unsafe body(UnsafeBufferPointer(start: UnsafePointer($0 + Int(offset)), count: count))
    }
  }
}

/// Bytes of names, one after another. The header is how many there is room for.
private final class NameBlock: ManagedBuffer<UInt16, UInt8> {
  static func make(capacityBytes: Int) -> NameBlock {
    let made = NameBlock.create(minimumCapacity: capacityBytes) { _ in UInt16(capacityBytes) }
    return unsafe unsafeDowncast(made, to: NameBlock.self)
  }

  func write(_ bytes: UnsafeBufferPointer<UInt8>, at offset: Int) {
    precondition(offset + bytes.count <= Int(header))
    guard let first = bytes.baseAddress else { return }
    unsafe withUnsafeMutablePointerToElements { unsafe ($0 + offset).initialize(from: first, count: bytes.count) }
  }
}

/// Puts names that are kept long into blocks that they share: close together, and apart from what comes and goes meanwhile.
///
/// A block lives as long as one of its names.
package struct NamePacker {
  private var block: NameBlock?
  private var usedBytes = 0

  /// With its header, 504 bytes: what the C library gives of 512.
  private static let blockBytes = 486
  private static let packedBytesMax = 128

  package init() {}

  /// An equal name, in a shared block unless it is long. One that is in a shared block already is given back.
  package mutating func packed(_ name: EntryName) -> EntryName {
    guard name.count <= Self.packedBytesMax, !name.isPacked else { return name }
    if block == nil || usedBytes + name.count > Self.blockBytes {
      block = NameBlock.make(capacityBytes: Self.blockBytes)
      usedBytes = 0
    }
    guard let block else { return name }
    defer { usedBytes += name.count }
    return name.copy(in: block, at: usedBytes)
  }
}

extension EntryName {
  /// Whether it shares its memory with other names.
  package var isPacked: Bool { block.header > length }

  fileprivate func copy(in block: NameBlock, at offset: Int) -> EntryName {
    unsafe withBytes { unsafe block.write($0, at: offset) }
    return EntryName(block: block, digest: digest, offset: UInt16(offset), length: length)
  }
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
