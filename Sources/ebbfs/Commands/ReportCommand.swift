import Control
import FilesystemModel

/// `ebbfs report`: one page with charts of what the daemons remember.
enum ReportCommand {
  /// - Parameter output: a file that is replaced as a whole; `nil` for standard output.
  static func run(_ mountpoint: String?, output: String?) throws(CommandFailure) {
    let mounts = try DaemonCommands.ask(mountpoint) { (entry) throws(CommandFailure) in
      guard case .status(let status) = try DaemonCommands.ask(.status, entry),
        case .history(let history) = try DaemonCommands.ask(.history, entry)
      else { throw CommandFailure(.failed, "process \(entry.process) answered something else than its history") }
      return (status, history)
    }
    let page = HistoryPage.html(mounts)
    do throws(Errno) {
      if let output {
        try Files.replaceText(output, with: page, permissions: 0o644)
      } else {
        try StandardDescriptors.print(page)
      }
    } catch {
      throw CommandFailure(.failed, "\(output ?? "standard output"): \(error.message)")
    }
  }
}
