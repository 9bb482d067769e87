import Statistics
import Testing

@testable import Control

private func statistics(_ seconds: Int, writes: Int, dirty: Int, nanoseconds: [Int]) -> StatisticsReport {
  let histogram = Histogram("ebbfs_journal_sync_seconds", "Syncs.")
  for value in nanoseconds { histogram.record(value) }
  let counter = Counter("ebbfs_writes_total", "Writes.")
  counter.add(writes)
  let gauge = MetricFamily.gauge("ebbfs_dirty_bytes", "Dirty.", .bytes, value: dirty)
  return StatisticsReport(uptimeMilliseconds: seconds * 1000, families: histogram.families + counter.families + [gauge])
}

@Test func aSampleHasWhatWasCountedSinceTheOneBefore() throws {
  var recorder = HistoryRecorder()
  recorder.add(statistics(10, writes: 5, dirty: 4096, nanoseconds: [1_000_000]))
  recorder.add(statistics(20, writes: 12, dirty: 2048, nanoseconds: [1_000_000, 50_000, 60_000]))
  recorder.add(statistics(30, writes: 3, dirty: .max, nanoseconds: []))
  let samples = recorder.history.samples
  #expect(samples.map(\.uptimeSeconds) == [10, 20, 30])
  #expect(samples.map { $0[.writes] } == [5, 7, 0], "counters that begin anew count as nothing")
  #expect(samples.map { $0[.dirtyKibibytes] } == [4, 2, .max])
  #expect(samples.map { $0[.journalSyncMicroseconds] } == [1000, 60, 0], "of the time in between alone")
}

@Test func theHistoryForgetsTheOldestAndFitsInAMessage() throws {
  var history = History()
  let count = History.samplesMax + 7
  for index in 0..<count {
    var sample = HistorySample(uptimeSeconds: UInt32(index))
    for series in HistorySeries.allCases { sample[series] = .max }
    history.append(sample)
  }
  let samples = history.samples
  #expect(samples.count == History.samplesMax && samples.first?.uptimeSeconds == 7)
  #expect(zip(samples, samples.dropFirst()).allSatisfy { $0.uptimeSeconds + 1 == $1.uptimeSeconds })
  var report = HistoryReport()
  report.mountpoint = String(repeating: "m", count: 5000)
  report.samples = samples
  let frame = ControlCodec.encode(.history(report))
  #expect(frame.count < ControlCodec.frameBytesMax)
  #expect(try ControlCodec.decodeReply(Array(frame.dropFirst(4))) == .history(report))
  #expect(HistoryPage.html([(StatusReport(), report)]).utf8.count < 300_000, "long histories are drawn with fewer points")
}

@Test func aHistoryThatGoesBackIsRefused() {
  var report = HistoryReport()
  report.samples = [HistorySample(uptimeSeconds: 2), HistorySample(uptimeSeconds: 1)]
  #expect(throws: MessageError.unknownValue) {
    try ControlCodec.decodeReply(Array(ControlCodec.encode(.history(report)).dropFirst(4)))
  }
}

@Test func thePageIsCompleteInItselfAndObeysNoName() {
  var status = fullReport()
  status.mountpoint = "/mnt/<script>alert(\"1\")</script>&\u{1b}'"
  status.lastFailure?.message = "</table><img src=x>"
  let page = HistoryPage.html([(status, fullHistory())])
  #expect(page.contains("<h2>/mnt/&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;?&#39;</h2>"))
  #expect(!page.contains("<script") && !page.contains("<img") && !page.contains("http"), "something comes from elsewhere")
  #expect(page.split(separator: "<polyline").count - 1 == 12, "a line for each series")
  #expect(page.contains("2026-11-21T09:29:50Z"), "the moment of the last sample, ten seconds ago")
  for tag in ["section", "table", "figure", "svg", "body", "html", "tr", "div"] {
    #expect(page.split(separator: "<\(tag)").count == page.split(separator: "</\(tag)>").count, "\(tag)")
  }
  let empty = HistoryPage.html([(StatusReport(), HistoryReport())])
  #expect(empty.contains("There is no history yet") && HistoryPage.html([]).contains("No ebbfs daemon is running"))
}

@Test func linesStayInsideTheirChart() {
  var report = fullHistory()
  for index in report.samples.indices {
    for series in HistorySeries.allCases { report.samples[index][series] = index == 1 ? .max : UInt32(index) }
  }
  let page = HistoryPage.html([(StatusReport(), report)])
  var count = 0
  for part in page.split(separator: "points=\"").dropFirst() {
    for point in part.prefix(while: { $0 != "\"" }).split(separator: " ") {
      let numbers = point.split(separator: ",").compactMap { Double($0) }
      #expect(numbers.count == 2 && 70...710 ~= numbers[0] && 8...178 ~= numbers[1], "\(point)")
      count += 1
    }
  }
  #expect(count == 36)
}
