import FilesystemModel
import Glibc

/// The lock of a state directory: one daemon per backing directory. Held until the process ends or the value goes.
///
/// The kernel gives it up with the process, however it ends. The corresponding C function is `flock`.
final class DaemonLock: Sendable {
  static let fileName = "daemon"
  private let descriptor: Int32

  private init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// The lock, with this process's number in it; `nil` when another process has it.
  static func attempt(stateDirectory: String) throws(Errno) -> DaemonLock? {
    let path = PathText.joined(stateDirectory, fileName)
    let file = try Descriptor(path: path, flags: O_RDWR | O_CREAT | O_NOFOLLOW, permissions: 0o600)
    guard flock(file.number, LOCK_EX | LOCK_NB) == 0 else {
      let failure = Errno.current
      guard failure == .again else { throw failure }
      return nil
    }
    guard ftruncate(file.number, 0) == 0 else { throw Errno.current }
    try file.write(Array("\(getpid())\n".utf8))
    return DaemonLock(file.release())
  }

  /// The process that has the lock, if it wrote its number already.
  static func holder(stateDirectory: String) -> Int? {
    guard let text = try? Files.text(PathText.joined(stateDirectory, fileName), limit: 32) else { return nil }
    return Int(text.filter(\.isNumber))
  }
}
