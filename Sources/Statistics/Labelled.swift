/// The values of a label.
package protocol LabelValue: CaseIterable, Sendable {
  /// The place in `allCases`.
  var place: Int { get }
  /// As it is shown.
  var label: String { get }
}

extension LabelValue where Self: RawRepresentable<Int> {
  package var place: Int { rawValue }
}

/// Counters, or histograms, that differ in the value of one label. All values are there from the start, so that a counter that is
/// still zero is seen, too.
package final class Labelled<Value: LabelValue, Metric: MetricSource>: MetricSource {
  private let name: String
  private let metrics: [Metric]

  /// - Parameters:
  ///   - name: of the label.
  ///   - make: makes the metric of one value; all have the same description.
  package init(_ name: String, by: Value.Type = Value.self, _ make: () -> Metric) {
    self.name = name
    metrics = Value.allCases.map { _ in make() }
    for (place, value) in Value.allCases.enumerated() { precondition(value.place == place, "labels are in order") }
  }

  package subscript(value: Value) -> Metric { metrics[value.place] }

  package var families: [MetricFamily] {
    var merged: [MetricFamily] = []
    for value in Value.allCases {
      for (place, var family) in self[value].families.enumerated() {
        family.samples = family.samples.map { $0.labelled(name, value.label) }
        if merged.count == place { merged.append(family) } else { merged[place].samples += family.samples }
      }
    }
    return merged
  }
}
