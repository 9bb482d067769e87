import FilesystemModel
import StorageInterface

extension EngineState {
  /// Attempts an operation. One that is interrupted had no effect.
  mutating func perform(_ request: Request) throws(Interruption) -> Outcome {
    // Before anything else is looked at: the kernel may still know as absent what a change that failed has made in memory.
    if request.operation.isChange, journal.failure != nil { throw .failure(.readOnlyFilesystem) }
    try waitForWritesAround(request.operation)
    guard let number = request.operation.changedContents, let inode = inodes[number], inode.isOrphan, inode.hasUnknownNames else {
      return try carryOut(request)
    }
    // What is changed once its last known name is on its way out would be missed.
    if queue.isClaimedByOpenPlan(number) { throw .needsPlanEnd }
    let outcome = try carryOut(request)
    if inode.isCutOff, case .reply(let reply, _) = outcome { return .direct(reply, number) }
    return outcome
  }

  private mutating func carryOut(_ request: Request) throws(Interruption) -> Outcome {
    switch request.operation {
    case .lookup(let parent, let name): try lookup(Location(parent, name), request)
    case .lookupSelf(let inode): try lookupSelf(inode, request)
    case .lookupParent(let inode): try lookupParent(inode, request)
    case .getAttributes(let inode): try getAttributes(inode, request)
    case .setAttributes(let inode, let wanted): try setAttributes(inode, wanted, request)
    case .readLink(let inode): try readLink(inode, request)
    case .make(let parent, let name, let wanted): try make(Location(parent, name), wanted, request)
    case .makeTemporary(let parent, let wanted): try makeTemporary(in: parent, wanted, request)
    case .unlink(let parent, let name): try unlink(Location(parent, name), request)
    case .removeDirectory(let parent, let name): try removeDirectory(Location(parent, name), request)
    case .rename(let source, let target, let flags): try rename(source, target, flags, request)
    case .link(let inode, let location): try link(inode, at: location, request)
    case .read(let inode, let offset, let count): try read(inode, offset: offset, count: count, request)
    case .write(let inode, let offset, let bytes): try write(inode, offset: offset, bytes: bytes, request)
    case .synchronize(let inode, _): try synchronize(inode, request)
    case .readDirectory(let inode, let wanted): try readDirectory(inode, wanted, request)
    case .statistics: statistics()
    case .setExtendedAttribute(let inode, let attribute, let mode): try setExtendedAttribute(inode, attribute, mode, request)
    case .getExtendedAttribute(let inode, let name): try getExtendedAttribute(inode, name, request)
    case .listExtendedAttributes(let inode): try listExtendedAttributes(inode, request)
    case .removeExtendedAttribute(let inode, let name): try removeExtendedAttribute(inode, name, request)
    case .allocate(let inode, let mode, let range): try allocate(inode, mode, range, request)
    case .seek(let inode, let offset, let target): try seek(inode, offset, target, request)
    case .copyRange(let source, let sourceOffset, let target, let targetOffset, let count):
      try copyRange(from: source, sourceOffset, to: target, targetOffset, count, request)
    }
  }
}

extension EngineState {
  /// The last change that an error may tell of: of the inodes that the operation names, and those at its names.
  func lastChange(seenBy operation: Operation) -> LSN {
    let named = operation.inodes + operation.locations.flatMap { [$0.parent] + (inodes.inode(at: $0).map { [$0.number] } ?? []) }
    return named.compactMap { inodes[$0]?.lastChange }.max() ?? .zero
  }
}

extension Operation {
  /// How much data it brings, in bytes. A copy becomes a write of its own.
  var dataBytes: Int { if case .write(_, _, let bytes) = self { bytes.count } else { 0 } }

  /// The inode whose contents it changes.
  fileprivate var changedContents: InodeNumber? {
    switch self {
    case .setAttributes(let inode, _), .write(let inode, _, _), .setExtendedAttribute(let inode, _, _),
      .removeExtendedAttribute(let inode, _), .allocate(let inode, _, _), .copyRange(_, _, let inode, _, _):
      inode
    default: nil
    }
  }

  /// The inodes that it names themselves.
  var inodes: [InodeNumber] {
    switch self {
    case .lookupSelf(let inode), .lookupParent(let inode), .getAttributes(let inode), .setAttributes(let inode, _),
      .readLink(let inode), .makeTemporary(let inode, _), .link(let inode, _), .read(let inode, _, _), .write(let inode, _, _),
      .synchronize(let inode, _), .readDirectory(let inode, _), .setExtendedAttribute(let inode, _, _),
      .getExtendedAttribute(let inode, _), .listExtendedAttributes(let inode), .removeExtendedAttribute(let inode, _),
      .allocate(let inode, _, _), .seek(let inode, _, _):
      [inode]
    case .copyRange(let source, _, let target, _, _): [source, target]
    case .lookup, .make, .unlink, .removeDirectory, .rename, .statistics: []
    }
  }

  var locations: [Location] {
    switch self {
    case .lookup(let parent, let name), .make(let parent, let name, _), .unlink(let parent, let name),
      .removeDirectory(let parent, let name):
      [Location(parent, name)]
    case .link(_, let location): [location]
    case .rename(let source, let target, _): [source, target]
    default: []
    }
  }

  /// Whether it changes what others see.
  var isChange: Bool {
    switch self {
    case .lookup, .lookupSelf, .lookupParent, .getAttributes, .readLink, .read, .synchronize, .readDirectory, .statistics,
      .getExtendedAttribute, .listExtendedAttributes, .seek:
      false
    case .setAttributes, .make, .makeTemporary, .unlink, .removeDirectory, .rename, .link, .write, .setExtendedAttribute,
      .removeExtendedAttribute, .allocate, .copyRange:
      true
    }
  }
}
