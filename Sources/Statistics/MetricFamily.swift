/// What the numbers of a metric are. Names end in it, as Prometheus has it: `_bytes`, `_seconds`.
package enum MetricUnit: UInt8, Hashable, Sendable, CaseIterable {
  case number = 1
  case bytes = 2
  /// The numbers are nanoseconds, and shown as seconds.
  case seconds = 3
}

package enum MetricKind: UInt8, Hashable, Sendable, CaseIterable {
  /// Only grows, from 0 at the start of the daemon. Its name ends in `_total`.
  case counter = 1
  case gauge = 2
  case histogram = 3
}

/// A metric with all its samples: what statistics are told as, whatever counts them.
package struct MetricFamily: Hashable, Sendable {
  package var name: String
  /// One sentence.
  package var help: String
  package var kind: MetricKind
  package var unit: MetricUnit
  package var samples: [MetricSample]

  package init(name: String, help: String, kind: MetricKind, unit: MetricUnit, samples: [MetricSample]) {
    self.name = name
    self.help = help
    self.kind = kind
    self.unit = unit
    self.samples = samples
  }

  /// A number that may go down, read at this moment.
  package static func gauge(_ name: String, _ help: String, _ unit: MetricUnit = .number, value: Int) -> MetricFamily {
    MetricFamily(name: name, help: help, kind: .gauge, unit: unit, samples: [MetricSample(.number(value))])
  }

  /// The same for each value of a label.
  package static func gauge(
    _ name: String, _ help: String, _ unit: MetricUnit = .number, by label: String, _ values: [(String, Int)]
  ) -> MetricFamily {
    MetricFamily(
      name: name, help: help, kind: .gauge, unit: unit,
      samples: values.map { MetricSample(.number($0.1)).labelled(label, $0.0) })
  }

  /// Whether it can be told to Prometheus: names as it allows them, each sample once and of the family's kind. What comes from
  /// elsewhere must be.
  package var isValid: Bool {
    guard Self.isName(name), samples.allSatisfy({ $0.isValid(in: kind) }) else { return false }
    return Set(samples.map(\.labels)).count == samples.count
  }

  static func isName(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.first.map { !isDigit($0) } ?? false && text.utf8.allSatisfy { isDigit($0) || isLetter($0) }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }

  private static func isLetter(_ byte: UInt8) -> Bool {
    UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || byte == UInt8(ascii: "_")
  }
}

/// One number, or one histogram, of a family.
package struct MetricSample: Hashable, Sendable {
  package enum Value: Hashable, Sendable {
    case number(Int)
    case histogram(HistogramSnapshot)
  }

  package struct Label: Hashable, Sendable {
    package var name: String
    package var value: String

    package init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  package var labels: [Label]
  package var value: Value

  package init(labels: [Label] = [], _ value: Value) {
    self.labels = labels
    self.value = value
  }

  /// Names of labels that only whoever shows samples may give.
  private static let reservedLabels: Set<String> = ["le", "mountpoint"]

  func labelled(_ name: String, _ value: String) -> MetricSample {
    MetricSample(labels: labels + [Label(name, value)], self.value)
  }

  fileprivate func isValid(in kind: MetricKind) -> Bool {
    let names = labels.map(\.name)
    guard Set(names).count == names.count, names.allSatisfy({ MetricFamily.isName($0) && !Self.reservedLabels.contains($0) })
    else { return false }
    return switch (kind, value) {
    case (.counter, .number(let number)): number >= 0
    case (.gauge, .number): true
    case (.histogram, .histogram(let snapshot)): snapshot.isValid
    case (.counter, .histogram), (.gauge, .histogram), (.histogram, .number): false
    }
  }
}
