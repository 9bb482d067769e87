import FilesystemModel

/// One chart of the history: some lines over time.
struct HistoryChart: Sendable {
  private struct Line: Sendable {
    let title: String
    /// The value of one sample, in the chart's unit; of a counter by the second.
    let value: @Sendable (HistorySample, _ seconds: Double) -> Double
  }

  private let title: String
  private let lines: [Line]
  private var isBinary = false
  private let quantity: @Sendable (Double) -> String
  private static let (width, height) = (720, 200)
  private static let (left, right, top, bottom) = (70, 10, 8, 22)
  private static let pointsMax = 360
  private static let gridLines = 4

  static let all = [
    HistoryChart(title: "Not yet written back", lines: [gauge("dirty", .dirtyKibibytes, 1024)], isBinary: true, quantity: bytes),
    HistoryChart(
      title: "Operations that wait", lines: [gauge("pending", .pendingOperations, 1)], quantity: { String(clamped($0)) }),
    HistoryChart(title: "Age of the oldest change", lines: [gauge("oldest", .oldestAgeMilliseconds, 1)], quantity: milliseconds),
    HistoryChart(
      title: "Bytes per second",
      lines: [
        rate("written", .writtenKibibytes, 1024), rate("read", .readKibibytes, 1024),
        rate("written back", .writebackKibibytes, 1024),
      ], isBinary: true, quantity: { bytes($0) + "/s" }),
    HistoryChart(
      title: "Operations per second", lines: [rate("writes", .writes, 1), rate("written back", .writebackOperations, 1)],
      quantity: { $0 < 10 && $0 != $0.rounded() ? "\(($0 * 10).rounded() / 10)" : String(clamped($0)) }),
    HistoryChart(
      title: "Latency of programs' requests (99 of 100 are faster)",
      lines: [gauge("write", .writeMicroseconds, 1000), gauge("read", .readMicroseconds, 1000)], quantity: nanoseconds),
    HistoryChart(
      title: "Latency below (99 of 100 are faster)",
      lines: [
        gauge("backing calls", .backingCallMicroseconds, 1000), gauge("journal syncs", .journalSyncMicroseconds, 1000),
      ], quantity: nanoseconds),
  ]

  private static func gauge(_ title: String, _ series: HistorySeries, _ factor: Double) -> Line {
    Line(title: title) { sample, _ in Double(sample[series]) * factor }
  }

  private static func rate(_ title: String, _ series: HistorySeries, _ factor: Double) -> Line {
    Line(title: title) { sample, seconds in Double(sample[series]) * factor / seconds }
  }

  private static let bytes: @Sendable (Double) -> String = { Quantity.size(clamped($0)) }
  private static let milliseconds: @Sendable (Double) -> String = { Quantity.time(milliseconds: clamped($0)) }
  private static let nanoseconds: @Sendable (Double) -> String = { Quantity.time(nanoseconds: clamped($0)) }

  private static func clamped(_ value: Double) -> Int { Int(min(max(value, 0), 1e18).rounded()) }

  /// The chart as a figure of HTML.
  func svg(_ history: HistoryReport) -> String {
    let values = lines.map { line in Self.values(line, history.samples) }
    let greatest = values.joined().max() ?? 0
    let scale = scale(greatest)
    let curves = lines.indices.map { index in
      let points = Self.points(values[index], history.samples, scale)
      return "<polyline class=\"c\(index)\" points=\"\(points)\"><title>\(lines[index].title)</title></polyline>\n"
    }
    let legend = lines.indices.map { index in
      "<span class=\"l\(index)\">\(lines[index].title): now \(quantity(values[index].last ?? 0)), at most "
        + "\(quantity(values[index].max() ?? 0))</span>"
    }
    return """
      <figure>
      <figcaption>\(title)</figcaption>
      <svg viewBox="0 0 \(Self.width) \(Self.height)" role="img" aria-label="\(title)">
      \(grid(scale))\(Self.times(history))\(curves.joined())</svg>
      <div class="legend">\(legend.joined(separator: "\n"))</div>
      </figure>

      """
  }

  private static func values(_ line: Line, _ samples: [HistorySample]) -> [Double] {
    samples.indices.map { index in
      let before = index == 0 ? nil : samples[index - 1].uptimeSeconds
      let seconds = before.map { Double(samples[index].uptimeSeconds) - Double($0) } ?? Double(History.intervalSeconds)
      return line.value(samples[index], max(1, seconds))
    }
  }

  /// The value at the top, not below any: a power of two, or 1, 2, 4 or 8 times a power of ten.
  private func scale(_ greatest: Double) -> Double {
    var scale = 1.0
    let factors = isBinary ? [1.0, 2, 4, 8, 16] : [1.0, 2, 4, 8, 10]
    while scale < greatest { scale = factors.map { $0 * scale }.first { $0 >= greatest } ?? scale * factors[4] }
    return scale
  }

  /// Of long histories the greatest of some samples each.
  private static func points(_ values: [Double], _ samples: [HistorySample], _ scale: Double) -> String {
    let step = max(1, (values.count + pointsMax - 1) / pointsMax)
    return stride(from: 0, to: values.count, by: step).map { start in
      let end = min(start + step, values.count)
      let value = values[start..<end].max() ?? 0
      let y = Double(height - bottom) - value / scale * Double(height - bottom - top)
      return "\(decimal(x(samples[end - 1], samples))),\(decimal(y))"
    }.joined(separator: " ")
  }

  private static func x(_ sample: HistorySample, _ samples: [HistorySample]) -> Double {
    let (first, last) = (Double(samples.first?.uptimeSeconds ?? 0), Double(samples.last?.uptimeSeconds ?? 0))
    let part = last > first ? (Double(sample.uptimeSeconds) - first) / (last - first) : 1
    return Double(left) + part * Double(width - left - right)
  }

  private func grid(_ scale: Double) -> String {
    (0...Self.gridLines).map { index in
      let part = Double(index) / Double(Self.gridLines)
      let y = Self.decimal(Double(Self.height - Self.bottom) - part * Double(Self.height - Self.bottom - Self.top))
      return "<line class=\"grid\" x1=\"\(Self.left)\" x2=\"\(Self.width - Self.right)\" y1=\"\(y)\" y2=\"\(y)\"/>"
        + "<text x=\"\(Self.left - 6)\" y=\"\(y)\" text-anchor=\"end\" dy=\"4\">\(quantity(scale * part))</text>\n"
    }.joined()
  }

  /// The moments of the first, the middle and the last sample.
  private static func times(_ history: HistoryReport) -> String {
    let samples = history.samples
    let marks = [(0.0, "start"), (0.5, "middle"), (1.0, "end")]
    return marks.map { part, anchor in
      let (first, last) = (Double(samples.first?.uptimeSeconds ?? 0), Double(samples.last?.uptimeSeconds ?? 0))
      let uptime = Int(first + part * (last - first))
      let moment = UniversalTime.text(history.nowSeconds &- (history.uptimeSeconds &- uptime))
      let x = Double(left) + part * Double(width - left - right)
      return "<text x=\"\(decimal(x))\" y=\"\(height - 6)\" text-anchor=\"\(anchor)\">\(moment)</text>\n"
    }.joined()
  }

  /// With one digit behind the point.
  private static func decimal(_ value: Double) -> String { Quantity.decimal(Int((value * 10).rounded()), digits: 1) }
}
