import FilesystemModel

/// One file of a simulated filesystem, under an internal number that is never used again.
struct SimulatedNode: Sendable {
  /// `size`, `linkCount` and `blocks512` are not kept up to date here: see `SimulatedTree.attributes`.
  var attributes: Attributes
  var target: [UInt8]
  /// The inode number that is shown, which a later file may get again.
  var shownNumber: UInt64
  var contents = SparseBytes()
  var extendedAttributes: [[UInt8]: [UInt8]] = [:]
  var entries: [EntryName: InodeNumber] = [:]
  /// How many entries name this file.
  var nameCount = 0
  var subdirectoryCount = 0
  /// The directory that holds a directory.
  var parent: InodeNumber?

  init(attributes: Attributes, target: [UInt8], shownNumber: UInt64) {
    self.attributes = attributes
    self.target = target
    self.shownNumber = shownNumber
  }

  var isDirectory: Bool { attributes.kind == .directory }
}

/// One change of a simulated filesystem that a power cut keeps or loses as a whole.
enum SimulatedEffect: Sendable {
  /// A sector has these bytes now, or is a hole.
  case sector(InodeNumber, index: Int, bytes: [UInt8]?)
  case size(InodeNumber, Int)
  /// Permissions, owner, group and times.
  case attributes(InodeNumber, Attributes)
  case extendedAttribute(InodeNumber, ExtendedAttributeChange)
  case enter(InodeNumber, at: Location, Timestamp)
  case leave(InodeNumber, from: Location, Timestamp)
  case rename(InodeNumber, from: Location, to: Location, Timestamp)

  /// The file whose synchronization makes a change of contents durable; `nil` for a change of names.
  var contentsOf: InodeNumber? {
    switch self {
    case .sector(let node, _, _), .size(let node, _), .attributes(let node, _), .extendedAttribute(let node, _): node
    case .enter, .leave, .rename: nil
    }
  }

  /// Written bytes; a hole is made in the filesystem's own structures, which a failed fsync of data does not touch.
  var isWrittenSector: Bool { if case .sector(_, _, .some) = self { true } else { false } }

  /// The file that a change of names concerns, and the places it touches, the new one last.
  var naming: (node: InodeNumber, locations: [Location])? {
    switch self {
    case .enter(let node, let location, _), .leave(let node, let location, _): (node, [location])
    case .rename(let node, let source, let target, _): (node, [source, target])
    case .sector, .size, .attributes, .extendedAttribute: nil
    }
  }
}

/// A tree of files that changes by effects alone: the one in memory as they happen, the one on disk as they become durable.
///
/// An effect is carried out as far as its preconditions hold, which they always do in memory; on disk an earlier effect may
/// be lost. The tree stays consistent: each directory has one name, none contains itself, no entry leads nowhere.
struct SimulatedTree: Sendable {
  private(set) var nodes: [InodeNumber: SimulatedNode] = [:]

  init(root: SimulatedNode) {
    nodes[.root] = root
    nodes[.root]!.parent = .root
  }

  subscript(node: InodeNumber) -> SimulatedNode { nodes[node]! }

  /// Makes a file known that has no name yet.
  mutating func add(_ number: InodeNumber, _ node: SimulatedNode) { nodes[number] = node }

  mutating func forget(_ number: InodeNumber) { nodes[number] = nil }

  /// What `stat(2)` tells.
  func attributes(of number: InodeNumber) -> Attributes {
    let node = nodes[number]!
    var attributes = node.attributes
    switch attributes.kind {
    case .directory:
      attributes.linkCount = node.nameCount > 0 || number == .root ? UInt32(2 + node.subdirectoryCount) : 0
      attributes.size = 4096
      attributes.blocks512 = 8
    case .symlink:
      attributes.linkCount = UInt32(node.nameCount)
      attributes.size = node.target.count
    default:
      attributes.linkCount = UInt32(node.nameCount)
      attributes.size = node.contents.size
      attributes.blocks512 = node.contents.sectors.count
    }
    return attributes
  }

  func isInside(_ directory: InodeNumber, of ancestor: InodeNumber) -> Bool {
    var current = directory
    while current != ancestor {
      guard current != .root, let parent = nodes[current]?.parent else { return false }
      current = parent
    }
    return true
  }

  func isReachable(_ directory: InodeNumber) -> Bool { isInside(directory, of: .root) }

  mutating func apply(_ effect: SimulatedEffect) {
    switch effect {
    case .sector(let node, let index, let bytes): nodes[node]?.contents.setSector(index, bytes)
    case .size(let node, let size): nodes[node]?.contents.resize(size)
    case .attributes(let node, let attributes): nodes[node]?.attributes = attributes
    case .extendedAttribute(let node, let change): nodes[node]?.extendedAttributes[change.name] = change.value
    case .enter(let node, let location, let time):
      guard nodes[location.parent] != nil, nodes[node] != nil, vacate(location, for: node) else { return }
      attach(node, at: location)
      touch([location.parent], node, time)
    case .leave(let node, let location, let time):
      guard nodes[location.parent]?.entries[location.name] == node, nodes[node]!.entries.isEmpty else { return }
      detach(location)
      touch([location.parent], node, time)
    case .rename(let node, let source, let target, let time):
      guard canRename(node, from: source, to: target), vacate(target, for: node) else { return }
      detach(source)
      attach(node, at: target)
      touch([source.parent, target.parent], node, time)
    }
  }

  /// Removes all files that no entry leads to, as a check of the filesystem after a crash does.
  mutating func removeUnreachable() {
    var reached: Set<InodeNumber> = [.root]
    var waiting: [InodeNumber] = [.root]
    while let next = waiting.popLast() {
      for child in nodes[next]!.entries.values where reached.insert(child).inserted { waiting.append(child) }
    }
    for number in nodes.keys.sorted() where !reached.contains(number) { nodes[number] = nil }
    recount(reached)
  }

  /// After whole branches were dropped the counts of what remains are taken again.
  private mutating func recount(_ reached: Set<InodeNumber>) {
    var counts: [InodeNumber: Int] = [:]
    for number in reached {
      for child in nodes[number]!.entries.values { counts[child, default: 0] += 1 }
    }
    for number in nodes.keys.sorted() { nodes[number]!.nameCount = counts[number] ?? 0 }
  }

  private func canRename(_ node: InodeNumber, from source: Location, to target: Location) -> Bool {
    guard nodes[source.parent]?.entries[source.name] == node, nodes[target.parent] != nil else { return false }
    guard isReachable(target.parent) || !isReachable(source.parent) else { return false }
    return !nodes[node]!.isDirectory || !isInside(target.parent, of: node)
  }

  /// Makes a place free; `false` when what is there cannot go, or is the file itself.
  private mutating func vacate(_ location: Location, for node: InodeNumber) -> Bool {
    guard let present = nodes[location.parent]!.entries[location.name] else { return true }
    guard present != node, nodes[present]!.entries.isEmpty else { return false }
    detach(location)
    return true
  }

  private mutating func attach(_ node: InodeNumber, at location: Location) {
    nodes[location.parent]!.entries[location.name] = node
    nodes[node]!.nameCount += 1
    guard nodes[node]!.isDirectory else { return }
    nodes[node]!.parent = location.parent
    nodes[location.parent]!.subdirectoryCount += 1
  }

  private mutating func detach(_ location: Location) {
    let node = nodes[location.parent]!.entries.removeValue(forKey: location.name)!
    nodes[node]!.nameCount -= 1
    guard nodes[node]!.isDirectory else { return }
    nodes[node]!.parent = nil
    nodes[location.parent]!.subdirectoryCount -= 1
  }

  private mutating func touch(_ directories: [InodeNumber], _ node: InodeNumber, _ time: Timestamp) {
    for directory in directories {
      nodes[directory]!.attributes.modified = time
      nodes[directory]!.attributes.changed = time
    }
    nodes[node]!.attributes.changed = time
  }
}
