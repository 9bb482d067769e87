import FilesystemModel
import Support

/// What the mount shows, in the smallest form that the walks need: names, kinds, bytes and permissions.
struct LogicalTree: Equatable {
  struct Node: Equatable {
    var kind: FileKind
    var bytes: [UInt8] = []
    var permissions: UInt16
    var target: [UInt8] = []
  }

  var nodes: [InodeNumber: Node] = [:]
  var entries: [Location: InodeNumber] = [:]

  func find(_ path: [EntryName]) -> InodeNumber? {
    var inode = InodeNumber.root
    for name in path {
      guard nodes[inode]?.kind == .directory, let next = entries[Location(inode, name)] else { return nil }
      inode = next
    }
    return inode
  }

  /// Where the name of a path is or would be.
  func location(_ path: [EntryName]) -> Location? {
    guard let name = path.last, let parent = find(path.dropLast()), nodes[parent]?.kind == .directory else { return nil }
    return Location(parent, name)
  }

  func find(_ path: ArraySlice<EntryName>) -> InodeNumber? { find(Array(path)) }

  func isEmpty(_ directory: InodeNumber) -> Bool { !entries.keys.contains { $0.parent == directory } }

  func hasName(_ inode: InodeNumber) -> Bool { entries.values.contains(inode) }

  func isBelow(_ directory: InodeNumber, _ top: InodeNumber) -> Bool {
    var inode = directory
    for _ in 0...entries.count {
      if inode == top { return true }
      guard let parent = entries.first(where: { $0.value == inode })?.key.parent else { return false }
      inode = parent
    }
    return false
  }

  /// Gives a change its absolute meaning: a name is now an inode, or free (R4).
  mutating func apply(_ change: NamespaceChange) {
    switch change {
    case .create(let inode, let location):
      if nodes[inode.number] == nil {
        nodes[inode.number] = Node(
          kind: inode.attributes.kind, permissions: inode.attributes.permissions, target: inode.target)
      }
      if let location { entries[location] = inode.number }
    case .link(let inode, let location): entries[location] = inode
    case .remove(_, let location): entries[location] = nil
    case .rename(let inode, let source, let target, _):
      entries[source] = nil
      entries[target] = inode
    case .exchange(let one, let location, let other, let otherLocation):
      entries[location] = other
      entries[otherLocation] = one
    }
  }

  mutating func apply(_ change: WalkContent, to inode: InodeNumber) {
    switch change {
    case .write(let offset, let byte):
      while nodes[inode]!.bytes.count <= offset { nodes[inode]!.bytes.append(0) }
      nodes[inode]!.bytes[offset] = byte
    case .resize(let size):
      nodes[inode]!.bytes = Array(nodes[inode]!.bytes.prefix(size))
      while nodes[inode]!.bytes.count < size { nodes[inode]!.bytes.append(0) }
    case .permissions(let permissions): nodes[inode]!.permissions = permissions
    }
  }

  /// The tree as a listing of a real one, for comparison.
  var snapshot: TreeSnapshot {
    var result: [String: TreeSnapshot.Entry] = [:]
    var firstPaths: [InodeNumber: String] = [:]
    var waiting: [(path: String, inode: InodeNumber)] = [(".", .root)]
    var found: [(path: String, inode: InodeNumber)] = []
    while let next = waiting.popLast() {
      found.append(next)
      for (location, child) in entries where location.parent == next.inode {
        waiting.append((next.path == "." ? "\(location.name)" : "\(next.path)/\(location.name)", child))
      }
    }
    for (path, inode) in found.sorted(by: { $0.path < $1.path }) {
      let node = nodes[inode]!
      if firstPaths[inode] == nil { firstPaths[inode] = path }
      result[path] = TreeSnapshot.Entry(
        kind: node.kind, permissions: node.permissions, owner: 0, group: 0, contents: SparseBytes(node.bytes),
        modified: Timestamp(seconds: 0), target: node.target, sameFileAs: firstPaths[inode]!, linkCount: 0)
    }
    return TreeSnapshot(result)
  }
}

/// A change of contents in a walk.
enum WalkContent: Equatable {
  case write(offset: Int, UInt8)
  case resize(Int)
  case permissions(UInt16)
}

/// A call on the mount, by path.
enum WalkCall {
  case create([EntryName], FileKind)
  case remove([EntryName])
  case content([EntryName], WalkContent)
  case link([EntryName], [EntryName])
  case rename([EntryName], [EntryName])
  case exchange([EntryName], [EntryName])
}

extension WalkCall: CustomStringConvertible {
  var description: String {
    func text(_ path: [EntryName]) -> String { path.map(\.description).joined(separator: "/") }
    return switch self {
    case .create(let path, let kind): "create \(text(path)) \(kind)"
    case .remove(let path): "remove \(text(path))"
    case .content(let path, let change): "\(text(path)) \(change)"
    case .link(let path, let other): "link \(text(path)) \(text(other))"
    case .rename(let path, let other): "rename \(text(path)) \(text(other))"
    case .exchange(let path, let other): "exchange \(text(path)) \(text(other))"
    }
  }
}

extension WalkCall {
  /// The calls that walks draw from, by kind: x.py's alphabets. The small one makes conflicts likely.
  static func alphabet(isSmall: Bool) -> [[WalkCall]] {
    func path(_ text: String) -> [EntryName] { text.split(separator: "/").map { EntryName(unchecked: Array($0.utf8)) } }
    func isAllowed(_ names: String...) -> Bool {
      let small: Set = ["a", "c", "d", "d/x", "d/y", "c/z"]
      return !isSmall || names.allSatisfy(small.contains)
    }
    let names = ["a", "b", "c", "d", "d/x", "d/y", "e", "h", "c/z"].filter { isAllowed($0) }
    var creations = ["a", "c", "d/y", "b", "d/x", "c/z"].filter { isAllowed($0) }.map { WalkCall.create(path($0), .regular) }
    creations += ["c", "d", "e", "d/y", "c/z"].filter { isAllowed($0) }.map { WalkCall.create(path($0), .directory) }
    creations.append(.create(path("c"), .symlink))
    var contents = ["a", "c", "d/x", "b", "h"].filter { isAllowed($0) }.map {
      WalkCall.content(path($0), .write(offset: 1, 0))
    }
    contents += [.content(path("a"), .write(offset: 0, 0)), .content(path("a"), .resize(0)), .content(path("a"), .resize(2))]
    for name in ["a", "d", "c"] { contents.append(.content(path(name), .permissions(0))) }
    var renames: [WalkCall] = []
    for one in names {
      for other in names where one != other && !other.hasPrefix(one + "/") { renames.append(.rename(path(one), path(other))) }
    }
    let exchanges = [("a", "d/x"), ("a", "d"), ("c", "d"), ("a", "b"), ("a", "c")]
    let links = [("a", "c"), ("c", "d/y"), ("d/x", "c"), ("b", "a"), ("c", "a")]
    let removals = names.map { WalkCall.remove(path($0)) }
    return [
      creations, creations, creations, removals, removals, removals, renames, renames, renames, renames, renames, contents,
      contents, links.filter { isAllowed($0, $1) }.map { .link(path($0), path($1)) },
      exchanges.filter { isAllowed($0, $1) }.map { .exchange(path($0), path($1)) },
    ]
  }

  static let alphabets = [alphabet(isSmall: false), alphabet(isSmall: true)]

  /// The call of a text: `create c`, `mkdir c`, `rename a d/x`, `write a 1`, `resize a 0`, `mode d 5`.
  init(_ text: String) {
    let words = text.split(separator: " ")
    func path(_ index: Int) -> [EntryName] { words[index].split(separator: "/").map { EntryName(unchecked: Array($0.utf8)) } }
    self =
      switch words[0] {
      case "create": .create(path(1), .regular)
      case "mkdir": .create(path(1), .directory)
      case "symlink": .create(path(1), .symlink)
      case "remove": .remove(path(1))
      case "link": .link(path(1), path(2))
      case "rename": .rename(path(1), path(2))
      case "exchange": .exchange(path(1), path(2))
      case "write": .content(path(1), .write(offset: Int(words[2])!, 0))
      case "resize": .content(path(1), .resize(Int(words[2])!))
      case "mode": .content(path(1), .permissions(0))
      default: preconditionFailure("no call: \(text)")
      }
  }

  /// What the call does to the tree; `nil` when it fails.
  func change(in tree: LogicalTree, newInode: InodeNumber, tag: UInt8) -> WalkChange? {
    switch self {
    case .create(let path, let kind):
      guard let location = tree.location(path), tree.entries[location] == nil else { return nil }
      let now = Timestamp(seconds: 1)
      let attributes = Attributes(
        kind: kind, permissions: kind == .directory ? 0o755 : kind == .symlink ? 0o777 : 0o644, owner: 0, group: 0, accessed: now,
        modified: now, changed: now)
      let target = kind == .symlink ? Array("target".utf8) : []
      return .names(.create(NewInode(number: newInode, attributes: attributes, target: target), at: location))
    case .remove(let path):
      guard let location = tree.location(path), let inode = tree.entries[location] else { return nil }
      if tree.nodes[inode]!.kind == .directory, !tree.isEmpty(inode) { return nil }
      return .names(.remove(inode, from: location))
    case .content(let path, let change):
      guard let inode = tree.find(path), let node = tree.nodes[inode] else { return nil }
      switch change {
      case .write(let offset, _) where node.kind == .regular: return .content(inode, .write(offset: offset, tag))
      case .resize(let size) where node.kind == .regular && node.bytes.count != size: return .content(inode, change)
      case .permissions where node.kind != .symlink:
        return .content(inode, .permissions(0o700 + UInt16(tag) % 8))
      default: return nil
      }
    case .link(let path, let other):
      guard let inode = tree.find(path), tree.nodes[inode]!.kind != .directory, let location = tree.location(other),
        tree.entries[location] == nil
      else { return nil }
      return .names(.link(inode, at: location))
    case .rename(let path, let other): return renaming(path, other, tree)
    case .exchange(let path, let other):
      guard let source = tree.location(path), let one = tree.entries[source], let target = tree.location(other),
        let two = tree.entries[target], one != two, !tree.isBelow(target.parent, one), !tree.isBelow(source.parent, two)
      else { return nil }
      return .names(.exchange(one, at: source, with: two, otherAt: target))
    }
  }

  private func renaming(_ path: [EntryName], _ other: [EntryName], _ tree: LogicalTree) -> WalkChange? {
    guard let source = tree.location(path), let inode = tree.entries[source], let target = tree.location(other) else {
      return nil
    }
    let isDirectory = tree.nodes[inode]!.kind == .directory
    if isDirectory, tree.isBelow(target.parent, inode) { return nil }
    let replaced = tree.entries[target]
    if let replaced {
      let replacesDirectory = tree.nodes[replaced]!.kind == .directory
      if replaced == inode || replacesDirectory != isDirectory || (replacesDirectory && !tree.isEmpty(replaced)) { return nil }
    }
    return .names(.rename(inode, from: source, to: target, replacing: replaced))
  }
}

enum WalkChange {
  case names(NamespaceChange)
  case content(InodeNumber, WalkContent)
}
