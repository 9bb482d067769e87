import FilesystemModel
import StorageInterface
import Threading

/// A clock that a test turns by hand. It stands still otherwise.
package final class SimulatedClock: Clock {
  /// What the clock shows.
  package struct Reading: Sendable {
    fileprivate var time: Timestamp
    fileprivate var uptimeMilliseconds: Int
    fileprivate let nanosecondsPerReading: Int
  }

  private let state: Lock<Reading>

  /// - Parameter nanosecondsPerReading: how far each `now()` moves the time of day, so that no two readings are equal.
  package init(startingAt time: Timestamp = Timestamp(seconds: 1_700_000_000), nanosecondsPerReading: Int = 0) {
    state = Lock(Reading(time: time, uptimeMilliseconds: 0, nanosecondsPerReading: nanosecondsPerReading))
  }

  package func now() -> Timestamp {
    state.withLock { state in
      let time = state.time
      state.time = time.adding(nanoseconds: state.nanosecondsPerReading)
      return time
    }
  }

  package func uptimeNanoseconds() -> Int { state.withLock { $0.uptimeMilliseconds } * 1_000_000 }

  /// Moves the time of day and the uptime.
  package func advance(milliseconds: Int) {
    state.withLock { state in
      state.time = state.time.adding(nanoseconds: milliseconds * 1_000_000)
      state.uptimeMilliseconds += milliseconds
    }
  }

  /// Moves the uptime alone.
  package func advanceUptime(milliseconds: Int) { state.withLock { $0.uptimeMilliseconds += milliseconds } }

  package var reading: Reading { state.withLock { $0 } }

  /// Goes back, or forth, to where the clock was.
  package func turn(to reading: Reading) { state.withLock { $0 = reading } }

  /// Sets the time of day, perhaps backward; the uptime stays.
  package func set(_ time: Timestamp) { state.withLock { $0.time = time } }
}

extension Timestamp {
  package func adding(nanoseconds added: Int) -> Timestamp {
    let total = Int(nanoseconds) + added
    let (carry, rest) = total.quotientAndRemainder(dividingBy: 1_000_000_000)
    return rest < 0
      ? Timestamp(seconds: seconds + Int64(carry) - 1, nanoseconds: UInt32(rest + 1_000_000_000))
      : Timestamp(seconds: seconds + Int64(carry), nanoseconds: UInt32(rest))
  }
}
