import Control

/// What systemd is told of a daemon, see sd_notify(3): what has changed, signs of life as often as it wants them, and during the
/// end that it goes on.
struct ServiceStatus {
  private var toldStatus = ""
  private var leastLeft: ControlProgress?
  private var lastSignOfLife: Int?
  /// What systemd adds to the time that a unit has to stop, each time less is left to write back.
  static let patienceMicroseconds = 120_000_000
  private static let signsOfLifePerInterval = 3
  private let watchdogMilliseconds: Int?

  /// - Parameter watchdogMicroseconds: the longest time without a sign of life, `WATCHDOG_USEC`.
  init(watchdogMicroseconds: String? = Processes.environmentValue("WATCHDOG_USEC")) {
    watchdogMilliseconds = watchdogMicroseconds.flatMap { Int($0) }.map { $0 / 1000 }
  }

  /// - Parameter now: an uptime in milliseconds.
  /// - Returns: `nil` when there is nothing to tell.
  mutating func lines(_ status: String, left: ControlProgress? = nil, now: Int) -> String? {
    var lines: [String] = []
    if status != toldStatus {
      toldStatus = status
      lines.append("STATUS=" + TerminalText.line(status))
    }
    if let left, isProgress(left) { lines.append("EXTEND_TIMEOUT_USEC=\(Self.patienceMicroseconds)") }
    if let watchdogMilliseconds, now - (lastSignOfLife ?? .min / 2) >= watchdogMilliseconds / Self.signsOfLifePerInterval {
      lastSignOfLife = now
      lines.append("WATCHDOG=1")
    }
    return lines.isEmpty ? nil : lines.joined(separator: "\n")
  }

  private mutating func isProgress(_ left: ControlProgress) -> Bool {
    guard let least = leastLeft else {
      leastLeft = left
      return true
    }
    leastLeft = ControlProgress(
      bytesLeft: min(least.bytesLeft, left.bytesLeft), operationsLeft: min(least.operationsLeft, left.operationsLeft))
    return leastLeft != least
  }

  /// What a mount that serves is told to be.
  static func text(_ report: StatusReport) -> String {
    let pending = report.isClean ? "everything is written back" : "\(ProgressText.left(report.progress)) not yet written back"
    return "serving, \(pending)" + (report.health.level == .ok ? "" : "; \(report.health.text)")
  }
}
