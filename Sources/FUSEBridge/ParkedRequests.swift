/// Requests that `submit` left unanswered, and interrupts that came before: the thread that reads an interrupt is not the one
/// that reads the request.
struct ParkedRequests {
  /// By the kernel's number: what the handler's `interrupt` takes.
  private var numbers: [UInt64: UInt64] = [:]
  /// The kernel's numbers of requests that were to be interrupted and were not listed: most of them are answered already.
  private var early: [UInt64] = []
  /// More than there are threads that submit.
  private static let earlyMax = 1024

  /// Lists a request; whether it is to be interrupted at once.
  mutating func add(_ unique: UInt64, _ number: UInt64) -> Bool {
    numbers[unique] = number
    guard let index = early.firstIndex(of: unique) else { return false }
    early.remove(at: index)
    return true
  }

  mutating func remove(_ unique: UInt64) { numbers[unique] = nil }

  /// What the handler calls the request, or `nil` when it is not listed: if it ever is, it is interrupted then.
  mutating func interrupt(_ unique: UInt64) -> UInt64? {
    if let number = numbers[unique] { return number }
    if early.count == Self.earlyMax { early.removeFirst(Self.earlyMax / 2) }
    early.append(unique)
    return nil
  }
}
