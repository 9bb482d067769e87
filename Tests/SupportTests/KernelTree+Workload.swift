import FilesystemModel
import Glibc
import StorageInterface
import Support

extension KernelTree {
  /// Runs an operation by system calls.
  ///
  /// - Returns: the bytes of a read, the offset of a seek, the count of a copy; `done` else.
  func run(_ operation: WorkloadOperation) throws(Errno) -> Reply {
    switch operation {
    case .create, .makeDirectory, .makeFIFO, .symlink, .createTemporary, .unlink, .removeDirectory:
      try runNaming(operation)
    case .rename(let path, let other): try rename(path, other, 0)
    case .renameNoReplace(let path, let other): try rename(path, other, 1)
    case .exchange(let path, let other): try rename(path, other, 2)
    case .link(let path, let other):
      _ = try status(path)
      try withParent(of: path) { (parent, name) throws(Errno) in
        try withParent(of: other) { (otherParent, otherName) throws(Errno) in
          _ = try Self.check(unsafe linkat(parent, name, otherParent, otherName, 0))
        }
      }
    case .read(let path, let offset, let count): return .bytes(try read(path, offset, count))
    case .status(let path), .synchronize(let path): _ = try status(path)
    case .seek(let path, let offset, let target):
      return .offset(
        try withFile(path, O_RDONLY) { (file) throws(Errno) in
          try Self.check(lseek(file, offset, target == .data ? KernelCalls.seekData : KernelCalls.seekHole))
        })
    case .copyRange: return .count(try copyRange(operation))
    case .write, .truncate, .allocate: try runContents(operation)
    default: try runAttributes(operation)
    }
    return .done
  }

  private func runNaming(_ operation: WorkloadOperation) throws(Errno) {
    func at(_ path: BackingPath, _ body: (Int32, String) -> Int32) throws(Errno) {
      try withParent(of: path) { (parent, name) throws(Errno) in _ = try Self.check(body(parent, name)) }
    }
    switch operation {
    case .create(let path, let permissions): try at(path) { unsafe mknodat($0, $1, S_IFREG | mode_t(permissions), 0) }
    case .makeDirectory(let path, let permissions): try at(path) { unsafe mkdirat($0, $1, mode_t(permissions)) }
    case .makeFIFO(let path): try at(path) { unsafe mknodat($0, $1, S_IFIFO | 0o644, 0) }
    case .symlink(let path, let target): try at(path) { unsafe symlinkat(target, $0, $1) }
    case .unlink(let path): try at(path) { unsafe unlinkat($0, $1, 0) }
    case .removeDirectory(let path): try at(path) { unsafe unlinkat($0, $1, AT_REMOVEDIR) }
    case .createTemporary(let path):
      try withParent(of: path) { (parent, name) throws(Errno) in
        let temporaryFlag: Int32 = 0o20200000  // O_TMPFILE
        let file = try Self.check(unsafe openat(parent, ".", temporaryFlag | O_WRONLY, 0o644))
        defer { close(file) }
        _ = try Self.check(unsafe linkat(AT_FDCWD, "/proc/self/fd/\(file)", parent, name, AT_SYMLINK_FOLLOW))
      }
    default: preconditionFailure("not an operation on one name")
    }
  }

  private func rename(_ path: BackingPath, _ other: BackingPath, _ flags: UInt32) throws(Errno) {
    try withParent(of: path) { (parent, name) throws(Errno) in
      try withParent(of: other) { (otherParent, otherName) throws(Errno) in
        _ = try Self.check(unsafe KernelCalls.renameat2(parent, name, otherParent, otherName, flags))
      }
    }
  }

  private func runContents(_ operation: WorkloadOperation) throws(Errno) {
    switch operation {
    case .write(let path, let offset, let count, let fill):
      try withFile(path, O_WRONLY) { (file) throws(Errno) in
        let bytes = [UInt8](repeating: fill, count: count)
        let written = unsafe bytes.withUnsafeBytes { unsafe pwrite(file, $0.baseAddress, count, offset) }
        guard try Self.check(written) == count else { throw .inputOutput }
      }
    case .truncate(let path, let size):
      try withFile(path, O_WRONLY) { (file) throws(Errno) in _ = try Self.check(ftruncate(file, size)) }
    case .allocate(let path, let mode, let offset, let count):
      let flags: [AllocateMode: Int32] = [
        .extend: 0, .keepSize: 1, .punchHole: 3, .zeroRange: 16, .zeroRangeKeepSize: 17,
      ]
      try withFile(path, O_WRONLY) { (file) throws(Errno) in
        _ = try Self.check(KernelCalls.fallocate(file, flags[mode]!, offset, count))
      }
    default: preconditionFailure("not an operation on contents")
    }
  }

  private func copyRange(_ operation: WorkloadOperation) throws(Errno) -> Int {
    guard case .copyRange(let path, let offset, let other, let otherOffset, let count) = operation else { return 0 }
    _ = try status(path)
    _ = try status(other)
    return try withFile(path, O_RDONLY) { (file) throws(Errno) in
      try withFile(other, O_WRONLY) { (otherFile) throws(Errno) in
        var source = offset
        var target = otherOffset
        return try Self.check(unsafe KernelCalls.copyFileRange(file, &source, otherFile, &target, count, 0))
      }
    }
  }

  private func runAttributes(_ operation: WorkloadOperation) throws(Errno) {
    func at(_ path: BackingPath, _ body: (Int32, String) -> Int32) throws(Errno) {
      try withParent(of: path) { (parent, name) throws(Errno) in _ = try Self.check(body(parent, name)) }
    }
    switch operation {
    case .changePermissions(let path, let permissions):
      try at(path) { unsafe fchmodat($0, $1, mode_t(permissions), AT_SYMLINK_NOFOLLOW) }
    case .changeOwner(let path, let owner, let group): try at(path) { unsafe fchownat($0, $1, owner, group, AT_SYMLINK_NOFOLLOW) }
    case .setTime(let path, let seconds):
      try at(path) { parent, name in
        let times = [timespec(tv_sec: 0, tv_nsec: 0x3fff_fffe), timespec(tv_sec: Int(seconds), tv_nsec: 0)]
        return unsafe utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW)
      }
    case .setExtendedAttribute(let path, let name, let value, let mode):
      _ = try status(path)
      try at(path) { parent, entry in
        let flags: Int32 = mode == .create ? 1 : mode == .replace ? 2 : 0
        return unsafe KernelCalls.lsetxattr("/proc/self/fd/\(parent)/\(entry)", name, value, value.count, flags)
      }
    case .removeExtendedAttribute(let path, let name):
      _ = try status(path)
      try at(path) { parent, entry in unsafe KernelCalls.lremovexattr("/proc/self/fd/\(parent)/\(entry)", name) }
    default: preconditionFailure("not an operation on attributes")
    }
  }
}
