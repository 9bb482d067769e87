import Control
import FilesystemModel

/// `ebbfs top`: what a mount does, drawn anew every second.
enum TopCommand {
  private static let everyMilliseconds = 1000

  static func run(_ mountpoint: String?) throws(CommandFailure) {
    let entry = if let mountpoint { try DaemonCommands.find(mountpoint) } else { try onlyMount() }
    var screen = TopScreen()
    screen.take(try moment(entry))
    Signals.prepare()
    guard let terminal = Terminal.take() else {
      throw CommandFailure(.usage, "top needs a terminal; `ebbfs stats MOUNTPOINT --watch` prints lines")
    }
    while draw(screen, terminal), obey(terminal, &screen), !Signals.isPending {
      screen.take(try moment(entry))
    }
  }

  private static func onlyMount() throws(CommandFailure) -> RegistryEntry {
    let entries = Registry.host.entries()
    guard let entry = entries.first else { throw CommandFailure(.notMounted, "no ebbfs daemon is running") }
    guard entries.count == 1 else {
      throw CommandFailure(.usage, "which mount? " + entries.map { "ebbfs top \($0.mountpoint)" }.joined(separator: ", "))
    }
    return entry
  }

  private static func moment(_ entry: RegistryEntry) throws(CommandFailure) -> TopScreen.Moment {
    guard case .status(let status) = try DaemonCommands.ask(.status, entry),
      case .statistics(let statistics) = try DaemonCommands.ask(.statistics, entry),
      case .activity(let activity) = try DaemonCommands.ask(.activity, entry)
    else { throw CommandFailure(.failed, "process \(entry.process) answered something else than what it does") }
    return TopScreen.Moment(status: status, statistics: statistics, activity: activity)
  }

  /// - Returns: whether there still is a terminal.
  private static func draw(_ screen: TopScreen, _ terminal: borrowing Terminal) -> Bool {
    let size = terminal.size
    return (try? terminal.draw(screen.lines(width: size.width, height: size.height))) != nil
  }

  /// Obeys keys until the next moment.
  ///
  /// - Returns: whether to go on.
  private static func obey(_ terminal: borrowing Terminal, _ screen: inout TopScreen) -> Bool {
    let end = Monotonic.milliseconds() + everyMilliseconds
    while !Signals.isPending, end > Monotonic.milliseconds() {
      guard let keys = terminal.keys(withinMilliseconds: min(200, end - Monotonic.milliseconds())) else { return false }
      for key in keys where !screen.press(key) { return false }
      if !keys.isEmpty, !draw(screen, terminal) { return false }
    }
    return true
  }
}
