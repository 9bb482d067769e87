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
  /// What write-back carries out in a second when there is enough to do, in bytes as `cost` counts them: an average over some
  /// seconds.
  private(set) var bytesPerSecond = 8.0 * 1024 * 1024
  private var windowBeganAt = 0
  private var windowBeganWith = 0
  private var operations = 0
  /// When the changes that were let through so far have had their time.
  private var nextMilliseconds = 0.0

  private static let windowMilliseconds = 500
  private static let windowWeight = 0.15
  private static let batchBytesMin = 1 << 20
  /// A backing directory that hangs is not slower than this: at the limit changes wait for it in any case.
  private static let bytesPerSecondMin = 64.0 * 1024
  /// The longest time for which one change is held up below the limit.
  private static let delayMillisecondsMax = 5000.0
  /// How full the journal itself may be, in percent, whatever the limits for dirty data: it holds also what is not retired yet,
  /// and what was overwritten.
  private static let journalBackgroundPercent = 75
  private static let journalLimitPercent = 95

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

  /// Takes note of operations that were written back.
  mutating func noteWrittenBack(operations count: Int) { operations += count }

  /// Looks at how much was written to the backing directory, now and then while plans are under way.
  ///
  /// - Parameters:
  ///   - bytesWritten: since the mount. What is written counts before it is synced: what is released all at once when a plan ends
  ///     tells little of the pace.
  ///   - isPressed: Whether there was enough to do. Else nothing is learned from how little it was.
  mutating func measure(bytesWritten: Int, isPressed: Bool, now: Int) {
    let milliseconds = now - windowBeganAt
    guard milliseconds >= Self.windowMilliseconds else { return }
    let bytes = bytesWritten + operations * Self.bytesPerOperation
    let measured = Double(bytes - windowBeganWith) * 1000 / Double(milliseconds)
    // After a pause there is nothing to learn from the time in which nothing was to be done.
    if milliseconds < 20 * Self.windowMilliseconds, isPressed || measured > bytesPerSecond {
      bytesPerSecond += (max(Self.bytesPerSecondMin, measured) - bytesPerSecond) * Self.windowWeight
    }
    windowBeganAt = now
    windowBeganWith = bytes
  }

  /// How many bytes one plan may write: what takes half a second, of several files. With larger ones what is pending, and so the
  /// pace, would go down in long steps, and a change that waits for room would wait for a whole plan.
  var batchBytes: Int { max(Self.batchBytesMin, Int(bytesPerSecond / 2)) }
  /// How many bytes plans may have under way, for the same reason: what takes two seconds.
  var bytesUnderWayMax: Int { Int(bytesPerSecond * 2) }
}

extension Engine.Shared {
  var flowLevel: FlowControl.Level {
    FlowControl.Level(
      dirtyBytes: state.cache.dirtyBytes + state.queue.count * FlowControl.bytesPerOperation,
      journalBytes: state.journal.usedBytes)
  }

  /// Whether write-back must not wait for more changes: room is short, or soon will be.
  mutating func updatePressure() {
    state.queue.setPressure(isPressed)
    state.queue.limitBatches(toBytes: flow.batchBytes, operations: pacing?.operationsMax ?? .max)
  }

  /// Whether one more plan may begin. While changes are slowed down no more is under way than serves throughput: all of many
  /// large plans would end late, and until then nothing makes room.
  func hasTurn(running: Int) -> Bool {
    guard running >= 2, flow.fraction(flowLevel) > 0 else { return true }
    return plans.values.reduce(0) { $0 + ($1.isRunning ? $1.bytesLeft : 0) } < flow.bytesUnderWayMax
  }

  var isPressed: Bool { parking.isShortOfRoom || flow.fraction(flowLevel) > 0 }
}
