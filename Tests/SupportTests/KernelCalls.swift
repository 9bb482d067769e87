import Glibc

/// System calls of Linux that Swift's Glibc module does not show, found in the C library when the tests run.
enum KernelCalls {
  static let seekData: Int32 = 3
  static let seekHole: Int32 = 4
  static let openPath: Int32 = 0o10000000  // O_PATH

  private static func find<Function>(_ name: String, as type: Function.Type) -> Function {
    let symbol = unsafe dlsym(nil, name)
    precondition(unsafe symbol != nil, "the C library has no \(name)")
    // SAFETY: callers name the C function's own type.
    return unsafe unsafeBitCast(symbol!, to: type)
  }

  typealias Path = UnsafePointer<CChar>

  static let setfsuid = find("setfsuid", as: (@convention(c) (UInt32) -> Int32).self)
  static let setfsgid = find("setfsgid", as: (@convention(c) (UInt32) -> Int32).self)
  static let unshare = find("unshare", as: (@convention(c) (Int32) -> Int32).self)
  static let fallocate = find("fallocate", as: (@convention(c) (Int32, Int32, Int, Int) -> Int32).self)
  static let renameat2 = unsafe find("renameat2", as: (@convention(c) (Int32, Path, Int32, Path, UInt32) -> Int32).self)
  static let copyFileRange = unsafe find(
    "copy_file_range",
    as: (@convention(c) (Int32, UnsafeMutablePointer<Int>, Int32, UnsafeMutablePointer<Int>, Int, UInt32) -> Int).self)
  static let lsetxattr = unsafe find(
    "lsetxattr", as: (@convention(c) (Path, Path, UnsafeRawPointer?, Int, Int32) -> Int32).self)
  static let lgetxattr = unsafe find(
    "lgetxattr", as: (@convention(c) (Path, Path, UnsafeMutableRawPointer?, Int) -> Int).self)
  static let llistxattr = unsafe find(
    "llistxattr", as: (@convention(c) (Path, UnsafeMutablePointer<CChar>?, Int) -> Int).self)
  static let lremovexattr = unsafe find("lremovexattr", as: (@convention(c) (Path, Path) -> Int32).self)
}
