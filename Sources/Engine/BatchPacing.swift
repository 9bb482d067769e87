/// Keeps plans short where each operation takes long: then many small plans are under way at a time instead of few large ones,
/// and who waits for one file does not wait for sixty others.
///
/// Only operations that are synced one by one are counted, as on remote filesystems: where one syncfs(2) makes a whole plan
/// durable, large plans are what makes it cheap.
struct BatchPacing {
  /// What an operation took: an average over some plans. 0 as long as nothing is known.
  private var nanosecondsPerOperation = 0.0
  private static let weight = 0.3
  private static let planNanoseconds = 200_000_000.0

  mutating func note(operations: Int, nanoseconds: Int) {
    guard operations > 0 else { return }
    let measured = Double(nanoseconds) / Double(operations)
    nanosecondsPerOperation += (measured - nanosecondsPerOperation) * (nanosecondsPerOperation == 0 ? 1 : Self.weight)
  }

  /// How many operations a plan may have.
  var operationsMax: Int {
    nanosecondsPerOperation == 0 ? .max : max(1, Int(min(Self.planNanoseconds / nanosecondsPerOperation, 1_000_000)))
  }
}
