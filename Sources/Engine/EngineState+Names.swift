import FilesystemModel
import Inodes

/// lookup, unlink, rmdir and rename.
extension EngineState {
  mutating func lookup(_ location: Location, _ request: Request) throws(Interruption) -> Outcome {
    guard location.name.count <= abilities.nameBytesMax else { throw .failure(.nameTooLong) }
    let inode = try existing(location, request)
    return .reply(.entry(try entry(inode, request)), after: max(inode.lastChange, inodes[location.parent]?.lastChange ?? .zero))
  }

  /// A file handle's inode, also one the kernel has forgotten (EXPORT_SUPPORT). Nobody has one open that has no name: the kernel
  /// would know it, and not ask. Its forgetting may be on its way.
  mutating func lookupSelf(_ number: InodeNumber, _ request: Request) throws(Interruption) -> Outcome {
    let inode = try inode(number)
    guard inode.linkCount > 0 else { throw .failure(.stale) }
    return .reply(.entry(try entry(inode, request)), after: inode.lastChange)
  }

  mutating func lookupParent(_ number: InodeNumber, _ request: Request) throws(Interruption) -> Outcome {
    let directory = try directory(number)
    guard number == .root || !directory.isOrphan else { throw .failure(.stale) }
    let parent = try inode(directory.names.first?.parent ?? .root)
    return .reply(.entry(try entry(parent, request)), after: parent.lastChange)
  }

  mutating func unlink(_ location: Location, _ request: Request) throws(Interruption) -> Outcome {
    let inode = try existing(location, request)
    guard inode.kind != .directory else { throw .failure(.isDirectory) }
    return try remove(inode, location, request)
  }

  mutating func removeDirectory(_ location: Location, _ request: Request) throws(Interruption) -> Outcome {
    let inode = try existing(location, request)
    guard inode.kind == .directory else { throw .failure(.notDirectory) }
    try checkEmpty(inode, request)
    try completeParents([location.parent], of: [inode], request)
    return try remove(inode, location, request)
  }

  private mutating func remove(_ inode: Inode, _ location: Location, _ request: Request) throws(Interruption) -> Outcome {
    _ = try attributes(inode, request)
    try admitChange()
    return .reply(
      .done, after: commit(.remove(inode.number, from: location), at: clock.now(), request: request.caller.request))
  }

  mutating func rename(
    _ source: Location, _ target: Location, _ flags: RenameFlags, _ request: Request
  ) throws(Interruption) -> Outcome {
    _ = try directory(target.parent)
    let inode = try existing(source, request)
    let occupant = try find(target, request)
    try checkName(target.name)
    _ = try attributes(inode, request)
    if let occupant { _ = try attributes(occupant, request) }
    try checkRename(inode, source, occupant, target, flags)
    try completeParents([source.parent, target.parent], of: [inode] + (occupant.map { [$0] } ?? []), request)
    if occupant === inode { return .reply(.done, after: inode.lastChange) }
    guard try !directory(target.parent).isOrphan else { throw .failure(.noEntry) }
    let change: NamespaceChange
    if flags == .exchange, let occupant {
      change = .exchange(inode.number, at: source, with: occupant.number, otherAt: target)
    } else {
      if let occupant { try checkReplaceable(occupant, by: inode, request) }
      change = .rename(inode.number, from: source, to: target, replacing: occupant?.number)
    }
    try admitChange()
    return .reply(.done, after: commit(change, at: clock.now(), request: request.caller.request))
  }

  /// A directory whose subdirectories change must be known completely: its link count in the backing directory says nothing any
  /// more.
  private func completeParents(_ parents: [InodeNumber], of inodes: [Inode], _ request: Request) throws(Interruption) {
    guard inodes.contains(where: { $0.kind == .directory }) else { return }
    for parent in parents { try complete(try directory(parent), request) }
  }

  private func checkRename(
    _ inode: Inode, _ source: Location, _ occupant: Inode?, _ target: Location, _ flags: RenameFlags
  ) throws(Interruption) {
    guard flags != .noReplace || occupant == nil else { throw .failure(.exists) }
    guard target.name.count <= source.name.count || hasRoomForName(inode) else { throw .failure(.tooManyLinks) }
    if let occupant, flags == .exchange, source.name.count > target.name.count, !hasRoomForName(occupant) {
      throw .failure(.tooManyLinks)
    }
    guard flags != .exchange || occupant != nil else { throw .failure(.noEntry) }
    guard inode.kind != .directory || !inodes.isBelow(target.parent, inode.number) else { throw .failure(.invalidArgument) }
    if let occupant, occupant.kind == .directory, inodes.isBelow(source.parent, occupant.number) {
      throw .failure(flags == .exchange ? .invalidArgument : .notEmpty)
    }
  }

  private func checkReplaceable(_ occupant: Inode, by inode: Inode, _ request: Request) throws(Interruption) {
    if occupant.kind == .directory {
      guard inode.kind == .directory else { throw .failure(.isDirectory) }
      try checkEmpty(occupant, request)
    } else {
      guard inode.kind != .directory else { throw .failure(.notDirectory) }
    }
  }

  private func checkEmpty(_ directory: Inode, _ request: Request) throws(Interruption) {
    guard directory.directory?.isEmpty == true else { throw .failure(.notEmpty) }
    try complete(directory, request)
  }
}
