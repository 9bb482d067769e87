/// A part of the journal's capacity, or so many bytes.
package enum JournalShare: Hashable, Sendable {
  case bytes(Int)
  case percent(Int)

  package func bytes(ofCapacity capacity: Int) -> Int {
    switch self {
    case .bytes(let bytes): bytes
    case .percent(let percent): capacity / 100 * percent
    }
  }
}

/// Slows changes down before memory and journal are full, in proportion to how far they are above a background level.
///
/// Below the background level changes are not slowed at all. From there on write-back does not wait for `writeback_delay`, and
/// changes are let through one after the other at the pace of write-back times a factor, which is without bound at the
/// background level, 1 half way to the limit, and 0 at the limit: so what comes settles at what goes, between the two, however
/// many writers there are and however wrong the pace is estimated. In spirit Linux's `balance_dirty_pages`.
struct FlowControl {
  private let backgroundBytes: Int
  private let limitBytes: Int
  private let journalCapacityBytes: Int
  /// What write-back carries out in a second, in bytes as `cost` counts them: an average over some seconds.
  private var bytesPerSecond = 64.0 * 1024 * 1024
  private var windowBeganAt = 0
  private var windowBytes = 0
  /// When the changes that were let through so far have had their time.
  private var nextMilliseconds = 0.0

  private static let windowMilliseconds = 500
  /// A backing directory that hangs is not slower than this: at the limit changes wait for it in any case.
  private static let bytesPerSecondMin = 64.0 * 1024
  /// The longest time for which one change is held up below the limit.
  private static let delayMillisecondsMax = 5000.0
  /// How full the journal itself may be, in percent, whatever the limits for dirty data.
  private static let journalBackgroundPercent = 50
  private static let journalLimitPercent = 80

  init(background: JournalShare, limit: JournalShare, journalCapacityBytes: Int) {
    self.journalCapacityBytes = journalCapacityBytes
    limitBytes = max(1, limit.bytes(ofCapacity: journalCapacityBytes))
    backgroundBytes = min(background.bytes(ofCapacity: journalCapacityBytes), limitBytes - 1)
  }

  /// What is not written back, and what the journal holds, in bytes.
  struct Level {
    var dirtyBytes: Int
    var journalBytes: Int
  }

  /// What a change, or an operation that is written back, counts for besides its data.
  static let bytesPerOperation = 512

  /// How far it is from the background level (0) to the limit (1 and above).
  func fraction(_ level: Level) -> Double {
    func part(_ value: Int, _ background: Int, _ limit: Int) -> Double {
      value <= background ? 0 : Double(value - background) / Double(limit - background)
    }
    let percent = max(1, journalCapacityBytes / 100)
    return max(
      part(level.dirtyBytes, backgroundBytes, limitBytes),
      part(level.journalBytes, percent * Self.journalBackgroundPercent, percent * Self.journalLimitPercent))
  }

  /// How long a change must wait that comes now; 0 below the background level.
  ///
  /// - Parameter bytes: its data.
  mutating func delayMilliseconds(bytes: Int, _ level: Level, now: Int) -> Int {
    let fraction = min(fraction(level), 0.999)
    guard fraction > 0 else {
      nextMilliseconds = Double(now)
      return 0
    }
    let factor = (1 - fraction) / fraction
    let cost = Double(bytes + Self.bytesPerOperation) * 1000 / (bytesPerSecond * factor)
    nextMilliseconds = min(max(nextMilliseconds, Double(now)) + cost, Double(now) + Self.delayMillisecondsMax)
    return Int(nextMilliseconds) - now
  }

  /// Takes note of what was written back, also of nothing, while something waits for it.
  mutating func noteWrittenBack(bytes: Int, now: Int) {
    windowBytes += bytes
    let milliseconds = now - windowBeganAt
    guard milliseconds >= Self.windowMilliseconds else { return }
    // After a pause there is nothing to learn from the time in which nothing was to be done.
    if milliseconds < 20 * Self.windowMilliseconds {
      let measured = Double(windowBytes) * 1000 / Double(milliseconds)
      bytesPerSecond = max(Self.bytesPerSecondMin, bytesPerSecond * 0.7 + measured * 0.3)
    }
    windowBeganAt = now
    windowBytes = 0
  }
}

extension Engine.Shared {
  var flowLevel: FlowControl.Level {
    FlowControl.Level(
      dirtyBytes: state.cache.dirtyBytes + state.queue.count * FlowControl.bytesPerOperation,
      journalBytes: state.journal.usedBytes)
  }

  /// Whether write-back must not wait for more changes: room is short, or soon will be.
  mutating func updatePressure() { state.queue.setPressure(parking.isShortOfRoom || flow.fraction(flowLevel) > 0) }
}
