import FilesystemModel
import Glibc
import Testing

@testable import ebbfs

/// A directory of its own for a test, removed with everything in it.
final class TemporaryDirectory {
  let path: String

  init() throws {
    let template = "/tmp/ebbfs-tests-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
    try Files.makeDirectories(template)
    path = try Files.canonicalPath(template)
  }

  deinit { Self.remove(path) }

  /// The path of something in it.
  func callAsFunction(_ name: String) -> String { PathText.joined(path, name) }

  func makeDirectory(_ name: String) throws -> String {
    try Files.makeDirectories(self(name))
    return self(name)
  }

  func makeFile(_ name: String, _ text: String = "") throws -> String {
    try Files.replaceText(self(name), with: text)
    return self(name)
  }

  // SAFETY: `rmdir` reads the path during the call only.
  private static func remove(_ path: String) {
    if (try? Files.facts(path, followingLinks: false))?.isDirectory == true {
      for name in (try? Files.names(in: path)) ?? [] { remove(PathText.joined(path, name)) }
      _ = unsafe rmdir(path)
    } else {
      Files.remove(path)
    }
  }
}
