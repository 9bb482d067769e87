import CFUSE
import FilesystemModel
import Glibc

func setContentCallbacks(_ callbacks: inout fuse_lowlevel_ops) {
  // ENOSYS once ends OPEN and RELEASE for every file of the mount.
  unsafe callbacks.open = { request, _, _ in unsafe Incoming(request).refuse(.notImplemented) }
  unsafe callbacks.read = { request, inode, size, offset, _ in
    unsafe Incoming(request).submit(.bytes) { .read(InodeNumber(inode), offset: Int(offset), count: size) }
  }
  unsafe callbacks.write = { request, inode, content, size, offset, _ in
    unsafe Incoming(request).submit(.count) {
      // SAFETY: the bytes lie in the receiving thread's buffer, which is used again after the callback: this is their only copy.
      let bytes = unsafe Array(UnsafeRawBufferPointer(start: content, count: size))
      return .write(InodeNumber(inode), offset: Int(offset), bytes: bytes)
    }
  }
  unsafe callbacks.fsync = { request, inode, isDataOnly, _ in
    unsafe Incoming(request).submit(.done) { .synchronize(InodeNumber(inode), dataOnly: isDataOnly != 0) }
  }
  unsafe callbacks.fallocate = { request, inode, mode, offset, length, _ in
    unsafe Incoming(request).submit(.done) { () throws(Errno) in
      let range = try byteRange(offset: offset, length: length)
      return .allocate(InodeNumber(inode), try AllocateMode(kernel: mode), range)
    }
  }
  unsafe callbacks.lseek = { request, inode, offset, whence, _ in
    unsafe Incoming(request).submit(.offset) { () throws(Errno) in
      .seek(InodeNumber(inode), offset: Int(offset), try SeekTarget(kernel: whence))
    }
  }
  unsafe callbacks.copy_file_range = { request, source, sourceOffset, _, target, targetOffset, _, count, flags in
    unsafe Incoming(request).submit(.count) { () throws(Errno) in
      guard flags == 0 else { throw .invalidArgument }
      return .copyRange(
        from: InodeNumber(source), sourceOffset: Int(sourceOffset), to: InodeNumber(target),
        targetOffset: Int(targetOffset), count: count)
    }
  }
}

private func byteRange(offset: off_t, length: off_t) throws(Errno) -> ByteRange {
  guard offset >= 0, length > 0 else { throw .invalidArgument }
  let (end, overflows) = Int(offset).addingReportingOverflow(Int(length))
  guard !overflows else { throw .fileTooLarge }
  return Int(offset)..<end
}

extension AllocateMode {
  /// `fallocate(2)`, flags of `linux/falloc.h`.
  init(kernel mode: Int32) throws(Errno) {
    let keepSize: Int32 = 1
    let punchHole: Int32 = 2
    let zeroRange: Int32 = 16
    switch mode {
    case 0: self = .extend
    case keepSize: self = .keepSize
    case punchHole | keepSize: self = .punchHole
    case zeroRange: self = .zeroRange
    case zeroRange | keepSize: self = .zeroRangeKeepSize
    default: throw .notSupported
    }
  }
}

extension SeekTarget {
  /// `lseek(2)`.
  init(kernel whence: Int32) throws(Errno) {
    switch whence {
    case 3: self = .data  // SEEK_DATA
    case 4: self = .hole  // SEEK_HOLE
    default: throw .invalidArgument
    }
  }
}

func setDirectoryCallbacks(_ callbacks: inout fuse_lowlevel_ops) {
  // ENOSYS once ends OPENDIR and RELEASEDIR; the kernel then keeps listings until a change.
  unsafe callbacks.opendir = { request, _, _ in unsafe Incoming(request).refuse(.notImplemented) }
  unsafe callbacks.readdir = { request, inode, size, offset, _ in
    unsafe readDirectory(request, InodeNumber(inode), size, offset, withAttributes: false)
  }
  unsafe callbacks.readdirplus = { request, inode, size, offset, _ in
    unsafe readDirectory(request, InodeNumber(inode), size, offset, withAttributes: true)
  }
  unsafe callbacks.fsyncdir = { request, inode, isDataOnly, _ in
    unsafe Incoming(request).submit(.done) { .synchronize(InodeNumber(inode), dataOnly: isDataOnly != 0) }
  }
}

private func readDirectory(
  _ request: OpaquePointer?, _ inode: InodeNumber, _ size: Int, _ offset: off_t, withAttributes: Bool
) {
  let asked = DirectoryRequest(
    after: UInt64(bitPattern: Int64(offset)), bytesMax: size,
    bytesPerEntry: withAttributes ? DirectoryListing.bytesBeforeNameWithAttributes : DirectoryListing.bytesBeforeName,
    withAttributes: withAttributes)
  unsafe Incoming(request).submit(.listing(asked)) { .readDirectory(inode, asked) }
}
