import Control
import FilesystemModel
import Glibc

// SAFETY: a constant path.

/// `ebbfs unmount`.
enum UnmountCommand {
  /// How many users of a busy mount are named.
  private static let usersMax = 8

  static func run(_ mountpoint: String, _ options: UnmountOptions) throws(CommandFailure) {
    let entry = try DaemonCommands.find(mountpoint)
    // Else this process itself might keep the mount busy.
    _ = unsafe chdir("/")
    do throws(CommandFailure) {
      if options.keepsJournal { return try leave(entry, options) }
      try DaemonCommands.askWithProgress(.unmount(options), entry, untilGone: true, "unmounted; writing back")
    } catch {
      guard error.status == .busy else { throw error }
      throw CommandFailure(.busy, "\(error.message): \(users(of: entry.mountpoint)); --lazy unmounts all the same")
    }
  }

  /// Nothing is written back, so that there is no progress to tell but what stays.
  private static func leave(_ entry: RegistryEntry, _ options: UnmountOptions) throws(CommandFailure) {
    var last = ControlProgress(bytesLeft: 0, operationsLeft: 0)
    _ = try DaemonCommands.ask(.unmount(options), entry, untilGone: true) { partial in
      if case .progress(let left) = partial { last = left }
    }
    guard last != ControlProgress(bytesLeft: 0, operationsLeft: 0) else { return }
    print("\(ProgressText.left(last)) stay in the journal in \(entry.stateDirectory); the next mount writes them back")
  }

  private static func users(of mountpoint: String) -> String {
    let users = MountUsers.find(below: mountpoint)
    let named = users.prefix(usersMax).map(\.text).joined(separator: "; ")
    if users.count > usersMax {
      return "\(named); and \(Quantity.count(users.count - usersMax, "more process", "more processes"))"
    }
    if !users.isEmpty { return named }
    let inner = ((try? MountTable.current()) ?? []).map(\.mountpoint).filter {
      $0 != mountpoint && PathText.isInside($0, mountpoint)
    }
    if let inner = inner.first { return "\(inner) is mounted on it" }
    return Processes.isRoot ? "by nobody that can be seen" : "by nobody whom only root can see; ask root"
  }
}
