import FilesystemModel

extension ReferenceFilesystem {
  /// - Throws: what open(2) would say of anything but a regular file.
  func checkRegular(_ node: ReferenceNode) throws(Errno) {
    switch node.attributes.kind {
    case .regular: break
    case .directory: throw .isDirectory
    case .symlink: throw .tooManySymlinks
    case .fifo, .socket, .characterDevice, .blockDevice: throw .invalidArgument
    }
  }

  private func regular(_ inode: InodeNumber) throws(Errno) -> ReferenceNode {
    let node = try node(inode)
    try checkRegular(node)
    return node
  }

  private mutating func touch(_ inode: InodeNumber) {
    let now = clock.now()
    state.nodes[inode]!.attributes.modified = now
    state.nodes[inode]!.attributes.changed = now
  }

  func read(_ inode: InodeNumber, _ offset: Int, _ count: Int) throws(Errno) -> Reply {
    let node = try regular(inode)
    guard offset >= 0, count >= 0 else { throw .invalidArgument }
    return .bytes(node.contents.read(at: offset, count: count))
  }

  /// Bytes above the greatest size are not written; `fileTooLarge` when that is all of them.
  mutating func write(_ inode: InodeNumber, _ offset: Int, _ bytes: [UInt8]) throws(Errno) -> Reply {
    _ = try regular(inode)
    guard offset >= 0 else { throw .invalidArgument }
    guard !bytes.isEmpty else { return .count(0) }
    guard offset < limits.fileBytesMax else { throw .fileTooLarge }
    let written = Array(bytes.prefix(limits.fileBytesMax - offset))
    state.nodes[inode]!.contents.write(written, at: offset)
    touch(inode)
    return .count(written.count)
  }

  func synchronize(_ inode: InodeNumber) throws(Errno) -> Reply {
    _ = try node(inode)
    return .done
  }

  func statistics() -> Reply {
    .statistics(
      FilesystemStatistics(
        blockBytes: 4096, fragmentBytes: 4096, blocks: 1 << 28, blocksFree: 1 << 27, blocksAvailable: 1 << 27,
        files: 1 << 20, filesFree: 1 << 19, nameBytesMax: EntryName.bytesMax))
  }

  // MARK: Space

  /// fallocate(2). Space itself is not modelled, so that only sizes, zeros and times show.
  mutating func allocate(_ inode: InodeNumber, _ mode: AllocateMode, _ range: ByteRange) throws(Errno) -> Reply {
    let node = try regular(inode)
    guard range.lowerBound >= 0, !range.isEmpty else { throw .invalidArgument }
    guard range.upperBound <= limits.fileBytesMax else { throw .fileTooLarge }
    if mode == .extend || mode == .zeroRange { grow(inode, to: max(node.contents.size, range.upperBound)) }
    if mode != .extend, mode != .keepSize { state.nodes[inode]!.contents.zero(range) }
    touch(inode)
    return .done
  }

  private mutating func grow(_ inode: InodeNumber, to size: Int) { state.nodes[inode]!.contents.resize(size) }

  func seek(_ inode: InodeNumber, _ offset: Int, _ target: SeekTarget) throws(Errno) -> Reply {
    let contents = try regular(inode).contents
    guard offset >= 0 else { throw .noDeviceOrAddress }
    let found = target == .data ? contents.nextData(from: offset) : contents.nextHole(from: offset)
    guard let found else { throw .noDeviceOrAddress }
    return .offset(found)
  }

  /// copy_file_range(2).
  mutating func copyRange(
    _ source: InodeNumber, _ sourceOffset: Int, _ target: InodeNumber, _ targetOffset: Int, _ count: Int
  ) throws(Errno) -> Reply {
    let from = try regular(source)
    _ = try regular(target)
    guard sourceOffset >= 0, targetOffset >= 0, count >= 0 else { throw .invalidArgument }
    let bytes = from.contents.read(at: sourceOffset, count: count)
    let gap = abs(sourceOffset - targetOffset)
    guard source != target || gap >= bytes.count || bytes.isEmpty else { throw .invalidArgument }
    guard !bytes.isEmpty else { return .count(0) }
    return try write(target, targetOffset, bytes)
  }

  // MARK: Listing

  mutating func readDirectory(_ inode: InodeNumber, _ request: DirectoryRequest) throws(Errno) -> Reply {
    let directory = try directory(inode)
    guard directory.attributes.linkCount > 0 else { throw .noEntry }
    var all = [
      DirectoryEntry(name: [0x2e], inode: inode, kind: .directory, cookie: 1),
      DirectoryEntry(name: [0x2e, 0x2e], inode: directory.parent, kind: .directory, cookie: 2),
    ]
    for (name, child) in directory.children.sorted(by: { $0.value.cookie < $1.value.cookie }) {
      let kind = state.nodes[child.inode]!.attributes.kind
      all.append(DirectoryEntry(name: name.bytes, inode: child.inode, kind: kind, cookie: child.cookie))
    }
    let wanted = all.filter { $0.cookie > request.after }
    var listing: [DirectoryEntry] = []
    var bytesLeft = request.bytesMax
    for var entry in wanted {
      let bytes = (request.bytesPerEntry + entry.name.count + 7) / 8 * 8
      guard bytes <= bytesLeft else { break }
      bytesLeft -= bytes
      if request.withAttributes, entry.cookie > 2 {
        state.nodes[entry.inode]!.lookupCount += 1
        entry.entry = Entry(inode: entry.inode, generation: 0, attributes: attributes(of: entry.inode))
      }
      listing.append(entry)
    }
    guard !listing.isEmpty || wanted.isEmpty else { throw .invalidArgument }
    return .listing(listing)
  }
}
