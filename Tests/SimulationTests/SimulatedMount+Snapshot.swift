import FilesystemModel
import Support

/// Looking at the mount as a program would.
extension SimulatedMount {
  private static let root = Caller(owner: 0, group: 0)

  /// All that the mount shows, through operations only. `nil` when a disk died meanwhile.
  func snapshot() throws -> TreeSnapshot {
    var entries: [String: TreeSnapshot.Entry] = [:]
    var paths: [InodeNumber: [String]] = [:]
    var waiting: [(path: String, inode: InodeNumber)] = [(".", .root)]
    while let (path, inode) = waiting.popLast() {
      guard case .attributes(_, let attributes) = try ask(.getAttributes(inode)) else { throw Stuck(description: "getattr") }
      entries[path] = try entry(inode, attributes)
      paths[inode, default: []].append(path)
      guard attributes.kind == .directory else { continue }
      for name in try names(in: inode) {
        guard case .entry(let child) = try ask(.lookup(parent: inode, name: name)) else { throw Stuck(description: "lookup") }
        let text = TreeSnapshot.text(of: name)
        waiting.append((path == "." ? text : "\(path)/\(text)", child.inode))
        lookedUp.append(child.inode)
      }
    }
    for group in paths.values {
      for path in group { entries[path]!.sameFileAs = group.min()! }
    }
    for inode in lookedUp { forget(inode, count: 1) }
    lookedUp = []
    return TreeSnapshot(entries)
  }

  private func ask(_ operation: Operation) throws(Stuck) -> Reply {
    switch perform(operation, from: Self.root) {
    case .success(let reply): return reply
    case .failure(let errno): throw Stuck(description: "errno \(errno.rawValue) for \(operation)")
    }
  }

  private func names(in directory: InodeNumber) throws(Stuck) -> [EntryName] {
    var names: [EntryName] = []
    var after: UInt64 = 0
    while true {
      let request = DirectoryRequest(after: after, bytesMax: 256, bytesPerEntry: 24, withAttributes: false)
      guard case .listing(let listed) = try ask(.readDirectory(directory, request)) else {
        throw Stuck(description: "readdir")
      }
      guard let last = listed.last else { return names }
      after = last.cookie
      names += listed.filter { $0.cookie > 2 }.map { EntryName(unchecked: $0.name) }
    }
  }

  private func entry(_ inode: InodeNumber, _ attributes: Attributes) throws(Stuck) -> TreeSnapshot.Entry {
    var entry = TreeSnapshot.Entry(
      kind: attributes.kind, permissions: attributes.permissions, owner: attributes.owner, group: attributes.group,
      modified: attributes.modified, device: attributes.device, sameFileAs: "", linkCount: attributes.linkCount)
    if attributes.kind == .symlink, case .bytes(let target) = try ask(.readLink(inode)) { entry.target = target }
    if attributes.kind == .regular { entry.contents = try contents(inode, attributes.size) }
    guard case .bytes(let list) = try ask(.listExtendedAttributes(inode)) else { throw Stuck(description: "listxattr") }
    let names = list.split(separator: 0).map(Array.init).sorted { $0.lexicographicallyPrecedes($1) }
    for name in names {
      guard case .bytes(let value) = try ask(.getExtendedAttribute(inode, name: name)) else {
        throw Stuck(description: "getxattr")
      }
      entry.extendedAttributes.append(ExtendedAttribute(name: name, value: value))
    }
    return entry
  }

  private func contents(_ inode: InodeNumber, _ size: Int) throws(Stuck) -> SparseBytes {
    var contents = SparseBytes()
    guard case .bytes(let bytes) = try ask(.read(inode, offset: 0, count: size + 1)) else { throw Stuck(description: "read") }
    guard bytes.count == size else { throw Stuck(description: "read \(bytes.count) bytes of \(size)") }
    contents.write(bytes, at: 0)
    contents.resize(size)
    return contents
  }
}
