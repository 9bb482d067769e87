import FilesystemModel
import StorageInterface

/// One file of the reference.
struct ReferenceNode: Sendable {
  struct Child: Sendable {
    var inode: InodeNumber
    var cookie: UInt64
  }

  /// Complete but for the size and the space of a regular file, which `contents` has.
  var attributes: Attributes
  var target: [UInt8] = []
  var contents = SparseBytes()
  var extendedAttributes: [[UInt8]: [UInt8]] = [:]
  var children: [EntryName: Child] = [:]
  var nextCookie: UInt64 = 3
  /// Of a directory.
  var parent = InodeNumber.root
  var lookupCount: UInt64 = 0
  /// An `O_TMPFILE` may get its first name.
  var isLinkableWithoutName = false
}

/// A filesystem in memory that carries out operations one at a time as POSIX and the Linux manual pages have them: what a
/// mount shall do, in its plainest form. It is compared with ext4 in `SupportTests`.
///
/// It makes no checks of access: the kernel has made them (`default_permissions`).
package struct ReferenceFilesystem: Sendable {
  /// Limits of the filesystem; those of ext4 unless told otherwise.
  package struct Limits: Sendable {
    package var fileBytesMax = 16 << 40 - 4096
    package var linksMax: UInt32 = 65_000
    package var targetBytesMax = 4095
    package var extendedAttributeBytesMax = 65_536

    package init() {}
  }

  struct State: Sendable {
    var nodes: [InodeNumber: ReferenceNode] = [:]
    var nextInode = InodeNumber.root.next
  }

  package let limits: Limits
  let clock: any Clock
  var state = State()
  private var history: [State] = []
  /// Whether `snapshot(afterMutations:)` can be asked. Costs a copy of the tree for each mutation.
  private let keepsHistory: Bool
  /// How many successful operations of a kind that changes the tree there were.
  package private(set) var mutationCount = 0

  /// An empty tree.
  package init(
    clock: any Clock, rootPermissions: UInt16 = 0o755, limits: Limits = Limits(), keepsHistory: Bool = false
  ) {
    self.clock = clock
    self.limits = limits
    self.keepsHistory = keepsHistory
    let now = clock.now()
    state.nodes[.root] = ReferenceNode(
      attributes: Attributes(
        kind: .directory, permissions: rootPermissions, owner: 0, group: 0, size: 4096, linkCount: 2, accessed: now,
        modified: now, changed: now, born: now))
    if keepsHistory { history = [state] }
  }

  /// A tree as a snapshot shows it.
  package init(_ snapshot: TreeSnapshot, clock: any Clock, limits: Limits = Limits(), keepsHistory: Bool = false) {
    self.init(clock: clock, limits: limits)
    var inodes: [String: InodeNumber] = [:]
    for path in snapshot.paths {
      let entry = snapshot[path]!
      let known = inodes[entry.sameFileAs]
      let inode = path == "." ? .root : known ?? state.nextInode
      inodes[path] = inode
      if known == nil { fill(inode, from: entry) }
      guard path != "." else { continue }
      let parts = path.split(separator: "/")
      let parent = inodes[parts.dropLast().joined(separator: "/")] ?? .root
      attach(inode, at: Location(parent, TreeSnapshot.name(of: parts.last!)))
    }
    self = ReferenceFilesystem(state: state, clock: clock, limits: limits, keepsHistory: keepsHistory)
  }

  private init(state: State, clock: any Clock, limits: Limits, keepsHistory: Bool) {
    self.state = state
    self.clock = clock
    self.limits = limits
    self.keepsHistory = keepsHistory
    if keepsHistory { history = [state] }
  }

  /// The files of a simulated backing directory.
  package init(_ storage: SimulatedBackingStorage, keepsHistory: Bool = false) {
    self.init(storage.snapshot(), clock: storage.clock, keepsHistory: keepsHistory)
  }

  private mutating func fill(_ inode: InodeNumber, from entry: TreeSnapshot.Entry) {
    let isDirectory = entry.kind == .directory
    let attributes = Attributes(
      kind: entry.kind, permissions: entry.permissions, owner: entry.owner, group: entry.group,
      size: isDirectory ? 4096 : entry.target.count, linkCount: isDirectory ? 2 : 0,
      device: entry.device, accessed: entry.modified, modified: entry.modified, changed: entry.modified)
    var node = ReferenceNode(attributes: attributes, target: entry.target, contents: entry.contents)
    for attribute in entry.extendedAttributes { node.extendedAttributes[attribute.name] = attribute.value }
    if inode != .root { state.nextInode = inode.next }
    state.nodes[inode] = node
  }

  // MARK: Operations

  /// Carries out one operation, wholly or, when it fails, not at all.
  package mutating func apply(_ operation: Operation, from caller: Caller) -> Result<Reply, Errno> {
    do throws(Errno) {
      let reply = try carryOut(operation, caller)
      if operation.isMutation {
        mutationCount += 1
        if keepsHistory { history.append(state) }
      }
      return .success(reply)
    } catch {
      return .failure(error)
    }
  }

  private mutating func carryOut(_ operation: Operation, _ caller: Caller) throws(Errno) -> Reply {
    switch operation {
    case .lookup(let parent, let name): try lookup(parent, name)
    case .lookupSelf(let inode): try lookupSelf(inode)
    case .lookupParent(let inode): try lookupParent(inode)
    case .getAttributes(let inode): try getAttributes(inode)
    case .setAttributes(let inode, let request): try setAttributes(inode, request, caller)
    case .readLink(let inode): try readLink(inode)
    case .make(let parent, let name, let request): try make(request, at: Location(parent, name), caller)
    case .makeTemporary(let parent, let request): try makeTemporary(request, in: parent, caller)
    case .unlink(let parent, let name): try unlink(Location(parent, name))
    case .removeDirectory(let parent, let name): try removeDirectory(Location(parent, name))
    case .rename(let source, let target, let flags): try rename(source, target, flags)
    case .link(let inode, let location): try link(inode, location)
    case .read(let inode, let offset, let count): try read(inode, offset, count)
    case .write(let inode, let offset, let bytes): try write(inode, offset, bytes)
    case .synchronize(let inode, _): try synchronize(inode)
    case .readDirectory(let inode, let request): try readDirectory(inode, request)
    case .statistics: statistics()
    case .setExtendedAttribute(let inode, let attribute, let mode):
      try setExtendedAttribute(inode, attribute, mode, caller)
    case .getExtendedAttribute(let inode, let name): try getExtendedAttribute(inode, name)
    case .listExtendedAttributes(let inode): try listExtendedAttributes(inode)
    case .removeExtendedAttribute(let inode, let name): try removeExtendedAttribute(inode, name)
    case .allocate(let inode, let mode, let range): try allocate(inode, mode, range)
    case .seek(let inode, let offset, let target): try seek(inode, offset, target)
    case .copyRange(let source, let sourceOffset, let target, let targetOffset, let count):
      try copyRange(source, sourceOffset, target, targetOffset, count)
    }
  }

  /// Lowers a lookup count. A file without names and lookups is gone.
  package mutating func forget(_ inode: InodeNumber, count: UInt64) {
    guard inode != .root, let known = state.nodes[inode]?.lookupCount else { return }
    precondition(count <= known, "forgotten more often than looked up")
    state.nodes[inode]!.lookupCount = known - count
    removeIfUnused(inode)
  }

  // MARK: Looking from outside

  /// What the tree shows now.
  package func snapshot() -> TreeSnapshot { Self.snapshot(state) }

  /// What it showed after so many mutations, 0 for the beginning.
  package func snapshot(afterMutations count: Int) -> TreeSnapshot {
    precondition(keepsHistory, "made without keepsHistory")
    return Self.snapshot(history[count])
  }

  /// The counts of mutations after which the tree looked like this one: what a crash may leave is one of them, large enough.
  package func mutations(leadingTo tree: TreeSnapshot, ignoring aspects: TreeSnapshot.Aspects = []) -> [Int] {
    precondition(keepsHistory, "made without keepsHistory")
    let wanted = tree.ignoring(aspects)
    return history.indices.filter { Self.snapshot(history[$0]).ignoring(aspects) == wanted }
  }

  /// The bytes of a regular file, for judging answers that may be given in more than one way.
  package func contents(of inode: InodeNumber) -> SparseBytes? {
    state.nodes[inode].flatMap { $0.attributes.kind == .regular ? $0.contents : nil }
  }

  private static func snapshot(_ state: State) -> TreeSnapshot {
    TreeWalk { inode in
      let node = state.nodes[inode]!
      let names = node.extendedAttributes.keys.sorted { $0.lexicographicallyPrecedes($1) }
      let entry = TreeSnapshot.Entry(
        kind: node.attributes.kind, permissions: node.attributes.permissions, owner: node.attributes.owner,
        group: node.attributes.group, contents: node.contents, modified: node.attributes.modified, target: node.target,
        device: node.attributes.device,
        extendedAttributes: names.map { ExtendedAttribute(name: $0, value: node.extendedAttributes[$0]!) },
        sameFileAs: "", linkCount: node.attributes.linkCount)
      return (entry, node.children.mapValues(\.inode))
    }.snapshot()
  }
}

extension Operation {
  /// Whether an operation of this kind changes the tree when it succeeds.
  package var isMutation: Bool {
    switch self {
    case .setAttributes, .make, .makeTemporary, .unlink, .removeDirectory, .rename, .link, .write, .setExtendedAttribute,
      .removeExtendedAttribute, .allocate, .copyRange:
      true
    case .lookup, .lookupSelf, .lookupParent, .getAttributes, .readLink, .read, .synchronize, .readDirectory, .statistics,
      .getExtendedAttribute, .listExtendedAttributes, .seek:
      false
    }
  }
}
