import Control

/// The exit statuses of all commands. The README and `--help` show this table; numbers are never reused.
enum ExitStatus: Int32, CaseIterable, Sendable {
  case success = 0
  case failed = 1
  case usage = 2
  case backingDirectory = 3
  case mountpoint = 4
  case stateDirectory = 5
  case inUse = 6
  case journal = 7
  case mount = 8
  case notMounted = 9
  case busy = 10
  case incomplete = 11
  case daemonDied = 12
  case deadLetters = 13
  case notRetained = 14
  case pending = 15
  case conflict = 16

  /// The same for `ebbfs status`, where 0 to 2 are the level of health, and 3 is that nothing is known of it.
  var ofStatusCommand: Int32 { rawValue <= Int32(Health.Level.critical.rawValue) ? 3 : rawValue }

  /// What it means to whoever wrote the script.
  var meaning: String {
    switch self {
    case .success: "success"
    case .failed: "the command failed for another reason, which its message tells"
    case .usage: "unknown or malformed command, option or argument"
    case .backingDirectory: "the backing directory is missing, not a directory or unreadable"
    case .mountpoint: "the mountpoint is missing, taken, or in a place where it cannot be"
    case .stateDirectory: "the state directory cannot be used, or its disk is too small"
    case .inUse: "a live daemon has the journal of this backing directory"
    case .journal: "the journal is of another backing directory, of a newer version, or corrupt"
    case .mount: "the kernel or fusermount3 refused the mount"
    case .notMounted: "no ebbfs daemon has this mountpoint"
    case .busy: "files of the mount are in use"
    case .incomplete: "ended before everything was written back; the journal keeps the rest"
    case .daemonDied: "the daemon ended without saying why"
    case .deadLetters: "all that was asked for is written back but dead letters and what is behind them; the journal keeps these"
    case .notRetained: "records or bytes that were asked for are not in the journal any more"
    case .pending: "what was asked about is not yet written back, or not in the given time; the journal keeps it"
    case .conflict: "the file is written back, and a version of somebody else is kept beside it"
    }
  }
}

/// Why a command ends without success: the status for scripts and one line for people.
struct CommandFailure: Error, Hashable, Sendable {
  var status: ExitStatus
  /// One line, without the program's name.
  var message: String

  init(_ status: ExitStatus, _ message: String) {
    self.status = status
    // One line is promised, whatever a path or a library's message holds.
    self.message = TerminalText.line(message)
  }
}
