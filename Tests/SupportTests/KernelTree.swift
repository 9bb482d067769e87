import FilesystemModel
import Glibc
import StorageInterface
import Support

/// A directory of the real filesystem under /tmp on which workloads run by system calls; removed with `remove`.
final class KernelTree {
  /// A failed system call.
  typealias Failure = Errno

  let path: String
  private let root: Int32

  init() {
    var template = Array("/tmp/ebbfs-support-XXXXXX".utf8CString)
    let made = unsafe template.withUnsafeMutableBufferPointer { unsafe mkdtemp($0.baseAddress!) }
    precondition(unsafe made != nil, "no temporary directory could be made")
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    root = unsafe Glibc.open(path, KernelCalls.openPath | O_DIRECTORY)
    let mode = unsafe chmod(path, 0o755)
    precondition(root >= 0 && mode == 0)
  }

  deinit { close(root) }

  /// Removes the directory with everything in it.
  func remove() {
    for entry in (try? children(of: ".")) ?? [] { removeTree(entry) }
    unsafe rmdir(path)
  }

  private func removeTree(_ relative: String) {
    let full = "\(path)/\(relative)"
    guard unsafe unlink(full) != 0 else { return }
    for child in (try? children(of: relative)) ?? [] { removeTree("\(relative)/\(child)") }
    unsafe rmdir(full)
  }

  // MARK: Calls

  static func check(_ result: Int) throws(Errno) -> Int {
    guard result >= 0 else { throw Errno(rawValue: errno) }
    return result
  }

  @discardableResult
  static func check(_ result: Int32) throws(Errno) -> Int32 {
    guard result >= 0 else { throw Errno(rawValue: errno) }
    return result
  }

  /// Opens the directory that holds the last name of a path, following nothing.
  func withParent<Result>(
    of path: BackingPath, _ body: (Int32, String) throws(Errno) -> Result
  ) throws(Errno) -> Result {
    var current = try Self.check(dup(root))
    defer { close(current) }
    for name in path.components.dropLast() {
      let next = try Self.check(unsafe openat(current, name.description, KernelCalls.openPath | O_DIRECTORY | O_NOFOLLOW))
      close(current)
      current = next
    }
    return try body(current, path.components.last?.description ?? ".")
  }

  func status(_ path: BackingPath) throws(Errno) -> stat {
    try withParent(of: path) { (parent, name) throws(Errno) in
      var status = stat()
      try Self.check(unsafe fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW))
      return status
    }
  }

  /// Opens a regular file, with the errno that the reference gives for others.
  func withFile<Result>(
    _ path: BackingPath, _ flags: Int32, _ body: (Int32) throws(Errno) -> Result
  ) throws(Errno) -> Result {
    let kind = try status(path).st_mode & S_IFMT
    if kind == S_IFIFO { throw .invalidArgument }
    if kind == S_IFDIR { throw .isDirectory }
    return try withParent(of: path) { (parent, name) throws(Errno) in
      let file = try Self.check(unsafe openat(parent, name, flags | O_NOFOLLOW | O_NONBLOCK))
      defer { close(file) }
      return try body(file)
    }
  }

  // MARK: Looking

  func children(of relative: String) throws(Errno) -> [String] {
    guard let stream = unsafe opendir("\(path)/\(relative)") else { throw Errno(rawValue: errno) }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// All paths, parents first.
  func paths() throws(Errno) -> [String] {
    var found = ["."]
    var place = 0
    while place < found.count {
      let current = found[place]
      place += 1
      guard try status(BackingPath(current)).st_mode & S_IFMT == S_IFDIR else { continue }
      found += try children(of: current).map { current == "." ? $0 : "\(current)/\($0)" }
    }
    return found
  }

  func snapshot() throws(Errno) -> TreeSnapshot {
    var entries: [String: TreeSnapshot.Entry] = [:]
    var firsts: [UInt64: String] = [:]
    for path in try paths().sorted() {
      let status = try status(BackingPath(path))
      let first = firsts[UInt64(status.st_ino)] ?? path
      firsts[UInt64(status.st_ino)] = first
      entries[path] = try entry(path, status, sameFileAs: first)
    }
    return TreeSnapshot(entries)
  }

  private func entry(_ path: String, _ status: stat, sameFileAs first: String) throws(Errno) -> TreeSnapshot.Entry {
    let kinds: [mode_t: FileKind] = [
      S_IFREG: .regular, S_IFDIR: .directory, S_IFLNK: .symlink, S_IFIFO: .fifo, S_IFSOCK: .socket,
      S_IFCHR: .characterDevice, S_IFBLK: .blockDevice,
    ]
    let kind = kinds[status.st_mode & S_IFMT]!
    return TreeSnapshot.Entry(
      kind: kind, permissions: UInt16(status.st_mode & 0o7777), owner: status.st_uid, group: status.st_gid,
      contents: kind == .regular ? SparseBytes(try read(BackingPath(path), 0, Int(status.st_size))) : SparseBytes(),
      modified: Timestamp(seconds: Int64(status.st_mtim.tv_sec), nanoseconds: UInt32(status.st_mtim.tv_nsec)),
      target: kind == .symlink ? try target(path) : [], device: UInt64(status.st_rdev),
      extendedAttributes: try extendedAttributes(path), sameFileAs: first, linkCount: UInt32(status.st_nlink))
  }

  func read(_ path: BackingPath, _ offset: Int, _ count: Int) throws(Errno) -> [UInt8] {
    try withFile(path, O_RDONLY) { (file) throws(Errno) in
      var bytes = [UInt8](repeating: 0, count: count)
      let got = unsafe bytes.withUnsafeMutableBytes { unsafe pread(file, $0.baseAddress, count, offset) }
      return Array(bytes.prefix(try Self.check(got)))
    }
  }

  private func target(_ relative: String) throws(Errno) -> [UInt8] {
    var bytes = [CChar](repeating: 0, count: 4096)
    let count = unsafe bytes.withUnsafeMutableBufferPointer { unsafe readlink("\(path)/\(relative)", $0.baseAddress!, 4096) }
    return bytes.prefix(try Self.check(count)).map { UInt8(bitPattern: $0) }
  }

  private func extendedAttributes(_ relative: String) throws(Errno) -> [ExtendedAttribute] {
    let full = "\(path)/\(relative)"
    var list = [CChar](repeating: 0, count: 65_536)
    let count = unsafe list.withUnsafeMutableBufferPointer { unsafe KernelCalls.llistxattr(full, $0.baseAddress, $0.count) }
    let names = list.prefix(try Self.check(count)).split(separator: 0).map { $0.map { UInt8(bitPattern: $0) } }
    var attributes: [ExtendedAttribute] = []
    for name in names.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      var value = [UInt8](repeating: 0, count: 65_536)
      let text = String(decoding: name, as: UTF8.self)
      let count = unsafe value.withUnsafeMutableBytes { unsafe KernelCalls.lgetxattr(full, text, $0.baseAddress, $0.count) }
      attributes.append(ExtendedAttribute(name: name, value: Array(value.prefix(try Self.check(count)))))
    }
    return attributes
  }
}
