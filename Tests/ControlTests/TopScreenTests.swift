import Control
import Statistics
import Testing

private func moment(_ seconds: Int, writes: Int, files: [HotFile]) -> TopScreen.Moment {
  let histogram = Histogram("ebbfs_fuse_request_seconds", "Requests.")
  for _ in 0..<writes { histogram.record(2_000_000) }
  var requests = histogram.families[0]
  requests.samples[0].labels = [.init("operation", "write")]
  let counter = Counter("ebbfs_writes_total", "Writes.")
  counter.add(writes)
  let queue = MetricFamily.gauge("ebbfs_pending_operations", "Waiting.", by: "priority", [("high", 3), ("low", 4)])
  var status = fullReport()
  status.dirtyBytes = writes * 1024
  var activity = ActivityReport()
  activity.shares = [.init(priority: "high", dirtyBytes: 4096)]
  activity.hottest = files
  let statistics = StatisticsReport(uptimeMilliseconds: seconds * 1000, families: [requests, queue] + counter.families)
  return TopScreen.Moment(status: status, statistics: statistics, activity: activity)
}

private func file(_ inode: UInt64, _ name: String, _ writes: Int, _ bytes: Int) -> HotFile {
  HotFile(inode: inode, path: Array(name.utf8), writes: writes, bytes: bytes)
}

private func screen() -> TopScreen {
  var screen = TopScreen()
  screen.take(moment(0, writes: 10, files: [file(1, "a", 5, 100), file(2, "b\u{1b}[2J", 50, 500)]))
  screen.take(
    moment(
      10, writes: 110, files: [file(1, "a", 95, 200), file(2, "b\u{1b}[2J", 60, 100_500), file(3, "c", 9, 9)]))
  return screen
}

/// The names of files in the order in which they are shown.
private func names(_ screen: TopScreen) -> [String] {
  let lines = screen.lines(width: 80, height: 24)
  guard let heading = lines.firstIndex(where: { $0.contains("hottest files") }) else { return [] }
  return lines[(heading + 1)...].prefix { !$0.isEmpty }.compactMap { $0.split(separator: " ").last.map(String.init) }
}

@Test func theScreenTellsWhatHappenedInTheLastMoment() {
  let lines = screen().lines(width: 80, height: 24)
  for part in [
    "health: critical: too old; full", "writes                   10", "2.0 ms",
    "dirty          110.0 KiB in 1 file, oldest 1.2 s",
    "  by priority  high 4.0 KiB", "queue          high 3, low 4; 3 batches open", "journal        1.0 MiB of 1.0 GiB (0%)",
    "away: Transport endpoint is not connected", "trouble        5 failed write-backs, 5 dead letters, 200 conflicts",
    "hottest files, by writes",
    "           9        10 B          95  a",
  ] {
    #expect(lines.contains { $0.contains(part) }, "\(part) is missing in:\n\(lines.joined(separator: "\n"))")
  }
  #expect(lines.last?.hasPrefix("q quit  p pause  sort: w writes/s") == true)
}

@Test(arguments: [(80, 24), (40, 10), (200, 60), (1, 1), (80, 2)]) func theScreenFitsTheTerminal(width: Int, height: Int) {
  let lines = screen().lines(width: width, height: height)
  #expect(lines.count == height && lines.allSatisfy { $0.count <= width })
  #expect(!lines.joined().contains("\u{1b}"), "a name reaches the terminal as it is")
  #expect(TopScreen().lines(width: width, height: height).isEmpty && screen().lines(width: width, height: 0).isEmpty)
}

@Test func keysSortPauseAndQuit() {
  var screen = screen()
  let b = "b\\x1b[2J"
  #expect(names(screen) == ["a", b, "c"])
  for (key, order) in [("b", [b, "a", "c"]), ("t", ["a", b, "c"]), ("n", ["a", b, "c"]), ("w", ["a", b, "c"])] {
    let goesOn = screen.press(Character(key))
    #expect(goesOn && names(screen) == order, "by \(key)")
  }
  for key in "p?" { _ = screen.press(key) }
  #expect(screen.isPaused)
  let before = screen.lines(width: 80, height: 24)
  screen.take(moment(20, writes: 0, files: []))
  #expect(screen.lines(width: 80, height: 24) == before && before.last?.hasSuffix("PAUSED") == true)
  _ = screen.press(" ")
  screen.take(moment(20, writes: 0, files: []))
  #expect(names(screen).isEmpty)
  for key in "q\u{3}" {
    let goesOn = screen.press(key)
    #expect(!goesOn)
  }
}
