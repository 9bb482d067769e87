import Control
import Statistics

/// Whatever the peer sends, the control socket's decoder does not trap, reads what it would write, and finds the same messages
/// however the bytes are cut. What a command prints of a message obeys no control character in it.
///
/// The first byte says how the stream is cut. The canary is a remainder of the number of operations that the corpus has not.
func examine(_ input: [UInt8]) {
  guard let step = input.first else { return }
  let bytes = Array(input.dropFirst())
  examineMessage(bytes)
  examineStream(bytes, step: Int(step))
  examineStream(framed(bytes) + framed([]) + framed(bytes), step: Int(step))
}

private func framed(_ message: [UInt8]) -> [UInt8] {
  (0..<4).map { UInt8(truncatingIfNeeded: message.count >> (8 * $0)) } + message
}

private func examineMessage(_ message: [UInt8]) {
  let request = try? ControlCodec.decodeRequest(message)
  let reply = try? ControlCodec.decodeReply(message)
  require(request == nil || reply == nil, "a message is a request and a reply")
  if let request {
    require(ControlCodec.encode(request) == framed(message), "a request that was accepted is encoded differently")
  }
  if let reply {
    examineEncoding(of: reply, message)
    examineText(reply)
  }
}

/// Bytes that are no UTF-8 are replaced when they are read: then the reply's own bytes must come back.
private func examineEncoding(of reply: ControlReply, _ message: [UInt8]) {
  let frame = ControlCodec.encode(reply)
  if frame == framed(message) { return }
  require(String(validating: message, as: UTF8.self) == nil, "a reply that was accepted is encoded differently")
  let again = try? ControlCodec.decodeReply(Array(frame.dropFirst(4)))
  require(again == reply && again.map(ControlCodec.encode) == frame, "a reply is read back differently")
}

private func examineText(_ reply: ControlReply) {
  switch reply {
  case .status(let report):
    let same = plain(report)
    require(lines(of: report.text) == lines(of: same.text), "a field breaks the lines of the status")
    require(controls(in: report.text) == lines(of: report.text), "the status has control characters")
    let json = report.json.text()
    require(lines(of: json) == lines(of: same.json.text()), "a field breaks the lines of the JSON")
    require(controls(in: json) == lines(of: json), "the JSON has control characters")
    examinePage(report, HistoryReport())
    examineScreen(report, StatisticsReport(), ActivityReport())
  case .statistics(let report):
    examineText(report)
    examineScreen(StatusReport(), report, ActivityReport())
  case .progress(let left):
    #if CANARY
      canary(left.operationsLeft % 61 == 37)
    #endif
    require(!Quantity.size(left.bytesLeft).isEmpty && !Quantity.count(left.operationsLeft, "operation").isEmpty, "no words")
  case .deadLetter(let letter):
    require(controls(in: letter.text) == lines(of: letter.text), "a letter has control characters")
    require(controls(in: letter.json.text()) == lines(of: letter.json.text()), "the JSON of a letter has control characters")
  case .diagnostic(let diagnostic):
    require(controls(in: diagnostic.leveledLine) == 0, "a diagnostic is more than a line")
    let json = diagnostic.json.line
    require(controls(in: json) == lines(of: json), "the JSON of a diagnostic has control characters")
  case .file(let report):
    require(controls(in: report.text) == 0, "a file's status has control characters")
    let json = report.json(path: "x").text()
    require(controls(in: json) == lines(of: json), "the JSON of a file has control characters")
  case .history(let report): examinePage(StatusReport(), report)
  case .activity(let report): examineScreen(StatusReport(), StatisticsReport(), report)
  case .waitingForUsers, .dependent, .count, .done, .failed: break
  }
}

/// Names are no markup, whatever they are, and numbers do not matter.
private func examinePage(_ status: StatusReport, _ history: HistoryReport) {
  let page = HistoryPage.html([(status, history)])
  require(controls(in: page) == lines(of: page), "the page has control characters")
  let tags = page.unicodeScalars.count { $0 == "<" }
  var (plainStatus, plainHistory) = (plain(status), history)
  plainHistory.mountpoint = "x"
  plainStatus.health.level = .ok
  require(HistoryPage.html([(plainStatus, plainHistory)]).unicodeScalars.count { $0 == "<" } == tags, "a name is markup")
}

private func examineScreen(_ status: StatusReport, _ statistics: StatisticsReport, _ activity: ActivityReport) {
  var screen = TopScreen()
  for statistics in [StatisticsReport(), statistics, statistics] {
    screen.take(TopScreen.Moment(status: status, statistics: statistics, activity: activity))
    let lines = screen.lines(width: 80, height: 24)
    require(lines.count == 24 && lines.allSatisfy { $0.count <= 80 }, "the screen does not fit")
    require(controls(in: lines.joined()) == 0, "the screen has control characters")
  }
}

/// The same report with harmless words.
private func plain(_ report: StatusReport) -> StatusReport {
  var plain = report
  plain.version = "x"
  plain.mountpoint = "x"
  plain.backing = "x"
  plain.stateDirectory = "x"
  plain.mode = "x"
  plain.durability = "x"
  plain.journalFailure = report.journalFailure.map { _ in "x" }
  plain.backingFailure = report.backingFailure.map { _ in "x" }
  plain.lastFailure?.message = "x"
  plain.health.reasons = report.health.reasons.map { _ in "x" }
  return plain
}

/// A sample is a line wherever it is shown, with nothing in it that a terminal would obey or that ends a label early.
private func examineText(_ report: StatisticsReport) {
  let samples = report.families.flatMap(\.samples)
  let page = StatisticsReport.prometheusText(of: [report, report])
  let lines = page.unicodeScalars.split(separator: "\n")
  require(controls(in: page) == lines.count, "the page for Prometheus has control characters")
  let comments = lines.count { $0.first == "#" }
  let names = Set(report.families.map(\.name) + ["ebbfs_build_info", "ebbfs_uptime_seconds"])
  require(comments == 2 * names.count, "a family is not described once")
  require(lines.count - comments >= 2 * samples.count, "a sample is missing")
  for line in lines where line.first != "#" {
    require(
      line.reversed().prefix { $0 != "}" }.dropLast().allSatisfy { "+-.0123456789".unicodeScalars.contains($0) }, "no number")
  }
  require(controls(in: report.text) == report.text.unicodeScalars.count { $0 == "\n" }, "the table has control characters")
  let json = report.json.text()
  require(controls(in: json) == json.unicodeScalars.count { $0 == "\n" }, "the JSON has control characters")
  for other in [StatisticsReport(), report] {
    require(controls(in: StatisticsRates.line(from: report, to: other)) == 0, "rates have control characters")
    require(!StatisticsRates.line(from: other, to: report).isEmpty, "no rates")
  }
}

private func lines(of text: String) -> Int { text.unicodeScalars.count { $0 == "\n" } }

private func controls(in text: String) -> Int { text.unicodeScalars.count { $0.properties.generalCategory == .control } }

/// The messages of a stream and, at its end, whether it was given up.
private struct Reading: Equatable {
  var messages: [[UInt8]] = []
  var isGivenUp = false
}

private func read(_ stream: [UInt8], pieces: (Int) -> Int) -> Reading {
  var reader = FrameReader()
  var reading = Reading()
  var start = 0
  do throws(MessageError) {
    while start < stream.count {
      let end = min(start + max(pieces(start), 1), stream.count)
      reader.append(stream[start..<end])
      while let message = try reader.next() { reading.messages.append(message) }
      start = end
    }
  } catch {
    require(error == .tooLong, "a stream is given up for another reason than a length")
    reading.isGivenUp = true
  }
  return reading
}

private func examineStream(_ stream: [UInt8], step: Int) {
  let whole = read(stream) { _ in stream.count }
  require(read(stream) { _ in 1 } == whole, "byte for byte the messages are others")
  require(read(stream) { (step &* 31 &+ $0 &* 7) % 61 } == whole, "cut into pieces the messages are others")
  let frames = whole.messages.flatMap(framed)
  require(stream.starts(with: frames), "the messages are not the stream's")
  for message in whole.messages where message != stream { examineMessage(message) }
}
