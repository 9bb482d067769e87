import FilesystemModel

/// What the daemon tells the command that started it, through a pipe: that the mount is ready, or why it is not.
enum Readiness {
  /// One message: `READY`, or `FAILED`, the exit status and the line for the operator.
  static func encode(_ failure: CommandFailure?) -> [UInt8] {
    Array((failure.map { "FAILED \($0.status.rawValue) \($0.message)" } ?? "READY").utf8)
  }

  /// What a whole message says; `daemonDied` if it is none, because the daemon ended too early.
  static func decode(_ bytes: [UInt8]) -> Result<Void, CommandFailure> {
    let text = String(decoding: bytes, as: UTF8.self)
    if text == "READY" { return .success(()) }
    let parts = text.split(separator: " ", maxSplits: 2)
    guard parts.count == 3, parts[0] == "FAILED", let number = Int32(parts[1]), let status = ExitStatus(rawValue: number) else {
      return .failure(CommandFailure(.daemonDied, "the daemon ended before the mount was ready"))
    }
    return .failure(CommandFailure(status, String(parts[2])))
  }
}
