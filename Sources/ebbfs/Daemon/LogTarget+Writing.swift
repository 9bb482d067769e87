import CLinux
import Control
import FilesystemModel

// SAFETY: the text given to C ends with NUL and lives for the call.

/// Writing there.
extension LogTarget {
  private static let journalSocket = "/run/systemd/journal/socket"
  private static let syslogSocket = "/dev/log"

  /// Throws one line when nobody is there to take what is said.
  func check() throws(CommandFailure) {
    let socket: String
    switch self {
    case .auto, .stderr: return
    case .journal: socket = Self.journalSocket
    case .syslog: socket = Self.syslogSocket
    }
    do throws(Errno) {
      _ = try Files.facts(socket)
    } catch {
      throw CommandFailure(.usage, "log=\(rawValue): nobody listens on \(socket): \(error.message); use another log=")
    }
  }

  /// What `auto` means for this process now. Source: systemd.exec(5), `JOURNAL_STREAM`.
  var resolved: LogTarget {
    guard self == .auto else { return self }
    guard let stream = Processes.environmentValue("JOURNAL_STREAM"), let own = try? Files.facts("/proc/self/fd/2").identity
    else { return .stderr }
    return stream == "\(own.device):\(own.inode)" ? .journal : .stderr
  }

  static func writeToSyslog(_ diagnostic: Diagnostic, mountpoint: String) {
    let line = Array("\(TerminalText.line(mountpoint)): \(diagnostic.line)".utf8) + [0]
    unsafe linux_syslog(Int32(diagnostic.level.rawValue), line)
  }

  /// Sends one datagram of `KEY=value` lines. Values are single lines, whatever paths hold, as `line` is.
  /// Source: "Native Journal Protocol" of systemd.
  static func sendToJournal(_ diagnostic: Diagnostic, of entry: RegistryEntry, to socket: String = journalSocket) throws(Errno) {
    var fields = [
      "MESSAGE=\(TerminalText.line(entry.mountpoint)): \(diagnostic.line)", "PRIORITY=\(diagnostic.level.rawValue)",
      "SYSLOG_IDENTIFIER=ebbfs", "SYSLOG_FACILITY=3", "EBBFS_MOUNTPOINT=\(TerminalText.line(entry.mountpoint))",
      "EBBFS_BACKING=\(TerminalText.line(entry.backing))",
    ]
    if let operation = diagnostic.operation { fields.append("EBBFS_OPERATION=\(TerminalText.line(operation))") }
    if let path = diagnostic.path { fields.append("EBBFS_PATH=\(TerminalText.path(path))") }
    if let errno = diagnostic.errno { fields.append("ERRNO=\(errno)") }
    try LocalSockets.sendDatagram(fields.map { $0 + "\n" }.joined(), to: socket)
  }
}
