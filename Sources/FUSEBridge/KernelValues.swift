import FilesystemModel
import Glibc

extension FileKind {
  /// The type bits of `st_mode` (`inode(7)`).
  var modeBits: mode_t {
    switch self {
    case .regular: S_IFREG
    case .directory: S_IFDIR
    case .symlink: S_IFLNK
    case .fifo: S_IFIFO
    case .socket: S_IFSOCK
    case .characterDevice: S_IFCHR
    case .blockDevice: S_IFBLK
    }
  }

  /// The kind that `mknod(2)` asks for; a mode without type bits means a regular file.
  init?(modeBits mode: mode_t) {
    switch mode & S_IFMT {
    case S_IFREG, 0: self = .regular
    case S_IFDIR: self = .directory
    case S_IFLNK: self = .symlink
    case S_IFIFO: self = .fifo
    case S_IFSOCK: self = .socket
    case S_IFCHR: self = .characterDevice
    case S_IFBLK: self = .blockDevice
    default: return nil
    }
  }
}

extension Timestamp {
  init(_ time: timespec) {
    self.init(seconds: Int64(time.tv_sec), nanoseconds: UInt32(truncatingIfNeeded: time.tv_nsec))
  }

  var timespecValue: timespec { timespec(tv_sec: Int(seconds), tv_nsec: Int(nanoseconds)) }
}

/// The preferred size of input and output that `st_blksize` tells, in bytes.
let preferredBlockBytes = 4096

/// `struct stat` as the kernel shall show it.
func fileStatus(_ inode: InodeNumber, _ attributes: Attributes) -> stat {
  var status = stat()
  status.st_ino = ino_t(inode.rawValue)
  status.st_mode = attributes.kind.modeBits | mode_t(attributes.permissions)
  status.st_nlink = nlink_t(attributes.linkCount)
  status.st_uid = attributes.owner
  status.st_gid = attributes.group
  status.st_rdev = dev_t(attributes.device)
  status.st_size = off_t(attributes.size)
  status.st_blksize = blksize_t(preferredBlockBytes)
  status.st_blocks = blkcnt_t(attributes.blocks512)
  status.st_atim = attributes.accessed.timespecValue
  status.st_mtim = attributes.modified.timespecValue
  status.st_ctim = attributes.changed.timespecValue
  return status
}

extension FilesystemStatistics {
  var statvfsValue: statvfs {
    var value = statvfs()
    value.f_bsize = UInt(blockBytes)
    value.f_frsize = UInt(fragmentBytes)
    value.f_blocks = fsblkcnt_t(blocks)
    value.f_bfree = fsblkcnt_t(blocksFree)
    value.f_bavail = fsblkcnt_t(blocksAvailable)
    value.f_files = fsfilcnt_t(files)
    value.f_ffree = fsfilcnt_t(filesFree)
    value.f_favail = fsfilcnt_t(filesFree)
    value.f_namemax = UInt(nameBytesMax)
    return value
  }
}

/// The bytes of a C string.
func bytes(of text: UnsafePointer<CChar>) -> [UInt8] {
  // SAFETY: libfuse ends every name and value it passes as a string with NUL.
  unsafe Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
}

/// The name of an entry in a request. The kernel passes names of up to 4095 bytes, none with `/`, none empty.
func entryName(_ text: UnsafePointer<CChar>?) throws(Errno) -> EntryName {
  guard let text = unsafe text else { throw .invalidArgument }
  let count = unsafe strlen(text)
  guard count <= EntryName.bytesMax else { throw .nameTooLong }
  // SAFETY: as in `bytes(of:)`.
  return unsafe UnsafeRawPointer(text).withMemoryRebound(to: UInt8.self, capacity: count) {
    unsafe EntryName(copying: UnsafeBufferPointer(start: $0, count: count))
  }
}
