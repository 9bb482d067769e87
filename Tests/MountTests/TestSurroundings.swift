import Glibc
import Testing

// SAFETY: C functions get paths as strings that live during the call, and buffers with their own length.

/// What the tests on real mounts find on the machine.
enum TestSurroundings {
  /// The directory of these tests' sources, with their scripts.
  static let sources = parent(#filePath)

  /// Fails the test with one message where mounts are impossible. They never pass by being left out.
  static func require() throws {
    try #require(
      unsafe access("/dev/fuse", R_OK | W_OK) == 0 && geteuid() == 0,
      "MountTests need root and /dev/fuse, which this machine does not give: real mounts cannot be tested here")
    try #require(unsafe access(EbbfsBinary.path, X_OK) == 0, "MountTests need the program \(EbbfsBinary.path): build it first")
  }

  static func environmentValue(_ name: String) -> String? {
    unsafe getenv(name).flatMap { value in unsafe String(validatingCString: value) }
  }

  private static func parent(_ path: String) -> String { String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]) }
}

/// A directory of its own under /tmp that every user may search.
///
/// Whoever makes it removes it.
func makeTestDirectory() throws -> String {
  var template = Array("/tmp/ebbfs-mounts-XXXXXX".utf8CString)
  let isMade = unsafe mkdtemp(&template) != nil
  try #require(isMade, "no directory under /tmp")
  let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  _ = unsafe chmod(path, 0o755)
  return path
}

/// The contents of a small file; empty if there is none.
func contents(of path: String) -> String {
  let descriptor = unsafe open(path, O_RDONLY)
  guard descriptor >= 0 else { return "" }
  defer { close(descriptor) }
  var all: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 65_536)
  while true {
    let count = unsafe read(descriptor, &buffer, buffer.count)
    if count <= 0 { return String(decoding: all, as: UTF8.self) }
    all += buffer.prefix(count)
  }
}

/// Milliseconds since some fixed moment.
func uptimeMilliseconds() -> Int {
  var time = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC, &time)
  return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

/// Whether the condition holds within some seconds.
func eventually(seconds: Int = 10, _ condition: () throws -> Bool) rethrows -> Bool {
  let end = uptimeMilliseconds() + seconds * 1000
  while uptimeMilliseconds() < end {
    if try condition() { return true }
    usleep(20_000)
  }
  return try condition()
}
