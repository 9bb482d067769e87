import FilesystemModel
import Glibc

// SAFETY: `gmtime_r` and `strftime` write to local buffers within the lengths given.

/// What a daemon tells people: lines on standard error, and its state to systemd.
///
/// Standard error of a daemon in the background is the file `messages` in the state directory.
final class Messages: Sendable {
  static let fileName = "messages"
  private static let fileBytesMax = 1 << 20

  /// systemd's socket, sd_notify(3); `nil` outside of a unit of type `notify`.
  private let notifySocket: String?
  private let hasTimestamps: Bool

  init(notifySocket: String? = Processes.environmentValue("NOTIFY_SOCKET"), hasTimestamps: Bool = false) {
    self.notifySocket = notifySocket
    self.hasTimestamps = hasTimestamps
  }

  func say(_ line: String) {
    let time = hasTimestamps ? Self.timestamp() + " " : ""
    Self.write("\(time)ebbfs: \(line)\n")
  }

  /// Tells systemd, if it listens.
  func notify(_ state: String) {
    guard let notifySocket else { return }
    // systemd that cannot be told is not a reason to disturb the mount.
    try? LocalSockets.sendDatagram(state, to: notifySocket)
  }

  /// Standard error may be a closed pipe: nothing can be said of that.
  static func write(_ text: String) {
    let end = Descriptor(owning: STDERR_FILENO)
    try? end.write(Array(text.utf8))
    _ = end.release()
  }

  /// Opens the file in the state directory, which is emptied when it has grown long.
  static func openFile(stateDirectory: String) throws(Errno) -> Descriptor {
    let path = PathText.joined(stateDirectory, fileName)
    let file = try Descriptor(path: path, flags: O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, permissions: 0o600)
    if try Files.facts(path).bytes > fileBytesMax { ftruncate(file.number, 0) }
    return file
  }

  /// Lets standard output and standard error go to the file.
  static func redirect(to file: borrowing Descriptor) {
    for standard in [STDOUT_FILENO, STDERR_FILENO] { dup2(file.number, standard) }
  }

  private static func timestamp() -> String {
    var seconds = time(nil)
    var parts = unsafe tm()
    unsafe gmtime_r(&seconds, &parts)
    let bytes = unsafe [CChar](unsafeUninitializedCapacity: 32) { buffer, count in
      unsafe count = strftime(buffer.baseAddress, 32, "%Y-%m-%dT%H:%M:%SZ", &parts)
    }
    return String(decoding: bytes.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
