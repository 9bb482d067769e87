import Statistics

/// The screen of `ebbfs top`: what one mount does at this moment. Pure: whoever owns the terminal draws its lines.
package struct TopScreen: Sendable {
  /// What is known of the mount at one moment.
  package struct Moment: Sendable {
    package var status: StatusReport
    package var statistics: StatisticsReport
    package var activity: ActivityReport

    package init(status: StatusReport, statistics: StatisticsReport, activity: ActivityReport) {
      self.status = status
      self.statistics = statistics
      self.activity = activity
    }
  }

  /// In which order files are shown.
  package enum Order: String, CaseIterable, Sendable {
    case writes, bytes, total, name
  }

  package private(set) var order = Order.writes
  package private(set) var isPaused = false
  private var before: Moment?
  private var now: Moment?
  private static let columnWidth = 12
  private static let titleWidth = 15

  package init() {}

  /// Takes what is known now, unless it is paused.
  package mutating func take(_ moment: Moment) {
    guard !isPaused else { return }
    before = now ?? moment
    now = moment
  }

  /// Obeys a key; others than those of the last line mean nothing.
  ///
  /// - Returns: whether to go on.
  package mutating func press(_ key: Character) -> Bool {
    switch key {
    case "q", "Q", "\u{3}", "\u{4}": return false
    case "p", "P", " ": isPaused.toggle()
    case "w": order = .writes
    case "b": order = .bytes
    case "t": order = .total
    case "n": order = .name
    default: break
    }
    return true
  }

  /// As many lines as the terminal has at most, none of them wider than it. The last one tells the keys.
  package func lines(width: Int, height: Int) -> [String] {
    guard let before, let now, height > 0 else { return [] }
    let span = StatisticsSpan(before: before.statistics, after: now.statistics)
    let figures = head(now) + [""] + table(span) + [""] + state(now) + [""]
    let files = files(before, now, span)
    let body = (figures + files).prefix(height - 1)
    let blank = [String](repeating: "", count: max(0, height - 1 - body.count))
    return (body + blank + [keys]).map { String(TerminalText.line($0).prefix(width)) }
  }

  private var keys: String {
    "q quit  p pause  sort: w writes/s  b bytes/s  t total  n name" + (isPaused ? "   PAUSED" : "")
  }

  private func head(_ now: Moment) -> [String] {
    let up = Quantity.time(milliseconds: now.status.uptimeMilliseconds)
    return ["\(now.status.mountpoint)  \(now.status.phase.name), up \(up)", "health: \(now.status.health.text)"]
  }

  /// Throughput and latencies of the last moment.
  private func table(_ span: StatisticsSpan) -> [String] {
    func row(_ title: String, count: Int, bytes: Int?, _ timed: StatisticsSpan.Timed) -> String {
      let times = [50, 99].map { span.latency(timed, percent: $0) }.map { $0 == 0 ? "-" : Quantity.time(nanoseconds: $0) }
      let cells = [String(span.perSecond(count)), bytes.map { Quantity.size(span.perSecond($0)) } ?? ""] + times
      return Self.left(title) + cells.map(Self.right).joined()
    }
    return [
      Self.left("") + ["per second", "bytes/s", "p50", "p99"].map(Self.right).joined(),
      row("writes", count: span.grown("ebbfs_writes_total"), bytes: span.grown("ebbfs_written_bytes_total"), .write),
      row("reads", count: span.grown("ebbfs_reads_total"), bytes: span.grown("ebbfs_read_bytes_total"), .read),
      row(
        "backing calls", count: span.grown("ebbfs_backing_call_seconds"),
        bytes: span.grown("ebbfs_backing_written_bytes_total"), .backingCall),
      row(
        "journal syncs", count: span.grown("ebbfs_journal_sync_seconds"), bytes: span.grown("ebbfs_journal_bytes_total"),
        .journalSync),
    ]
  }

  /// What waits, and how the backing directory fares.
  private func state(_ now: Moment) -> [String] {
    let status = now.status
    let age = status.oldestAgeMilliseconds.map { ", oldest \(Quantity.time(milliseconds: $0))" } ?? ""
    let shares = now.activity.shares.map { "\($0.priority) \(Quantity.size($0.dirtyBytes))" }.joined(separator: ", ")
    let queues = now.statistics.families.first { $0.name == "ebbfs_pending_operations" }?.samples ?? []
    let counts = queues.compactMap { sample -> String? in
      guard case .number(let count) = sample.value, let label = sample.labels.first else { return nil }
      return "\(label.value) \(count)"
    }
    let used = Quantity.percent(status.journalUsedBytes, of: status.journalCapacityBytes).map { " (\($0)%)" } ?? ""
    return [
      Self.left("dirty") + "\(Quantity.size(status.dirtyBytes)) in \(Quantity.count(status.dirtyInodes, "file"))\(age)",
      Self.left("  by priority") + (shares.isEmpty ? "too many files to count" : shares),
      Self.left("queue") + counts.joined(separator: ", ") + "; \(Quantity.count(status.openPlans, "batch", "batches")) open",
      Self.left("journal") + "\(Quantity.size(status.journalUsedBytes)) of \(Quantity.size(status.journalCapacityBytes))\(used)",
      Self.left("backing") + backing(status),
    ] + trouble(status)
  }

  private func backing(_ status: StatusReport) -> String {
    var parts = [status.backingFailure.map { "away: \($0)" } ?? "there"]
    if status.longestCallMilliseconds > 0 {
      parts.append("longest call so far \(Quantity.time(milliseconds: status.longestCallMilliseconds))")
    }
    return parts.joined(separator: ", ")
  }

  private func trouble(_ status: StatusReport) -> [String] {
    let counts = [
      (status.failingOperations, "failed write-back"), (status.deadLetters, "dead letter"), (status.conflictCount, "conflict"),
    ]
    let parts = counts.filter { $0.0 > 0 }.map { Quantity.count($0.0, $0.1) }
    return parts.isEmpty ? [] : [Self.left("trouble") + parts.joined(separator: ", ")]
  }

  private func files(_ before: Moment, _ now: Moment, _ span: StatisticsSpan) -> [String] {
    let known = Dictionary(before.activity.hottest.map { ($0.inode, $0) }) { first, _ in first }
    let rows = now.activity.hottest.map { file -> FileRow in
      let earlier = known[file.inode] ?? file
      return FileRow(
        writes: span.perSecond(max(0, file.writes &- earlier.writes)), bytes: span.perSecond(max(0, file.bytes &- earlier.bytes)),
        total: file.writes, name: file.path.isEmpty ? "(without a name)" : TerminalText.path(file.path))
    }
    let heading = ["writes/s", "bytes/s", "writes"].map(Self.right).joined() + "  hottest files, by \(order.rawValue)"
    return [heading]
      + rows.sorted { $0.comes(before: $1, order) }.map { row in
        [String(row.writes), Quantity.size(row.bytes), String(row.total)].map(Self.right).joined() + "  " + row.name
      }
  }

  private struct FileRow {
    var writes: Int
    var bytes: Int
    var total: Int
    var name: String

    func comes(before other: FileRow, _ order: Order) -> Bool {
      let isByName = name < other.name
      return switch order {
      case .writes: (other.writes, other.total) == (writes, total) ? isByName : (other.writes, other.total) < (writes, total)
      case .bytes: (other.bytes, other.total) == (bytes, total) ? isByName : (other.bytes, other.total) < (bytes, total)
      case .total: other.total == total ? isByName : other.total < total
      case .name: isByName
      }
    }
  }

  private static func left(_ text: String) -> String {
    text + String(repeating: " ", count: max(1, titleWidth - text.count))
  }

  private static func right(_ text: String) -> String {
    String(repeating: " ", count: max(1, columnWidth - text.count)) + text
  }
}
