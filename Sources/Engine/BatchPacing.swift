/// Keeps plans short where each operation takes long: then many small plans are under way at a time instead of few large ones,
/// and who waits for one file does not wait for sixty others.
///
/// Only for operations that are synced one by one, as on remote filesystems: where one syncfs(2) makes a whole plan durable,
/// large plans are what makes it cheap.
struct BatchPacing {
  /// What an operation took: an average over some plans.
  private var nanosecondsPerOperation: Double?
  private static let weight = 0.3
  private static let planNanoseconds = 200_000_000.0
  /// How large a plan is as long as nothing is known.
  private static let operationsAtFirst = 8

  mutating func note(operations: Int, nanoseconds: Int) {
    guard operations > 0 else { return }
    let measured = Double(nanoseconds) / Double(operations)
    let average = nanosecondsPerOperation ?? measured
    nanosecondsPerOperation = average + (measured - average) * Self.weight
  }

  /// How many operations a plan may have.
  var operationsMax: Int {
    guard let nanosecondsPerOperation else { return Self.operationsAtFirst }
    return max(1, Int(min(Self.planNanoseconds / max(nanosecondsPerOperation, 1), 1_000_000)))
  }
}
