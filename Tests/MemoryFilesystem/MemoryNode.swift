import FilesystemModel

/// An inode of a `MemoryTree`.
struct MemoryNode {
  static let blockBytes = 4096

  var attributes: Attributes
  var lookups: UInt64 = 0
  var target: [UInt8] = []
  var extendedAttributes: [(name: [UInt8], value: [UInt8])] = []
  /// Blocks that were written; the others are holes.
  private var blocks: [Int: [UInt8]] = [:]
  /// A directory's entries in the order of their cookies, which are never used again.
  private(set) var entries: [(cookie: UInt64, name: EntryName, inode: InodeNumber)] = []
  private var inodes: [EntryName: InodeNumber] = [:]
  private var nextCookie: UInt64 = 3
  var parent = InodeNumber.root

  init(attributes: Attributes) { self.attributes = attributes }

  var isEmpty: Bool { entries.isEmpty }

  func inode(_ name: EntryName) -> InodeNumber? { inodes[name] }

  mutating func insert(_ name: EntryName, _ inode: InodeNumber) {
    entries.append((nextCookie, name, inode))
    inodes[name] = inode
    nextCookie += 1
  }

  mutating func remove(_ name: EntryName) {
    inodes[name] = nil
    entries.removeAll { $0.name == name }
  }

  func read(_ offset: Int, _ count: Int) -> [UInt8] {
    let end = min(attributes.size, offset + count)
    var bytes = [UInt8]()
    var position = offset
    while position < end {
      let inBlock = position % Self.blockBytes
      let length = min(Self.blockBytes - inBlock, end - position)
      if let block = blocks[position / Self.blockBytes] {
        bytes += block[inBlock..<(inBlock + length)]
      } else {
        bytes += repeatElement(0, count: length)
      }
      position += length
    }
    return bytes
  }

  mutating func write(_ offset: Int, _ bytes: [UInt8]) {
    var position = offset
    var done = 0
    while done < bytes.count {
      let inBlock = position % Self.blockBytes
      let length = min(Self.blockBytes - inBlock, bytes.count - done)
      blocks[position / Self.blockBytes, default: [UInt8](repeating: 0, count: Self.blockBytes)]
        .replaceSubrange(inBlock..<(inBlock + length), with: bytes[done..<(done + length)])
      position += length
      done += length
    }
    attributes.size = max(attributes.size, position)
    attributes.blocks512 = blocks.count * 8
  }

  mutating func resize(_ size: Int) {
    if size < attributes.size { zero(size..<attributes.size) }
    attributes.size = size
  }

  /// Makes whole blocks holes and fills the rest with zeros.
  mutating func zero(_ range: ByteRange) {
    for (index, block) in blocks {
      let bytes = (index * Self.blockBytes..<(index + 1) * Self.blockBytes).clamped(to: range)
      guard !bytes.isEmpty else { continue }
      guard bytes.count < Self.blockBytes else {
        blocks[index] = nil
        continue
      }
      var changed = block
      for position in bytes { changed[position - index * Self.blockBytes] = 0 }
      blocks[index] = changed
    }
    attributes.blocks512 = blocks.count * 8
  }

  func seek(_ offset: Int, _ wanted: SeekTarget) throws(Errno) -> Int {
    guard offset < attributes.size else { throw .noDeviceOrAddress }
    var position = offset
    while position < attributes.size {
      let index = position / Self.blockBytes
      if (blocks[index] != nil) == (wanted == .data) { return position }
      position = (index + 1) * Self.blockBytes
    }
    guard wanted == .hole else { throw .noDeviceOrAddress }
    return attributes.size
  }
}
