import Statistics

extension StatisticsReport {
  /// A table for people: numbers, then a line for each histogram with values.
  package var text: String {
    var numbers: [[String]] = []
    var histograms: [[String]] = [["", "count", "p50", "p90", "p99", "max"]]
    for family in families {
      for sample in family.samples {
        let title = "  " + TerminalText.line(family.title(of: sample))
        switch sample.value {
        case .number(let number): numbers.append([title, family.quantity(number)])
        case .histogram(let snapshot) where snapshot.count > 0:
          let figures = [50, 90, 99].map { snapshot.quantile(percent: $0) } + [snapshot.max]
          histograms.append([title, String(snapshot.count)] + figures.map(family.quantity))
        case .histogram: break
        }
      }
    }
    let head = "\(mountpoint): up \(Quantity.time(milliseconds: uptimeMilliseconds)), version \(version)"
    return TerminalText.line(head) + "\n" + Self.table(numbers) + (histograms.count > 1 ? Self.table(histograms) : "")
  }

  /// The first column to the left, the others to the right.
  private static func table(_ rows: [[String]]) -> String {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      row.indices.map { column in
        let space = String(repeating: " ", count: widths[column] - row[column].count)
        return column == 0 ? row[column] + space : "  " + space + row[column]
      }.joined() + "\n"
    }.joined()
  }

  /// The same as an object: names as Prometheus has them, times in seconds.
  package var json: JSONValue {
    .object(
      [
        .init("mountpoint", .string(mountpoint)), .init("version", .string(version)),
        .init("uptime_ms", .integer(uptimeMilliseconds)),
      ] + families.map { JSONValue.Member($0.name, $0.json) })
  }
}

extension MetricFamily {
  /// The name in words, without what the number tells itself, and the values of the labels.
  fileprivate func title(of sample: MetricSample) -> String {
    var words = name.split(separator: "_")[...]
    if words.first == "ebbfs" { words.removeFirst() }
    if kind == .counter, words.last == "total" { words.removeLast() }
    if unit == .seconds, words.last == "seconds" { words.removeLast() }
    return (words.map(String.init) + sample.labels.map(\.value)).joined(separator: " ")
  }

  /// The number of a single sample without labels; else an array of objects with the labels as members.
  fileprivate var json: JSONValue {
    if samples.count == 1, samples[0].labels.isEmpty {
      return switch samples[0].value {
      case .number(let number): .decimal(decimal(number))
      case .histogram(let snapshot): .object(members(of: snapshot))
      }
    }
    return .array(
      samples.map { sample in
        let labels = sample.labels.map { JSONValue.Member($0.name, .string($0.value)) }
        return switch sample.value {
        case .number(let number): .object(labels + [.init("value", .decimal(decimal(number)))])
        case .histogram(let snapshot): .object(labels + members(of: snapshot))
        }
      })
  }

  private func members(of snapshot: HistogramSnapshot) -> [JSONValue.Member] {
    let quantiles = [50, 90, 99].map {
      JSONValue.Member("p\($0)", .decimal(decimal(snapshot.quantile(percent: $0))))
    }
    return [.init("count", .integer(snapshot.count)), .init("sum", .decimal(decimal(snapshot.sum)))] + quantiles + [
      .init("max", .decimal(decimal(snapshot.max)))
    ]
  }
}
