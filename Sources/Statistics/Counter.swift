import Synchronization

/// A number that only grows. No lock; any thread may add at any time.
package final class Counter: MetricSource {
  private let description: MetricDescription
  private let number = Atomic<Int>(0)

  /// - Parameter name: ends in `_total`, before that in the unit if it has one.
  package init(_ name: String, _ help: String, _ unit: MetricUnit = .number) {
    description = MetricDescription(name: name, help: help, unit: unit)
  }

  package func add(_ count: Int = 1) { number.wrappingAdd(count, ordering: .relaxed) }

  package var value: Int { number.load(ordering: .relaxed) }

  package var families: [MetricFamily] { [description.family(.counter, [MetricSample(.number(value))])] }
}
