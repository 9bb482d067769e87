import FilesystemModel
import StorageInterface

extension EngineState {
  /// Attempts an operation. One that is interrupted had no effect.
  mutating func perform(_ request: Request) throws(Interruption) -> Outcome {
    // Before anything else is looked at: the kernel may still know as absent what a change that failed has made in memory.
    if request.operation.isChange, journal.failure != nil { throw .failure(.readOnlyFilesystem) }
    return switch request.operation {
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
    case .synchronize(let inode, _): try synchronize(inode)
    case .readDirectory(let inode, let wanted): try readDirectory(inode, wanted, request)
    case .statistics: .ask(Question { (backing) throws(Errno) in .statistics(try backing.statistics()) })
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

extension Operation {
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
