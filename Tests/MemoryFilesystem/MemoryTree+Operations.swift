import FilesystemModel

extension MemoryTree {
  mutating func perform(_ operation: Operation, by caller: Caller) throws(Errno) -> Reply {
    switch operation {
    case .lookup, .lookupSelf, .lookupParent, .make, .makeTemporary, .unlink, .removeDirectory, .rename, .link,
      .readDirectory:
      try performOnNames(operation, by: caller)
    case .setExtendedAttribute, .getExtendedAttribute, .listExtendedAttributes, .removeExtendedAttribute:
      try performOnExtendedAttributes(operation)
    case .read, .write, .allocate, .seek, .copyRange: try performOnContents(operation)
    case .getAttributes(let inode): .attributes(inode, try node(inode).attributes)
    case .setAttributes(let inode, let asked): try setAttributes(inode, asked)
    case .readLink(let inode): .bytes(try node(inode).target)
    case .synchronize(let inode, _): try synchronize(inode)
    case .statistics:
      .statistics(
        FilesystemStatistics(
          blockBytes: 4096, fragmentBytes: 4096, blocks: 1000, blocksFree: 600, blocksAvailable: 500, files: 100,
          filesFree: 50, nameBytesMax: 255))
    }
  }

  /// Memory has no stabler storage.
  private func synchronize(_ inode: InodeNumber) throws(Errno) -> Reply {
    _ = try node(inode)
    return .done
  }

  private mutating func performOnNames(_ operation: Operation, by caller: Caller) throws(Errno) -> Reply {
    switch operation {
    case .lookup(let parent, let name): return .entry(try entry(try find(Location(parent, name))))
    case .lookupSelf(let inode): return .entry(try entry(inode))
    case .lookupParent(let inode): return .entry(try entry(try node(inode).parent))
    case .make(let parent, let name, let new):
      guard try node(parent).inode(name) == nil else { throw .exists }
      let inode = make(new, by: caller)
      bind(inode, at: Location(parent, name))
      return .entry(try entry(inode))
    case .makeTemporary(_, let new): return .entry(try entry(make(new, by: caller)))
    case .unlink(let parent, let name), .removeDirectory(let parent, let name): try unbind(Location(parent, name))
    case .rename(let from, let to, let flags): try rename(from, to, flags)
    case .link(let inode, let location):
      guard try node(location.parent).inode(location.name) == nil else { throw .exists }
      bind(inode, at: location)
      return .entry(try entry(inode))
    case .readDirectory(let inode, let asked): return .listing(try list(inode, asked))
    default: throw .notSupported
    }
    return .done
  }

  private mutating func list(_ inode: InodeNumber, _ asked: DirectoryRequest) throws(Errno) -> [DirectoryEntry] {
    let directory = try node(inode)
    var all = [
      DirectoryEntry(name: [46], inode: inode, kind: .directory, cookie: 1),
      DirectoryEntry(name: [46, 46], inode: directory.parent, kind: .directory, cookie: 2),
    ]
    all += directory.entries.lazy.map { entry in
      DirectoryEntry(
        name: entry.name.bytes, inode: entry.inode, kind: nodes[entry.inode]?.attributes.kind ?? .regular,
        cookie: entry.cookie)
    }
    var room = asked.bytesMax
    var chosen = [DirectoryEntry]()
    for var listed in all where listed.cookie > asked.after {
      room -= (listed.name.count + asked.bytesPerEntry + 7) & ~7
      guard room >= 0 else { break }
      if asked.withAttributes, listed.cookie > 2 { listed.entry = try entry(listed.inode) }
      chosen.append(listed)
    }
    return chosen
  }

  private mutating func setAttributes(_ inode: InodeNumber, _ asked: AttributeRequest) throws(Errno) -> Reply {
    var node = try node(inode)
    if asked.clearsSetID {
      let groupBit: UInt16 = node.attributes.permissions & 0o010 != 0 ? 0o2000 : 0
      node.attributes.permissions &= ~(0o4000 | groupBit)
    }
    if let permissions = asked.permissions { node.attributes.permissions = permissions }
    if let owner = asked.owner { node.attributes.owner = owner }
    if let group = asked.group { node.attributes.group = group }
    if let size = asked.size {
      node.resize(size)
      node.attributes.modified = .now
    }
    if let accessed = asked.accessed { node.attributes.accessed = accessed.timestamp }
    if let modified = asked.modified { node.attributes.modified = modified.timestamp }
    node.attributes.changed = asked.changed ?? .now
    nodes[inode] = node
    return .attributes(inode, node.attributes)
  }

  private mutating func performOnExtendedAttributes(_ operation: Operation) throws(Errno) -> Reply {
    switch operation {
    case .setExtendedAttribute(let inode, let attribute, let mode):
      let place = try node(inode).extendedAttributes.firstIndex { $0.name == attribute.name }
      switch (mode, place) {
      case (.create, .some): throw .exists
      case (.replace, nil): throw .noData
      case (_, .some(let place)): nodes[inode]?.extendedAttributes[place].value = attribute.value
      case (_, nil): nodes[inode]?.extendedAttributes.append((attribute.name, attribute.value))
      }
    case .getExtendedAttribute(let inode, let name):
      guard let found = try node(inode).extendedAttributes.first(where: { $0.name == name }) else { throw .noData }
      return .bytes(found.value)
    case .listExtendedAttributes(let inode): return .bytes(try node(inode).extendedAttributes.flatMap { $0.name + [0] })
    case .removeExtendedAttribute(let inode, let name):
      guard try node(inode).extendedAttributes.contains(where: { $0.name == name }) else { throw .noData }
      nodes[inode]?.extendedAttributes.removeAll { $0.name == name }
    default: throw .notSupported
    }
    touch(operation.inode, contents: false)
    return .done
  }

  private mutating func performOnContents(_ operation: Operation) throws(Errno) -> Reply {
    switch operation {
    case .read(let inode, let offset, let count): return .bytes(try node(inode).read(offset, count))
    case .write(let inode, let offset, let bytes):
      _ = try node(inode)
      nodes[inode]?.write(offset, bytes)
      touch(inode, contents: true)
      return .count(bytes.count)
    case .allocate(let inode, let mode, let range):
      let size = try node(inode).attributes.size
      if mode != .extend, mode != .keepSize { nodes[inode]?.zero(range) }
      if mode == .extend || mode == .zeroRange { nodes[inode]?.resize(max(size, range.upperBound)) }
      touch(inode, contents: true)
      return .done
    case .seek(let inode, let offset, let target): return .offset(try node(inode).seek(offset, target))
    case .copyRange(let source, let sourceOffset, let target, let targetOffset, let count):
      let bytes = try node(source).read(sourceOffset, count)
      return try performOnContents(.write(target, offset: targetOffset, bytes: bytes))
    default: throw .notSupported
    }
  }
}

extension Operation {
  /// The inode whose extended attributes change.
  fileprivate var inode: InodeNumber {
    switch self {
    case .setExtendedAttribute(let inode, _, _), .removeExtendedAttribute(let inode, _): inode
    default: .root
    }
  }
}

extension AttributeRequest.Time {
  fileprivate var timestamp: Timestamp {
    switch self {
    case .now: .now
    case .at(let time): time
    }
  }
}
