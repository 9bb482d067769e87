import Control
import Statistics
import Testing

/// One family of each kind and unit.
func fullStatistics() -> StatisticsReport {
  let latency = HistogramSnapshot(
    buckets: [.init(index: 280, count: 90), .init(index: 300, count: 10), .init(index: 1000, count: 1)], sum: 1_500_000_000,
    max: 2_000_000_000_000)
  let operations = [
    MetricSample(labels: [.init("operation", "read")], .histogram(HistogramSnapshot())),
    MetricSample(labels: [.init("operation", "write")], .histogram(latency)),
  ]
  return StatisticsReport(
    mountpoint: "/mnt/\"quoted\"\u{301} \\ and\nbroken", version: "0.1", uptimeMilliseconds: 61_500,
    families: [
      MetricFamily(name: "ebbfs_reads_total", help: "Reads \\ of\nall.", kind: .counter, unit: .number, samples: [number(7)]),
      MetricFamily(name: "ebbfs_read_bytes_total", help: "Bytes.", kind: .counter, unit: .bytes, samples: [number(1_572_864)]),
      .gauge("ebbfs_pending_operations", "Waiting.", by: "priority", [("high", 1), ("normal", 2)]),
      .gauge("ebbfs_oldest_pending_age_seconds", "Age.", .seconds, value: 1_250_000_000),
      MetricFamily(
        name: "ebbfs_fuse_request_seconds", help: "Latency.", kind: .histogram, unit: .seconds, samples: operations),
      MetricFamily(
        name: "ebbfs_journal_group_records", help: "Sizes.", kind: .histogram, unit: .number,
        samples: [MetricSample(.histogram(HistogramSnapshot(buckets: [.init(index: 2, count: 4)], sum: 12, max: 3)))]),
    ])
}

private func number(_ value: Int) -> MetricSample { MetricSample(.number(value)) }

@Suite struct StatisticsTests {
  @Test func prometheusReadsWhatIsWritten() throws {
    let report = fullStatistics()
    let page = try PrometheusPage(parsing: StatisticsReport.prometheusText(of: [report]))
    let mount = ["mountpoint": report.mountpoint]
    #expect(page.families["ebbfs_reads_total"]?.type == "counter")
    #expect(page.families["ebbfs_reads_total"]?.help == "Reads \\\\ of\\nall.")
    #expect(page.families["ebbfs_reads_total"]?.samples == [.init(name: "ebbfs_reads_total", labels: mount, value: "7")])
    #expect(page.families["ebbfs_oldest_pending_age_seconds"]?.samples.map(\.value) == ["1.25"])
    #expect(page.families["ebbfs_uptime_seconds"]?.samples.map(\.value) == ["61.5"])
    #expect(page.families["ebbfs_build_info"]?.samples.first?.labels["version"] == "0.1")
    let histogram = try #require(page.families["ebbfs_fuse_request_seconds"])
    func value(_ ending: String, _ bound: String?) -> String? {
      let labels = mount.merging(["operation": "write"]) { $1 }.merging(bound.map { ["le": $0] } ?? [:]) { $1 }
      return histogram.samples.first { $0.name == "ebbfs_fuse_request_seconds" + ending && $0.labels == labels }?.value
    }
    // The buckets end at 11,000 ns, at 31,000 ns, and nowhere.
    #expect(value("_bucket", "0.00001") == "0" && value("_bucket", "0.000025") == "90" && value("_bucket", "0.00005") == "100")
    #expect(value("_bucket", "100") == "100" && value("_bucket", "+Inf") == "101" && value("_count", nil) == "101")
    #expect(value("_sum", nil) == "1.5")
    #expect(histogram.samples.count == 2 * (25 + 3))
    let sizes = try #require(page.families["ebbfs_journal_group_records"]).samples.compactMap { $0.labels["le"] }
    #expect(sizes == ["1", "2", "5", "10", "20", "50", "100", "200", "500", "1000", "2000", "5000", "10000", "+Inf"])
  }

  @Test func severalMountsShareTheirFamilies() throws {
    var other = fullStatistics()
    other.mountpoint = "/other"
    other.families[0].kind = .gauge
    let page = try PrometheusPage(parsing: StatisticsReport.prometheusText(of: [fullStatistics(), other]))
    #expect(page.families["ebbfs_read_bytes_total"]?.samples.map { $0.labels["mountpoint"] }.last == "/other")
    #expect(page.families["ebbfs_reads_total"]?.samples.count == 1, "what is something else in another version is left out")
    #expect(StatisticsReport.prometheusText(of: []) == "")
  }

  /// The parser must be able to refuse.
  @Test(arguments: [
    "a 1\n", "# HELP a x\n# TYPE a counter\nb 1\n", "# HELP a x\n# TYPE a counter\na 1", "# HELP a x\n# TYPE a sum\na 1\n",
    "# HELP a x\n# TYPE a counter\na{l=\"x} 1\n", "# HELP a x\n# TYPE a counter\na{l=\"x\\y\"} 1\n",
    "# HELP a x\n# TYPE a counter\na 1\na 2\n", "# HELP a x\n# TYPE a counter\na one\n",
    "# HELP a x\n# TYPE a histogram\na_bucket{le=\"1\"} 1\na_sum 1\na_count 1\n",
    "# HELP a x\n# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
  ]) func malformedPagesAreRefused(text: String) {
    #expect(throws: PrometheusPage.Malformed.self) { try PrometheusPage(parsing: text) }
  }

  @Test func textIsATableForPeople() {
    var report = fullStatistics()
    report.mountpoint = "/m"
    #expect(
      report.text == """
        /m: up 1 min 1 s, version 0.1
          reads                            7
          read bytes                 1.5 MiB
          pending operations high          1
          pending operations normal        2
          oldest pending age           1.2 s
                                 count      p50      p90      p99          max
          fuse request write       101  11.0 us  31.0 us  31.0 us  33 min 20 s
          journal group records      4        3        3        3            3

        """)
  }

  @Test func jsonHasTheNamesOfPrometheus() {
    var report = fullStatistics()
    report.mountpoint = "/m"
    let text = report.json.text()
    for line in [
      "\"mountpoint\": \"/m\",", "\"ebbfs_reads_total\": 7,", "\"ebbfs_oldest_pending_age_seconds\": 1.25,",
      "\"priority\": \"normal\",", "\"value\": 2", "\"p50\": 0.000011,", "\"max\": 2000", "\"sum\": 1.5,",
    ] {
      #expect(text.contains(line), "\(line) is missing in:\n\(text)")
    }
  }

  @Test func controlCharactersDoNotReachTheTerminal() {
    var report = fullStatistics()
    report.mountpoint = "/mnt/\u{1b}[2J\u{9b}\r"
    report.families[2].samples[0].labels[0].value = "\u{1b}]0;x\u{7}"
    for text in [report.text, report.json.text(), StatisticsReport.prometheusText(of: [report])] {
      let controls = text.unicodeScalars.filter { $0.properties.generalCategory == .control && $0 != "\n" }
      #expect(controls.isEmpty)
    }
  }

  @Test func ratesAreWhatHappenedInASecond() {
    var after = fullStatistics()
    after.uptimeMilliseconds += 2000
    after.families[0].samples = [number(27)]
    after.families[1].samples = [number(1_572_864 + 4096)]
    let columns = StatisticsRates.line(from: fullStatistics(), to: after).split(separator: " ").map(String.init)
    #expect(columns.starts(with: ["10", "2.0", "KiB", "-", "0"]), "\(columns)")
    #expect(columns.last == "3", "operations that wait")
    #expect(StatisticsRates.line(from: fullStatistics(), to: after).count == StatisticsRates.heading.count)
    // Another daemon has begun at zero.
    let anew = StatisticsRates.line(from: after, to: fullStatistics()).split(separator: " ")
    #expect(anew.first == "0")
    after.families[1].samples = [number(Int.max)]
    after.uptimeMilliseconds = Int.min
    #expect(!StatisticsRates.line(from: fullStatistics(), to: after).isEmpty)
  }
}

@Test(arguments: [
  (0, 9, "0"), (1, 9, "0.000000001"), (1_500_000_000, 9, "1.5"), (-2_000_000_000, 9, "-2"), (7, 0, "7"), (10, 0, "10"),
  (Int.min, 9, "-9223372036.854775808"),
]) func decimalsAreExact(number: Int, digits: Int, text: String) {
  #expect(Quantity.decimal(number, digits: digits) == text)
}

@Test(arguments: [
  (999, "999 ns"), (1000, "1.0 us"), (12_340, "12.3 us"), (1_900_000, "1.9 ms"), (2_000_000_000, "2.0 s"),
]) func shortTimesAreWrittenInTheirUnit(nanoseconds: Int, text: String) {
  #expect(Quantity.time(nanoseconds: nanoseconds) == text)
}
