import FilesystemModel
import StorageInterface
import Support

/// Runs workload operations on a backing storage, as far as its interface has them.
enum StorageWorkload {
  /// The operation in the form that a backing storage has, `nil` when it has none: files are born with 0600, directories 0700.
  static func supported(_ operation: WorkloadOperation) -> WorkloadOperation? {
    switch operation {
    case .create(let path, _): .create(path, permissions: 0o600)
    case .makeDirectory(let path, _): .makeDirectory(path, permissions: 0o700)
    case .allocate(let path, _, let offset, let count): .allocate(path, .punchHole, offset: offset, count: count)
    case .setExtendedAttribute(let path, let name, let value, _): .setExtendedAttribute(path, name: name, value, .set)
    case .makeFIFO, .createTemporary, .exchange, .copyRange, .synchronize: nil
    default: operation
    }
  }

  static func run(_ operation: WorkloadOperation, on storage: SimulatedBackingStorage) -> Result<Reply, Errno> {
    do throws(Errno) {
      return .success(try carryOut(operation, storage))
    } catch {
      return .failure(error)
    }
  }

  private static func carryOut(_ operation: WorkloadOperation, _ storage: SimulatedBackingStorage) throws(Errno) -> Reply {
    switch operation {
    case .create(let path, _): _ = try storage.createFile(path)
    case .makeDirectory(let path, _): try storage.make(path, kind: .directory, device: 0, target: [])
    case .symlink(let path, let target): try storage.make(path, kind: .symlink, device: 0, target: Array(target.utf8))
    case .unlink(let path): try storage.removeFile(path)
    case .removeDirectory(let path): try storage.removeDirectory(path)
    case .rename(let path, let other): try storage.rename(path, to: other, replacing: true)
    case .renameNoReplace(let path, let other): try storage.rename(path, to: other, replacing: false)
    case .link(let path, let other): try storage.link(path, to: other)
    case .write(let path, let offset, let count, let fill):
      try storage.open(path, writable: true).write([UInt8](repeating: fill, count: count), at: offset)
    case .truncate(let path, let size): try storage.open(path, writable: true).resize(size)
    case .allocate(let path, _, let offset, let count):
      try storage.open(path, writable: true).zero(offset..<offset + count)
    case .read(let path, let offset, let count):
      return .bytes(try storage.open(path, writable: false).read(at: offset, count: count))
    case .seek(let path, let offset, let target):
      guard let found = try storage.open(path, writable: false).seek(from: offset, target) else {
        throw .noDeviceOrAddress
      }
      return .offset(found)
    default: try changeAttributes(operation, storage)
    }
    return .done
  }

  private static func changeAttributes(
    _ operation: WorkloadOperation, _ storage: SimulatedBackingStorage
  ) throws(Errno) {
    func set(_ path: BackingPath, _ change: AttributeChange) throws(Errno) {
      try storage.setAttributes(path, kind: try storage.status(path).attributes.kind, change)
    }
    switch operation {
    case .changePermissions(let path, let permissions): try set(path, AttributeChange(permissions: permissions))
    case .changeOwner(let path, let owner, let group): try set(path, AttributeChange(owner: owner, group: group))
    case .setTime(let path, let seconds): try set(path, AttributeChange(modified: Timestamp(seconds: seconds)))
    case .setExtendedAttribute(let path, let name, let value, _):
      try storage.setExtendedAttribute(path, ExtendedAttributeChange(name: Array(name.utf8), value: value))
    case .removeExtendedAttribute(let path, let name):
      try storage.setExtendedAttribute(path, ExtendedAttributeChange(name: Array(name.utf8), value: nil))
    case .status(let path): _ = try storage.status(path)
    default: preconditionFailure("\(operation) has no form on a backing storage")
    }
  }
}
