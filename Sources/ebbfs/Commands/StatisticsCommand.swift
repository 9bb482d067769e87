import Control
import FilesystemModel
import Glibc

/// `ebbfs stats`: what a daemon counts.
enum StatisticsCommand {
  /// Lines of `--watch` after which the heading comes again.
  private static let linesPerHeading = 20

  /// Prints one mount, or all that this user may ask.
  static func run(_ mountpoint: String?, _ form: StatisticsForm) throws(CommandFailure) {
    if case .watch(let seconds) = form, let mountpoint { try watch(mountpoint, seconds: seconds) }
    if case .exposition(let place) = form {
      let exposition = StatisticsExposition(place: place) { () throws(CommandFailure) in
        StatisticsReport.prometheusText(of: try DaemonCommands.ask(mountpoint, report))
      }
      return try exposition.run()
    }
    let reports = try DaemonCommands.ask(mountpoint, report)
    if form == .prometheus {
      print(StatisticsReport.prometheusText(of: reports), terminator: "")
    } else {
      DaemonCommands.show(form == .json ? nil : reports.map(\.text), json: reports.map(\.json), isOne: mountpoint != nil)
    }
  }

  /// Prints rates until the daemon ends or a signal comes.
  private static func watch(_ mountpoint: String, seconds: Int) throws(CommandFailure) -> Never {
    let entry = try DaemonCommands.find(mountpoint)
    var before = try report(entry)
    var lines = 0
    while true {
      if lines.isMultiple(of: linesPerHeading) { try write(StatisticsRates.heading) }
      lines += 1
      Monotonic.sleep(milliseconds: seconds * 1000)
      let after = try report(entry)
      try write(StatisticsRates.line(from: before, to: after))
      before = after
    }
  }

  /// At once, whatever standard output is: `print` keeps lines for a pipe.
  private static func write(_ line: String) throws(CommandFailure) {
    let output = Descriptor(owning: STDOUT_FILENO)
    do throws(Errno) {
      try output.write(Array((line + "\n").utf8))
      _ = output.release()
    } catch {
      throw CommandFailure(.failed, "standard output: \(error.message)")
    }
  }

  private static func report(_ entry: RegistryEntry) throws(CommandFailure) -> StatisticsReport {
    guard case .statistics(let report) = try DaemonCommands.ask(.statistics, entry) else {
      throw CommandFailure(.failed, "process \(entry.process) answered something else than its statistics")
    }
    return report
  }
}
