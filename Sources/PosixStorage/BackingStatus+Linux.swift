import CLinux
import FilesystemModel
import StorageInterface

extension FileKind {
  /// S_IFMT of `inode(7)`.
  static let modeMask: UInt32 = 0o170000

  /// The type in an `st_mode`.
  init(mode: UInt32) throws(Errno) {
    switch mode & Self.modeMask {
    case 0o100000: self = .regular
    case 0o040000: self = .directory
    case 0o120000: self = .symlink
    case 0o010000: self = .fifo
    case 0o140000: self = .socket
    case 0o020000: self = .characterDevice
    case 0o060000: self = .blockDevice
    default: throw .inputOutput
    }
  }

  /// The type as `st_mode` has it.
  var mode: UInt32 {
    switch self {
    case .regular: 0o100000
    case .directory: 0o040000
    case .symlink: 0o120000
    case .fifo: 0o010000
    case .socket: 0o140000
    case .characterDevice: 0o020000
    case .blockDevice: 0o060000
    }
  }

  /// The type of a directory entry (`d_type` of `getdents64`); `nil` for DT_UNKNOWN and those we do not know.
  init?(entryType: UInt8) {
    guard entryType != 0, let kind = try? FileKind(mode: UInt32(entryType) << 12) else { return nil }
    self = kind
  }
}

extension BackingStatus {
  init(_ status: linux_status, rootDevice: UInt64) throws(Errno) {
    let kind = try FileKind(mode: status.mode)
    let attributes = Attributes(
      kind: kind, permissions: UInt16(status.mode & 0o7777), owner: status.owner, group: status.group,
      size: max(0, Int(status.size)), linkCount: status.links,
      device: kind == .characterDevice || kind == .blockDevice ? status.special_device : 0,
      blocks512: max(0, Int(status.blocks512)),
      accessed: Timestamp(seconds: status.accessed_seconds, nanoseconds: status.accessed_nanoseconds),
      modified: Timestamp(seconds: status.modified_seconds, nanoseconds: status.modified_nanoseconds),
      changed: Timestamp(seconds: status.changed_seconds, nanoseconds: status.changed_nanoseconds),
      born: status.has_born != 0
        ? Timestamp(seconds: status.born_seconds, nanoseconds: status.born_nanoseconds) : nil)
    self.init(
      attributes: attributes,
      identity: BackingIdentity(
        isOnRootDevice: status.device == rootDevice, inode: status.inode, linkCount: status.links))
  }
}
