import Control
import FilesystemModel

/// `ebbfs status PATH` and `ebbfs wait`: whether it is safe now.
enum FileCommands {
  /// What a path names.
  private enum Place {
    case mount(RegistryEntry)
    case file(RegistryEntry, inode: UInt64)

    var entry: RegistryEntry {
      switch self {
      case .mount(let entry), .file(let entry, _): entry
      }
    }
  }

  /// Prints how safe a file is, or how a mount fares.
  ///
  /// - Returns: the exit status.
  static func status(_ path: String, asJSON: Bool) throws(CommandFailure) -> Int32 {
    guard case .file(let entry, let inode) = try place(path) else {
      return Int32(try DaemonCommands.status(path, asJSON: asJSON).rawValue)
    }
    guard case .file(var report) = try DaemonCommands.ask(.file(inode: inode), entry) else {
      throw CommandFailure(.failed, "process \(entry.process) answered something else than the status of a file")
    }
    if report.state == .conflict, !isThere(report.conflict?.keptAs, beside: path) { report.state = .clean }
    print(asJSON ? report.json(path: path).text() : TerminalText.line(path) + ": " + report.text)
    return status(of: report.state).rawValue
  }

  /// Returns when what is at a path, and all below it, is in the backing directory and synced there.
  static func wait(_ path: String, timeoutMilliseconds: Int?) throws(CommandFailure) {
    let place = try place(path)
    let inodes: [UInt64] = if case .file(_, let inode) = place { [inode] } else { [] }
    let deadline = timeoutMilliseconds.map { Monotonic.milliseconds() + $0 }
    try DaemonCommands.askWithProgress(
      .wait(inodes: inodes), place.entry, untilGone: false, deadline: deadline, "waiting for write-back")
  }

  private static func status(of state: FileReport.State) -> ExitStatus {
    switch state {
    case .clean: .success
    case .dirty, .writingBack: .pending
    case .deadLettered: .deadLetters
    case .conflict: .conflict
    }
  }

  /// Theirs is no matter of concern any more once it was removed or renamed.
  private static func isThere(_ name: String?, beside path: String) -> Bool {
    guard let name else { return false }
    return (try? Files.facts(PathText.joined(PathText.parent(path), name), followingLinks: false)) != nil
  }

  private static func place(_ path: String) throws(CommandFailure) -> Place {
    if let entry = Registry.host.entry(mountpoint: path) { return .mount(entry) }
    guard let entry = Registry.host.entry(holding: path) else { return .mount(try DaemonCommands.find(path)) }
    return .file(entry, inode: try DaemonCommands.inodes([path], entry)[0])
  }
}
