import Glibc
import Support
import Threading

/// The enumeration of many workloads on several threads.
final class EnumerationRun: Sendable {
  struct Result {
    var workloads = 0
    var counts = TrialCounts()
    var possibleCrashes = 0
    var violations: [String] = []

    fileprivate mutating func add(_ enumeration: CrashEnumeration, _ violation: String?) {
      workloads += 1
      counts = counts + enumeration.counts
      possibleCrashes += enumeration.possibleCrashes
      if let violation { violations.append(violation) }
    }

    var text: String {
      "\(counts.crashes) crashes tried (of \(possibleCrashes), the others leave equal disks), \(counts.recoveries) recoveries, "
        + "\(counts.states) trees compared, \(violations.count) violations"
    }
  }

  private struct State {
    var next = SimulationSettings.firstWorkload
    var result = Result()
    var told = SimulationSettings.now()
  }

  private static let violationsMax = 10
  private static let secondsBetweenLines = 60.0

  private let title: String
  private let workloads: [[WorkloadOperation]]
  private let again: Bool
  private let crashesMax: Int
  private let seed: UInt64
  private let end: Double
  private let state = Lock(State())

  /// - Parameters:
  ///   - again: each crash is followed by another.
  ///   - end: when no further workload is begun.
  init(title: String, _ workloads: [[WorkloadOperation]], again: Bool, crashesMax: Int, seed: UInt64, end: Double) {
    self.title = title
    self.workloads = workloads
    self.again = again
    self.crashesMax = crashesMax
    self.seed = seed
    self.end = end
  }

  func run(threads: Int) throws -> Result {
    let pool = try ThreadPool(name: "enumeration", threadsMax: threads, stackBytes: 8 << 20)
    for _ in 0..<threads { pool.run { while self.runNext() {} } }
    pool.shutdown(waiting: nil)
    return state.withLock { $0.result }
  }

  /// Each workload has its own seed, whichever thread takes it.
  private func runNext() -> Bool {
    let taken = state.withLock { state -> Int? in
      guard state.next < workloads.count, SimulationSettings.now() < end, state.result.violations.count < Self.violationsMax
      else { return nil }
      state.next += 1
      return state.next - 1
    }
    guard let place = taken else { return false }
    let isTiny = place % 4 == 3
    var generator = SeededGenerator(seed: seed &+ UInt64(place))
    var enumeration = CrashEnumeration(
      tree: .small, options: isTiny ? .tiny() : .small(), seed: seed &+ UInt64(place))
    let why = enumeration.firstViolation(workloads[place], again: again, crashesMax: crashesMax, using: &generator)
    let violation = why.map { "seed \(enumeration.seed), tiny \(isTiny): \($0)" }
    if let violation { print("\(title), workload \(place): \(violation)") }
    state.withLock { state in
      state.result.add(enumeration, violation)
      guard SimulationSettings.now() > state.told + Self.secondsBetweenLines else { return }
      state.told = SimulationSettings.now()
      print("\(title): \(state.result.workloads) of \(workloads.count) workloads so far, \(state.result.text)")
      fflush(nil)
    }
    return true
  }
}
