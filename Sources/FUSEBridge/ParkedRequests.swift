/// Requests that `submit` left unanswered, and interrupts that came before: the thread that reads an interrupt is not the one
/// that reads the request.
struct ParkedRequests {
  struct Parked {
    /// What the handler's `interrupt` takes.
    var number: UInt64
    /// The thread that waits, as this process sees it; 0 when it does not.
    var thread: UInt32
  }

  /// By the kernel's number.
  private var waiting: [UInt64: Parked] = [:]
  /// The kernel's numbers of requests that were to be interrupted and were not listed: most of them are answered already.
  private var early: [UInt64] = []
  /// More than there are threads that submit.
  private static let earlyMax = 1024

  /// Lists a request; whether it is to be interrupted at once.
  mutating func add(_ unique: UInt64, _ parked: Parked) -> Bool {
    waiting[unique] = parked
    guard let index = early.firstIndex(of: unique) else { return false }
    early.remove(at: index)
    return true
  }

  mutating func remove(_ unique: UInt64) { waiting[unique] = nil }

  /// All that wait, in no order.
  var all: [Parked] { Array(waiting.values) }

  /// What the handler calls the request, or `nil` when it is not listed: if it ever is, it is interrupted then.
  mutating func interrupt(_ unique: UInt64) -> UInt64? {
    if let parked = waiting[unique] { return parked.number }
    if early.count == Self.earlyMax { early.removeFirst(Self.earlyMax / 2) }
    early.append(unique)
    return nil
  }
}
