import CLinux
import FilesystemModel

// SAFETY: every C call gets arrays that live for the call, with their own length or a NUL at their end, and local structures to
// fill.

/// The state directory cannot be used.
package enum StateDirectoryError: Error, Hashable, CustomStringConvertible {
  /// Another daemon has it; its process number, where the lock file tells it.
  case locked(directory: String, pid: Int?)
  /// One line for the operator says why.
  case refused(String)

  package var description: String {
    switch self {
    case .locked(let directory, let pid):
      "state directory \(directory): in use by \(pid.map { "process \($0)" } ?? "another process")"
    case .refused(let line): line
    }
  }
}

/// Opens the state directory. It must be a directory itself, ours, and closed to everybody else: its bytes are those of all
/// files.
func openStateDirectory(_ path: String, creating: Bool) throws(StateDirectoryError) -> Descriptor {
  let directory = try orRefused(path) { () throws(Errno) -> Descriptor in
    if creating { try makeStateDirectory(path) }
    // A link would be followed for the sake of a slash behind it.
    let end = path.utf8.lastIndex { $0 != UInt8(ascii: "/") } ?? path.startIndex
    let bytes = path.isEmpty ? [] : Array(path.utf8[...end])
    return try Descriptor(
      unsafe linux_open(bytes + [0], linux_o_read_only | linux_o_directory | linux_o_no_follow))
  }
  let status = try orRefused(path) { () throws(Errno) in try directory.status() }
  guard status.owner == linux_effective_user() else {
    throw .refused("state directory \(path): belongs to user \(status.owner)")
  }
  guard status.mode & 0o077 == 0 else {
    let mode = String(status.mode & 0o7777, radix: 8)
    throw .refused("state directory \(path): open to others (mode \(mode)); use chmod 700")
  }
  return directory
}

/// Runs `body`; what it throws becomes a line about the directory.
func orRefused<Result: ~Copyable>(
  _ path: String, _ body: () throws(Errno) -> Result
) throws(StateDirectoryError) -> Result {
  do throws(Errno) {
    return try body()
  } catch {
    throw .refused("state directory \(path): \(error == .notDirectory ? "not a directory, or a link" : message(error))")
  }
}

/// Makes the directory and those above it that are missing, each durable in the one above.
private func makeStateDirectory(_ path: String) throws(Errno) {
  let names = path.split(separator: "/")
  var current = try Descriptor(
    unsafe linux_open([UInt8(ascii: path.hasPrefix("/") ? "/" : "."), 0], linux_o_path | linux_o_directory))
  for name in names {
    let bytes = Array(name.utf8) + [0]
    let result = unsafe linux_make_directory(current.number, bytes, 0o700)
    if result == 0 {
      try Descriptor(at: current, [UInt8(ascii: "."), 0], flags: linux_o_read_only | linux_o_directory).synchronize()
    } else if result != -Errno.exists.rawValue {
      // A directory that is there may be in one that we may not write.
      guard (try? current.status(of: bytes)) != nil else { throw Errno(rawValue: -result) }
    }
    current = try Descriptor(at: current, bytes, flags: linux_o_path | linux_o_directory)
  }
}

/// The lock of a state directory: `flock(2)` of its file `lock`, in which the holder's process number stands.
///
/// Released with the object, and by the kernel with the process's last thread: a daemon that was killed keeps it while a thread
/// of it hangs in a call to the backing directory, which may still take effect (PROTOCOL.md A5).
struct StateLock: ~Copyable, Sendable {
  private let file: Descriptor

  /// Tries until the time is over. In between it looks every 20 milliseconds: `flock` itself cannot end a wait.
  init(in directory: borrowing Descriptor, path: String, waiting milliseconds: Int) throws(StateDirectoryError) {
    let opened = try orRefused(path) { () throws(Errno) -> Descriptor in
      let flags = linux_o_read_write | linux_o_create | linux_o_no_follow
      return try Descriptor(at: directory, lockName, flags: flags, mode: 0o600)
    }
    let deadline = linux_uptime_nanoseconds() + Int64(milliseconds) * 1_000_000
    while true {
      let result = linux_lock_exclusively(opened.number)
      if result == 0 { break }
      try orRefused(path) { () throws(Errno) in
        if result != -Errno.again.rawValue { try checked(result) }
      }
      guard linux_uptime_nanoseconds() < deadline else {
        throw .locked(directory: path, pid: processInLock(directory))
      }
      linux_sleep(20)
    }
    try orRefused(path) { () throws(Errno) in
      try checked(linux_resize(opened.number, 0))
      try opened.write(Array("\(linux_process())\n".utf8), at: 0)
    }
    file = opened
  }
}

private let lockName = Array("lock".utf8) + [0]

/// The process number in the lock file; `nil` when there is none.
func processInLock(_ directory: borrowing Descriptor) -> Int? {
  guard let file = try? Descriptor(at: directory, lockName, flags: linux_o_read_only | linux_o_no_follow),
    let bytes = try? file.read(at: 0, count: 32)
  else { return nil }
  return Int(String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
}
