import Statistics

/// What `ebbfs stats` shows of one mount.
package struct StatisticsReport: Hashable, Sendable {
  package var mountpoint: String
  package var version: String
  package var uptimeMilliseconds: Int
  package var families: [MetricFamily]

  package init(mountpoint: String = "", version: String = "", uptimeMilliseconds: Int = 0, families: [MetricFamily] = []) {
    self.mountpoint = mountpoint
    self.version = version
    self.uptimeMilliseconds = uptimeMilliseconds
    self.families = families
  }

  /// The sum of a family's numbers, of a histogram the number of its values; of those samples that have the label, if one is
  /// given. 0 if the daemon does not know the family.
  package func total(_ name: String, _ label: MetricSample.Label? = nil) -> Int {
    let samples = families.first { $0.name == name }?.samples ?? []
    return samples.reduce(0) { sum, sample in
      if let label, !sample.labels.contains(label) { return sum }
      return switch sample.value {
      case .number(let number): sum &+ number
      case .histogram(let snapshot): sum &+ snapshot.count
      }
    }
  }
}

extension MetricFamily {
  /// A number of this family as it is written for machines: without exponent, bytes in bytes, times in seconds.
  func decimal(_ number: Int) -> String { Quantity.decimal(number, digits: unit == .seconds ? 9 : 0) }

  /// The same for people.
  func quantity(_ number: Int) -> String {
    switch unit {
    case .number: String(number)
    case .bytes: Quantity.size(number)
    case .seconds: Quantity.time(nanoseconds: number)
    }
  }
}
