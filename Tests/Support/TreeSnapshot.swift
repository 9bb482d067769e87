import FilesystemModel

/// All that can be seen of a tree of files at one moment, for comparison: by path, sorted.
package struct TreeSnapshot: Hashable, Sendable {
  package struct Entry: Hashable, Sendable {
    package var kind: FileKind
    package var permissions: UInt16
    package var owner: UInt32
    package var group: UInt32
    /// Of a regular file.
    package var contents: SparseBytes
    package var modified: Timestamp
    /// Of a symbolic link.
    package var target: [UInt8]
    package var device: UInt64
    /// Sorted by name.
    package var extendedAttributes: [ExtendedAttribute]
    /// The first path, in sorted order, that is the same file.
    package var sameFileAs: String
    package var linkCount: UInt32

    package init(
      kind: FileKind, permissions: UInt16, owner: UInt32, group: UInt32, contents: SparseBytes = SparseBytes(),
      modified: Timestamp, target: [UInt8] = [], device: UInt64 = 0, extendedAttributes: [ExtendedAttribute] = [],
      sameFileAs: String, linkCount: UInt32
    ) {
      self.kind = kind
      self.permissions = permissions
      self.owner = owner
      self.group = group
      self.contents = contents
      self.modified = modified
      self.target = target
      self.device = device
      self.extendedAttributes = extendedAttributes
      self.sameFileAs = sameFileAs
      self.linkCount = linkCount
    }
  }

  /// What a comparison leaves out.
  package struct Aspects: OptionSet, Sendable {
    package let rawValue: Int
    package init(rawValue: Int) { self.rawValue = rawValue }

    package static let fileTimes = Aspects(rawValue: 1)
    package static let directoryTimes = Aspects(rawValue: 2)
    package static let permissions = Aspects(rawValue: 4)
    package static let owners = Aspects(rawValue: 8)
    package static let extendedAttributes = Aspects(rawValue: 16)
    package static let linkCounts = Aspects(rawValue: 32)
    package static let contents = Aspects(rawValue: 64)
    package static let sameFiles = Aspects(rawValue: 128)
    package static let times: Aspects = [.fileTimes, .directoryTimes]
  }

  /// Paths like `a/b`, the root as `.`. A byte that is not printable ASCII, and a backslash, is written `\xHH`.
  package private(set) var entries: [String: Entry]

  package init(_ entries: [String: Entry]) { self.entries = entries }

  package subscript(path: String) -> Entry? { entries[path] }

  package var paths: [String] { entries.keys.sorted() }

  package static func text(of name: EntryName) -> String {
    name.bytes.map { byte in
      (0x20..<0x7f).contains(byte) && byte != 0x5c
        ? String(UnicodeScalar(byte)) : "\\x" + String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
    }.joined()
  }

  /// The name that `text(of:)` wrote.
  package static func name(of text: some StringProtocol) -> EntryName {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      guard byte == 0x5c else {
        bytes.append(byte)
        continue
      }
      bytes.append(UInt8(String(decoding: rest.dropFirst().prefix(2), as: UTF8.self), radix: 16)!)
      rest = rest.dropFirst(3)
    }
    return EntryName(unchecked: bytes)
  }

  /// The same tree with what shall not be compared made alike.
  package func ignoring(_ aspects: Aspects) -> TreeSnapshot {
    var copy = self
    for path in paths {
      var entry = entries[path]!
      let isDirectory = entry.kind == .directory
      if aspects.contains(isDirectory ? .directoryTimes : .fileTimes) { entry.modified = Timestamp(seconds: 0) }
      if aspects.contains(.permissions) { entry.permissions = 0 }
      if aspects.contains(.owners) {
        entry.owner = 0
        entry.group = 0
      }
      if aspects.contains(.extendedAttributes) { entry.extendedAttributes = [] }
      if aspects.contains(.linkCounts) { entry.linkCount = 0 }
      if aspects.contains(.sameFiles) { entry.sameFileAs = path }
      if aspects.contains(.contents) { entry.contents = SparseBytes() }
      copy.entries[path] = entry
    }
    return copy
  }

  /// What is different, a line for each path and aspect, for people: `-` is this tree, `+` the other. Empty when they are equal.
  package func differences(from other: TreeSnapshot, ignoring aspects: Aspects = []) -> [String] {
    let mine = ignoring(aspects).entries
    let theirs = other.ignoring(aspects).entries
    return Set(mine.keys).union(theirs.keys).sorted().flatMap { path -> [String] in
      switch (mine[path], theirs[path]) {
      case (let left?, nil): ["- \(path): \(left)"]
      case (nil, let right?): ["+ \(path): \(right)"]
      case (let left?, let right?): left.differences(from: right).map { "  \(path): \($0)" }
      case (nil, nil): []
      }
    }
  }
}

extension TreeSnapshot.Entry: CustomStringConvertible {
  private var aspects: [(name: String, value: String)] {
    [
      ("kind", "\(kind)"), ("permissions", "0" + String(permissions, radix: 8)), ("owner", "\(owner):\(group)"),
      ("size", "\(contents.size)"), ("modified", "\(modified.seconds).\(modified.nanoseconds)"),
      ("target", String(decoding: target, as: UTF8.self)), ("device", "\(device)"),
      (
        "xattrs",
        extendedAttributes.map { "\(String(decoding: $0.name, as: UTF8.self))=\($0.value)" }.joined(separator: ",")
      ),
      ("same file as", sameFileAs), ("links", "\(linkCount)"),
    ]
  }

  package var description: String { aspects.map { "\($0.name) \($0.value)" }.joined(separator: ", ") }

  fileprivate func differences(from other: Self) -> [String] {
    guard self != other else { return [] }
    var lines = zip(aspects, other.aspects).filter { $0.0.value != $0.1.value }
      .map { "\($0.0.name) -\($0.0.value) +\($0.1.value)" }
    if let offset = contents.firstDifference(from: other.contents) {
      let mine = contents.read(at: offset, count: 8)
      lines.append("bytes at \(offset) -\(mine) +\(other.contents.read(at: offset, count: 8))")
    }
    return lines
  }
}

extension TreeSnapshot: CustomStringConvertible {
  package var description: String { paths.map { "\($0): \(entries[$0]!)" }.joined(separator: "\n") }
}

/// Collects the paths of a tree of inodes into a snapshot.
struct TreeWalk {
  /// What one inode shows: an entry whose `sameFileAs` is filled in by the walk, and its children.
  let visit: (InodeNumber) -> (entry: TreeSnapshot.Entry, children: [EntryName: InodeNumber])

  func snapshot() -> TreeSnapshot {
    var entries: [String: TreeSnapshot.Entry] = [:]
    var paths: [InodeNumber: [String]] = [:]
    var waiting: [(path: String, inode: InodeNumber)] = [(".", .root)]
    while let (path, inode) = waiting.popLast() {
      let (entry, children) = visit(inode)
      entries[path] = entry
      paths[inode, default: []].append(path)
      for (name, child) in children {
        let text = TreeSnapshot.text(of: name)
        waiting.append((path == "." ? text : "\(path)/\(text)", child))
      }
    }
    for group in paths.values {
      let first = group.min()!
      for path in group { entries[path]!.sameFileAs = first }
    }
    return TreeSnapshot(entries)
  }
}

extension TreeSnapshot {
  init(of tree: SimulatedTree) {
    self =
      TreeWalk { inode in
        let node = tree[inode]
        let attributes = tree.attributes(of: inode)
        let names = node.extendedAttributes.keys.sorted { $0.lexicographicallyPrecedes($1) }
        let entry = Entry(
          kind: attributes.kind, permissions: attributes.permissions, owner: attributes.owner, group: attributes.group,
          contents: node.contents, modified: attributes.modified, target: node.target, device: attributes.device,
          extendedAttributes: names.map { ExtendedAttribute(name: $0, value: node.extendedAttributes[$0]!) },
          sameFileAs: "", linkCount: attributes.linkCount)
        return (entry, node.entries)
      }.snapshot()
  }
}
