import Control
import Threading
import WriteAheadLog

/// Tells on standard error how far the reading of a journal is, when it takes long.
final class ReadingProgress: Sendable {
  private struct Shown {
    var line: ProgressLine
    var meter = ProgressMeter()
    var startedAt: Int?
  }

  private static let quietMilliseconds = 500
  private let doing: String
  private let shown: Lock<Shown>

  /// - Parameter doing: what is done: `checking the journal`.
  init(_ doing: String, line: ProgressLine = ProgressLine()) {
    self.doing = doing
    shown = Lock(Shown(line: line))
  }

  func note(_ reading: JournalReading, now: Int = Monotonic.milliseconds()) {
    shown.withLock { shown in
      let started = shown.startedAt ?? now
      shown.startedAt = started
      shown.meter.note(ControlProgress(bytesLeft: reading.bytesTotal - reading.bytesRead, operationsLeft: 0), now: now)
      guard now - started >= Self.quietMilliseconds else { return }
      shown.line.show("\(doing): \(shown.line.isTerminal ? shown.meter.bar : "")\(shown.meter.text)", now: now)
    }
  }

  func end() { shown.withLock { $0.line.end() } }
}
