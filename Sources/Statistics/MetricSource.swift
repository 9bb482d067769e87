/// Something that counts.
package protocol MetricSource: AnyObject, Sendable {
  /// What was counted so far.
  var families: [MetricFamily] { get }
}

/// The metrics of one part of the daemon: a class whose stored properties are `Counter`, `Histogram` or `Labelled`. To declare
/// one is all that it takes to have it told.
package protocol MetricSet: AnyObject, Sendable {}

extension MetricSet {
  /// What all its metrics have counted so far, in the order of their declarations.
  package var families: [MetricFamily] {
    Mirror(reflecting: self).children.flatMap { ($0.value as? any MetricSource)?.families ?? [] }
  }
}

/// What all samples of a metric have in common.
struct MetricDescription: Hashable, Sendable {
  var name: String
  var help: String
  var unit: MetricUnit

  func family(_ kind: MetricKind, _ samples: [MetricSample]) -> MetricFamily {
    MetricFamily(name: name, help: help, kind: kind, unit: unit, samples: samples)
  }
}
