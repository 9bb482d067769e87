import Glibc

// SAFETY: environment strings are copied at once; nothing here changes the environment.

/// The program under test.
enum EbbfsBinary {
  /// `EBBFS_BINARY` if it is set, as `make test` does for the release build; else the debug build beside this one.
  static let path: String = {
    if let value = unsafe getenv("EBBFS_BINARY") { return unsafe String(cString: value) }
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    return "/" + root + "/.build/debug/ebbfs"
  }()
}
