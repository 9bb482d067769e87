import Control
import Threading
import WriteAheadLog

/// Tells on standard error how far the reading of a journal is, when it takes long.
final class ReadingProgress: Sendable {
  private struct Shown {
    var line: ProgressLine
    var meter = ProgressMeter()
  }

  private static let quietMilliseconds = 500
  private let doing: String
  private let startedAt: Int
  private let shown: Lock<Shown>

  /// - Parameter doing: what is done: `checking the journal`.
  init(_ doing: String, line: ProgressLine = ProgressLine(), startedAt: Int = Monotonic.milliseconds()) {
    self.doing = doing
    self.startedAt = startedAt
    shown = Lock(Shown(line: line))
  }

  func note(_ reading: JournalReading, now: Int = Monotonic.milliseconds()) {
    shown.withLock { shown in
      if !shown.meter.hasWaited {
        shown.meter.note(ControlProgress(bytesLeft: reading.bytesTotal, operationsLeft: 0), now: startedAt)
      }
      shown.meter.note(ControlProgress(bytesLeft: reading.bytesTotal - reading.bytesRead, operationsLeft: 0), now: now)
      guard now - startedAt >= Self.quietMilliseconds else { return }
      shown.line.show("\(doing): \(shown.line.isTerminal ? shown.meter.bar : "")\(shown.meter.text)", now: now)
    }
  }

  func end() { shown.withLock { $0.line.end() } }
}
