import CLinux
import FilesystemModel
import StorageInterface

// SAFETY: every C call gets arrays that live for the call, with their own length or a NUL at their end, and local structures to
// fill.

/// The machine's clocks.
package final class SystemClock: Clock {
  package init() {}

  /// CLOCK_REALTIME.
  package func now() -> Timestamp {
    var seconds: Int64 = 0
    var nanoseconds: UInt32 = 0
    unsafe linux_time_of_day(&seconds, &nanoseconds)
    return Timestamp(seconds: seconds, nanoseconds: nanoseconds)
  }

  /// CLOCK_MONOTONIC.
  package func uptimeNanoseconds() -> Int { Int(linux_uptime_nanoseconds()) }
}
