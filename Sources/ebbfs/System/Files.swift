import FilesystemModel
import Glibc

// SAFETY: every `unsafe` of this file passes Swift strings as NUL-terminated copies that live for the call, and local structures
// that the call fills.

/// What tells one file from all others as long as it exists.
struct FileIdentity: Hashable, Sendable {
  var device: UInt64
  var inode: UInt64
}

/// What `stat` tells that commands need.
struct FileFacts: Hashable, Sendable {
  var identity: FileIdentity
  var mode: UInt32
  var owner: UInt32
  var bytes: Int

  var isDirectory: Bool { mode & S_IFMT == S_IFDIR }
  var isSymbolicLink: Bool { mode & S_IFMT == S_IFLNK }
}

/// Files of the host by path.
enum Files {
  /// The corresponding C functions are `stat` and `lstat`.
  static func facts(_ path: String, followingLinks: Bool = true) throws(Errno) -> FileFacts {
    var status = stat()
    let result = unsafe followingLinks ? stat(path, &status) : lstat(path, &status)
    guard result == 0 else { throw Errno.current }
    let identity = FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    return FileFacts(identity: identity, mode: status.st_mode, owner: status.st_uid, bytes: Int(status.st_size))
  }

  /// The path without links, `.` and `..`. The corresponding C function is `realpath`.
  static func canonicalPath(_ path: String) throws(Errno) -> String {
    guard let resolved = unsafe realpath(path, nil) else { throw Errno.current }
    defer { unsafe free(resolved) }
    guard let text = unsafe String(validatingCString: resolved) else { throw Errno(rawValue: EILSEQ) }
    return text
  }

  /// What a symbolic link says. The corresponding C function is `readlink`.
  static func linkTarget(_ path: String) throws(Errno) -> String {
    var failure: Errno?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
      let result = unsafe readlink(path, buffer.baseAddress!, buffer.count)
      if result < 0 { failure = Errno.current }
      count = max(0, result)
    }
    if let failure { throw failure }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Whether the process may do what `mode` (R_OK, W_OK, X_OK) asks. The corresponding C function is `access`.
  static func checkAccess(_ path: String, _ mode: Int32) throws(Errno) {
    guard unsafe access(path, mode) == 0 else { throw Errno.current }
  }

  /// Makes a directory that only its owner may use, and its missing parents.
  static func makeDirectories(_ path: String) throws(Errno) {
    if unsafe mkdir(path, 0o700) == 0 { return }
    let failure = Errno.current
    switch failure {
    case .exists:
      guard try facts(path).isDirectory else { throw .notDirectory }
    case .noEntry where !PathText.parent(path).isEmpty && PathText.parent(path) != path:
      try makeDirectories(PathText.parent(path))
      guard unsafe mkdir(path, 0o700) == 0 || Errno.current == .exists else { throw Errno.current }
    default: throw failure
    }
  }

  /// Whether a directory has no entries, whatever their names are made of.
  static func isEmptyDirectory(_ path: String) throws(Errno) -> Bool {
    guard let stream = unsafe opendir(path) else { throw Errno.current }
    defer { unsafe closedir(stream) }
    for _ in 0..<2 where unsafe readdir(stream) == nil { return true }
    return unsafe readdir(stream) == nil
  }

  /// The names in a directory, sorted, without `.` and `..`. Names that are not UTF-8 are left out.
  static func names(in directory: String) throws(Errno) -> [String] {
    guard let stream = unsafe opendir(directory) else { throw Errno.current }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(validatingCString: $0) }
      }
      if let name, name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// A small text file; bytes that are no UTF-8 become U+FFFD.
  static func text(_ path: String, limit: Int = 1 << 22) throws(Errno) -> String {
    String(decoding: try Descriptor(path: path, flags: O_RDONLY).readAll(limit: limit), as: UTF8.self)
  }

  /// Replaces a small text file as a whole, readable by its owner only unless `permissions` say otherwise.
  static func replaceText(_ path: String, with text: String, permissions: UInt32 = 0o600) throws(Errno) {
    let temporary = path + ".new"
    let flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW
    let descriptor = try Descriptor(path: temporary, flags: flags, permissions: permissions)
    try descriptor.write(Array(text.utf8))
    guard unsafe rename(temporary, path) == 0 else { throw Errno.current }
  }

  /// The corresponding C function is `unlink`. Nobody needs to know whether the file was there.
  static func remove(_ path: String) { _ = unsafe unlink(path) }

  /// Bytes that this user may still write to the filesystem of `path`. The corresponding C function is `statvfs`.
  static func bytesAvailable(_ path: String) throws(Errno) -> Int {
    var status = statvfs()
    guard unsafe statvfs(path, &status) == 0 else { throw Errno.current }
    let (bytes, overflow) = Int(status.f_bavail).multipliedReportingOverflow(by: Int(status.f_frsize))
    return overflow ? Int.max : bytes
  }
}

/// Paths as text.
enum PathText {
  /// The directory a path is in: `/` for `/a`, `.` for `a`.
  static func parent(_ path: String) -> String {
    var text = path[...]
    while text.count > 1, text.last == "/" { text.removeLast() }
    guard let slash = text.lastIndex(of: "/") else { return "." }
    return slash == text.startIndex ? "/" : String(text[..<slash])
  }

  /// The last component: `b` for `/a/b/`, `/` for `/`.
  static func name(_ path: String) -> String {
    path.split(separator: "/", omittingEmptySubsequences: true).last.map(String.init) ?? "/"
  }

  static func joined(_ directory: String, _ name: String) -> String {
    directory.hasSuffix("/") ? directory + name : directory + "/" + name
  }

  /// Whether a canonical path is `directory` or below it.
  static func isInside(_ path: String, _ directory: String) -> Bool {
    path == directory || path.hasPrefix(directory == "/" ? "/" : directory + "/")
  }

  /// All directories above a canonical path and the path itself, the path first.
  static func ancestors(_ path: String) -> [String] {
    var result = [path]
    while let last = result.last, last != "/", last != "." { result.append(parent(last)) }
    return result
  }
}
