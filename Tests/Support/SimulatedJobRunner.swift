import StorageInterface
import Threading

/// Keeps jobs until a test runs them, in the order that the test's random numbers choose.
package final class SimulatedJobRunner: JobRunner {
  private struct State: Sendable {
    var waiting: [(kind: JobKind, job: @Sendable () -> Void)] = []
    var runCounts: [JobKind: Int] = [:]
  }

  private let state = Lock(State())

  package init() {}

  package func run(_ kind: JobKind, _ job: @escaping @Sendable () -> Void) { state.withLock { $0.waiting.append((kind, job)) } }

  /// How many jobs wait, of one kind or of all.
  package func waitingCount(_ kind: JobKind? = nil) -> Int {
    state.withLock { state in state.waiting.count { kind == nil || $0.kind == kind } }
  }

  /// How many jobs of a kind were run.
  package func runCount(_ kind: JobKind) -> Int { state.withLock { $0.runCounts[kind] ?? 0 } }

  /// Runs one waiting job of the given kinds on this thread, chosen at random.
  ///
  /// - Returns: its kind; `nil` when none waits.
  @discardableResult
  package func runOne(
    of kinds: [JobKind] = JobKind.allCases, using generator: inout some RandomNumberGenerator
  ) -> JobKind? {
    let chosen = state.withLock { state -> (kind: JobKind, job: @Sendable () -> Void)? in
      let places = state.waiting.indices.filter { kinds.contains(state.waiting[$0].kind) }
      guard let place = places.randomElement(using: &generator) else { return nil }
      let chosen = state.waiting.remove(at: place)
      state.runCounts[chosen.kind, default: 0] += 1
      return chosen
    }
    chosen?.job()
    return chosen?.kind
  }

  /// Runs the oldest waiting job of the given kinds.
  @discardableResult
  package func runOldest(of kinds: [JobKind] = JobKind.allCases) -> JobKind? {
    var first = FirstChoice()
    return runOne(of: kinds, using: &first)
  }

  /// Runs jobs in random order, also those that they add, until none waits.
  ///
  /// - Parameter limit: more jobs than this are taken for a loop and end the test.
  /// - Returns: how many were run.
  @discardableResult
  package func runAll(
    of kinds: [JobKind] = JobKind.allCases, using generator: inout some RandomNumberGenerator, limit: Int = 1_000_000
  ) -> Int {
    var count = 0
    while runOne(of: kinds, using: &generator) != nil {
      count += 1
      precondition(count <= limit, "jobs go on adding jobs")
    }
    return count
  }

  /// Runs jobs oldest first until none waits.
  @discardableResult
  package func runAll(of kinds: [JobKind] = JobKind.allCases, limit: Int = 1_000_000) -> Int {
    var first = FirstChoice()
    return runAll(of: kinds, using: &first, limit: limit)
  }

  /// Forgets all waiting jobs, as the death of the process does.
  package func discardAll() { state.withLock { $0.waiting = [] } }
}

/// Always chooses the first element. The library draws again, here for ever, when it is given 0 and the count is no power of two.
private struct FirstChoice: RandomNumberGenerator {
  func next() -> UInt64 { 1 }
}
