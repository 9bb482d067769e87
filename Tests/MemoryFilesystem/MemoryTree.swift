import FilesystemModel
import Glibc

/// A filesystem in memory: the simplest that answers every operation.
struct MemoryTree {
  var nodes: [InodeNumber: MemoryNode]
  private var lastInode = InodeNumber.root

  init(owner: UInt32, group: UInt32) {
    let time = Timestamp.now
    let root = Attributes(
      kind: .directory, permissions: 0o755, owner: owner, group: group, linkCount: 2, accessed: time, modified: time,
      changed: time, born: time)
    nodes = [.root: MemoryNode(attributes: root)]
  }

  func node(_ inode: InodeNumber) throws(Errno) -> MemoryNode {
    guard let node = nodes[inode] else { throw .stale }
    return node
  }

  func find(_ location: Location) throws(Errno) -> InodeNumber {
    guard let inode = try node(location.parent).inode(location.name) else { throw .noEntry }
    return inode
  }

  mutating func touch(_ inode: InodeNumber, contents: Bool) {
    nodes[inode]?.attributes.changed = .now
    if contents { nodes[inode]?.attributes.modified = .now }
  }

  /// The entry of an inode, whose lookup count is raised.
  mutating func entry(_ inode: InodeNumber) throws(Errno) -> Entry {
    let node = try node(inode)
    nodes[inode]?.lookups += 1
    return Entry(inode: inode, generation: 7, attributes: node.attributes)
  }

  mutating func forget(_ inode: InodeNumber, count: UInt64) {
    guard let node = nodes[inode] else { return }
    precondition(node.lookups >= count, "\(inode) is forgotten more often than it was looked up")
    nodes[inode]?.lookups -= count
    removeIfUnused(inode)
  }

  private mutating func removeIfUnused(_ inode: InodeNumber) {
    if let node = nodes[inode], node.lookups == 0, node.attributes.linkCount == 0 { nodes[inode] = nil }
  }

  /// A new inode without a name.
  mutating func make(_ new: MakeRequest, by caller: Caller) -> InodeNumber {
    lastInode = lastInode.next
    let time = Timestamp.now
    let attributes = Attributes(
      kind: new.kind, permissions: new.permissions & ~new.umask, owner: caller.owner, group: caller.group,
      size: new.target.count, linkCount: 0, device: new.device, accessed: time, modified: time, changed: time, born: time)
    nodes[lastInode] = MemoryNode(attributes: attributes)
    nodes[lastInode]?.target = new.target
    return lastInode
  }

  mutating func bind(_ inode: InodeNumber, at location: Location) {
    nodes[location.parent]?.insert(location.name, inode)
    touch(location.parent, contents: true)
    touch(inode, contents: false)
    if nodes[inode]?.attributes.kind == .directory {
      nodes[inode]?.attributes.linkCount = 2
      nodes[inode]?.parent = location.parent
      nodes[location.parent]?.attributes.linkCount += 1
    } else {
      nodes[inode]?.attributes.linkCount += 1
    }
  }

  mutating func unbind(_ location: Location) throws(Errno) {
    let inode = try find(location)
    let node = try node(inode)
    guard node.isEmpty else { throw .notEmpty }
    detach(location, inode)
    removeIfUnused(inode)
  }

  private mutating func detach(_ location: Location, _ inode: InodeNumber) {
    nodes[location.parent]?.remove(location.name)
    touch(location.parent, contents: true)
    touch(inode, contents: false)
    if nodes[inode]?.attributes.kind == .directory {
      nodes[inode]?.attributes.linkCount = 0
      nodes[location.parent]?.attributes.linkCount -= 1
    } else {
      nodes[inode]?.attributes.linkCount -= 1
    }
  }

  mutating func rename(_ from: Location, _ to: Location, _ flags: RenameFlags) throws(Errno) {
    let moved = try find(from)
    let existing = try node(to.parent).inode(to.name)
    switch (flags, existing) {
    case (.noReplace, .some): throw .exists
    case (.exchange, nil): throw .noEntry
    case (.exchange, .some(let other)):
      detach(from, moved)
      detach(to, other)
      bind(other, at: from)
    case (.replace, .some(let other)):
      if other == moved { return }
      try unbind(to)
      detach(from, moved)
    case (_, nil): detach(from, moved)
    }
    bind(moved, at: to)
  }
}

extension Timestamp {
  static var now: Timestamp {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(seconds: Int64(time.tv_sec), nanoseconds: UInt32(time.tv_nsec))
  }
}
