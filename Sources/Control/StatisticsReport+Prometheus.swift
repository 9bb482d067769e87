import Statistics

extension StatisticsReport {
  /// The statistics of several mounts in Prometheus's text format, version 0.0.4. Each sample has the label `mountpoint`.
  ///
  /// Source: https://prometheus.io/docs/instrumenting/exposition_formats/
  package static func prometheusText(of reports: [StatisticsReport]) -> String {
    var order: [MetricFamily] = []
    var lines: [String: [String]] = [:]
    for report in reports {
      let mount = MetricSample.Label("mountpoint", report.mountpoint)
      for family in report.described {
        if lines[family.name] == nil { order.append(family) }
        // Two daemons of different versions may not agree on what a name means: then the first is right.
        guard let first = order.first(where: { $0.name == family.name }), first.kind == family.kind, first.unit == family.unit
        else { continue }
        lines[family.name, default: []] += family.samples.flatMap { family.prometheusLines(of: $0, mount) }
      }
    }
    return order.map { family in
      "# HELP \(family.name) \(PrometheusText.help(family.help))\n# TYPE \(family.name) \(family.kind.prometheusName)\n"
        + (lines[family.name] ?? []).joined()
    }.joined()
  }

  /// The families, and what is known of the daemon itself in their form.
  private var described: [MetricFamily] {
    let build = MetricSample(labels: [.init("version", version)], .number(1))
    return [
      MetricFamily(name: "ebbfs_build_info", help: "The version of the daemon.", kind: .gauge, unit: .number, samples: [build]),
      .gauge("ebbfs_uptime_seconds", "Time since the mount.", .seconds, value: uptimeMilliseconds &* 1_000_000),
    ] + families
  }
}

extension MetricKind {
  fileprivate var prometheusName: String {
    switch self {
    case .counter: "counter"
    case .gauge: "gauge"
    case .histogram: "histogram"
    }
  }
}

extension MetricFamily {
  fileprivate func prometheusLines(of sample: MetricSample, _ mount: MetricSample.Label) -> [String] {
    let labels = [mount] + sample.labels
    func line(_ suffix: String, _ more: [MetricSample.Label], _ number: String) -> String {
      "\(name)\(suffix){\(PrometheusText.labels(labels + more))} \(number)\n"
    }
    switch sample.value {
    case .number(let number): return [line("", [], decimal(number))]
    case .histogram(let snapshot):
      let buckets = PrometheusText.bounds(unit).map {
        line("_bucket", [.init("le", decimal($0))], String(snapshot.count(upTo: $0)))
      }
      return buckets + [
        line("_bucket", [.init("le", "+Inf")], String(snapshot.count)), line("_sum", [], decimal(snapshot.sum)),
        line("_count", [], String(snapshot.count)),
      ]
    }
  }
}

private enum PrometheusText {
  /// Upper bounds of the buckets that are told, each also one of `HistogramBuckets`: 1 us to 100 s, or 1 to 10,000.
  static func bounds(_ unit: MetricUnit) -> [Int] { unit == .seconds ? secondBounds : numberBounds }

  private static let secondBounds =
    powers(from: 1000, to: 10_000_000_000).flatMap { [$0, $0 / 2 * 5, $0 * 5] } + [100_000_000_000]
  private static let numberBounds = powers(from: 1, to: 1000).flatMap { [$0, $0 * 2, $0 * 5] } + [10_000]

  private static func powers(from first: Int, to last: Int) -> [Int] {
    Array(sequence(first: first) { $0 < last ? $0 * 10 : nil })
  }

  static func labels(_ labels: [MetricSample.Label]) -> String {
    labels.map { "\($0.name)=\"\(escaped($0.value, quotes: true))\"" }.joined(separator: ",")
  }

  static func help(_ text: String) -> String { escaped(text, quotes: false) }

  /// Backslashes and line ends escaped. Other control characters have no escape, and a terminal would obey them.
  private static func escaped(_ text: String, quotes: Bool) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\"" where quotes: result += "\\\""
      case _ where TerminalText.isControl(scalar): result += "?"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
