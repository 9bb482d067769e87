import CLinux
import FilesystemModel
import Glibc
import StorageInterface
import Testing
import Threading

@testable import PosixStorage

/// A directory under /tmp that is removed with all in it.
final class TestDirectory: Sendable {
  let path: String

  init(in parent: String = "/tmp") {
    path = "\(parent)/ebbfs-posix-\(String(linux_random(), radix: 16))"
    run("mkdir -m 755 \(path)")
  }

  deinit { run("rm -rf \(path)") }

  func storage(_ features: KernelFeatures = .all) throws -> PosixBackingStorage {
    try PosixBackingStorage(rootPath: path, features: features)
  }
}

/// Runs `body` with the path of a filesystem of its own in an image file, mounted through a loop device, and takes it away again.
///
/// The loop device is let go by umount itself; `losetup -j` is for when that failed.
func withFilesystem(_ type: String, megabytes: Int, options: String = "", _ body: (String) throws -> Void) rethrows {
  let path = "/tmp/ebbfs-posix-mount-\(String(linux_random(), radix: 16))"
  let image = path + ".img"
  let make = "mkfs.\(type) \(type == "ext4" ? "-F" : "-f") -q \(options) \(image)"
  defer {
    run("umount \(path) || umount -l \(path); losetup -j \(image) | cut -d: -f1 | xargs -r losetup -d")
    run("rmdir \(path); rm -f \(image)")
  }
  let isMounted = runs("truncate -s \(megabytes)M \(image) && \(make) && mkdir \(path) && mount -o loop \(image) \(path)")
  precondition(isMounted, "a \(type) image could not be mounted")
  try body(path)
}

/// Runs a command of the shell; whether it succeeded. Its output is dropped.
func runs(_ command: String) -> Bool {
  var child: pid_t = 0
  let words = ["/bin/sh", "-c", "exec >/dev/null 2>&1; " + command]
  var arguments: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) }
  unsafe arguments.append(nil)
  defer { while let argument = unsafe arguments.popLast() { unsafe free(argument) } }
  guard unsafe posix_spawn(&child, "/bin/sh", nil, nil, arguments, environ) == 0 else { return false }
  var status: Int32 = 0
  while unsafe waitpid(child, &status, 0) < 0 {}
  return status == 0
}

func run(_ command: String) { _ = runs(command) }

/// The contents of a file as text.
func contents(_ path: String) -> String? {
  guard let file = try? Descriptor(unsafe linux_open(Array(path.utf8) + [0], linux_o_read_only)),
    let bytes = try? file.readToEnd()
  else { return nil }
  return String(decoding: bytes, as: UTF8.self)
}

func at(_ names: EntryName...) -> BackingPath { BackingPath(names) }

/// Runs `body` on a thread that is an ordinary user; gives back what it throws.
func asOrdinaryUser(_ body: @escaping @Sendable () throws -> Void) throws {
  let failure = Lock<(any Error)?>(nil)
  let thread = try Thread(name: "ordinary") {
    do {
      try checked(linux_set_user_of_thread(ordinaryUser))
      try body()
    } catch {
      failure.withLock { $0 = error }
    }
  }
  thread.join()
  if let failure = failure.withLock({ $0 }) { throw failure }
}

let ordinaryUser: UInt32 = 12_345

/// With and without what a kernel may lack.
let featureSets = [
  KernelFeatures.all,
  KernelFeatures(hasOpenBeneath: false, hasProc: true),
  KernelFeatures(hasOpenBeneath: true, hasProc: false),
  KernelFeatures(hasOpenBeneath: false, hasProc: false, hasNoReplace: false),
  KernelFeatures(hasOpenBeneath: true, hasProc: true, holdsDirectories: true),
]

extension BackingStorage {
  /// Makes a regular file with contents.
  @discardableResult
  func put(_ text: String, at path: BackingPath) throws -> any BackingFile {
    let file = try createFile(path)
    try file.write(Array(text.utf8), at: 0)
    return file
  }

  func text(_ path: BackingPath) throws -> String {
    let file = try open(path, writable: false)
    return String(decoding: try file.read(at: 0, count: 1 << 20), as: UTF8.self)
  }

  func permissions(_ path: BackingPath) throws -> UInt16 { try status(path).attributes.permissions }

  func makeDirectory(_ path: BackingPath) throws { try make(path, kind: .directory, device: 0, target: []) }
}
