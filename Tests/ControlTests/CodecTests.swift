import Control
import FilesystemModel
import Statistics
import Testing

/// A report with every field different from its default.
func fullReport() -> StatusReport {
  var report = StatusReport()
  report.version = "0.1"
  report.mountpoint = "/mnt/\"quoted\" and\nbroken"
  report.backing = "/srv/\u{e4}"
  report.stateDirectory = "/var/lib/ebbfs/0123"
  report.processID = 4711
  report.confinement = "no capabilities"
  report.transport = "io_uring"
  report.phase = .draining
  report.uptimeMilliseconds = 61_500
  report.mode = "write-back"
  report.durability = "batch=100"
  report.rules = "/etc/ebbfs.rules (3 rules)"
  report.dirtyBytes = 1_572_864
  report.dirtyInodes = 1
  report.pendingOperations = 2
  report.oldestAgeMilliseconds = 1234
  report.openPlans = 3
  report.deadLetters = 5
  report.journalUsedBytes = 1 << 20
  report.journalCapacityBytes = 1 << 30
  report.retainedSegments = 5
  report.retainedBytes = 5 << 20
  report.lastLSN = UInt64.max
  report.durableLSN = 9
  report.lowWaterLSN = 7
  report.journalFailure = "fdatasync: Input/output error"
  report.lastFailure = .init(message: "writing a/b: Input/output error", ageMilliseconds: 40)
  report.backingFailure = "Transport endpoint is not connected"
  report.longestCallMilliseconds = 42_000
  report.failingOperations = 5
  report.health = Health(level: .critical, reasons: ["too\nold", "full"])
  report.losses = [fullLoss(), LossReport()]
  report.lossCount = 30
  report.damagedSegments = [1, 12]
  report.conflictCount = 200
  report.configuration = [.init(name: "memory", value: "256M"), .init(name: "rules", value: "none")]
  report.conflicts = [
    .init(
      path: "a/b", kind: "overwrite", seconds: 1_795_253_400, resolution: "kept", keptAs: "b.ebbfs-conflict-20261121T093000Z"),
    .init(path: "c", kind: "new-name", seconds: 0, resolution: "ours", keptAs: nil),
  ]
  return report
}

func fullLoss() -> LossReport {
  var loss = LossReport()
  loss.message = "record 7, segment 1, offset 4096: not readable"
  (loss.firstLSN, loss.lastLSN) = (7, 8)
  (loss.segment, loss.offset) = (1, 4096)
  (loss.inode, loss.path) = (9, "/d/\u{e4}")
  return loss
}

private let requests: [ControlRequest] = [
  .statistics, .status, .flush(inodes: []), .flush(inodes: [1, .max]), .unmount(UnmountOptions()),
  .unmount(UnmountOptions(isLazy: true, keepsJournal: true, timeoutMilliseconds: 7)), .stop,
  .ping, .wait(inodes: [3]), .file(inode: 7), .history, .activity, .unmount(UnmountOptions(timeoutMilliseconds: 0)),
  .set(["mode=write-through", "batch_bytes=1M"]), .reloadRules, .deadLetters, .retryDeadLetters(nil),
  .retryDeadLetters([.names(Stage(LSN(12), stage: 1)), .contents(InodeNumber(7))]), .discardDeadLetters([], withDependents: true),
  .discardDeadLetters(nil, withDependents: false), .diagnostics,
]

/// A dead letter with every field different from its default.
func fullLetter() -> DeadLetterReport {
  var report = DeadLetterReport()
  report.subject = .names(Stage(LSN(12), stage: 1))
  report.change = WaitingChangeReport(operation: "rename", path: [0xff, 0x0a, 0x5c], pathBefore: Array("d/\u{e4}".utf8))
  report.errno = 13
  report.error = "Permission denied"
  report.attempts = 3
  report.first = 1_700_000_000
  report.last = 1_700_000_060
  report.isInDoubt = true
  return report
}

/// A file's report with every field different from its default.
func fullFile() -> FileReport {
  var report = FileReport()
  report.state = .deadLettered
  report.dirtyBytes = 4096
  report.operations = 2
  report.since = 1_795_253_400
  report.ageMilliseconds = 1500
  report.failedAttempts = 3
  report.refusal = "Permission denied\nafter 3 tries"
  report.conflict = fullReport().conflicts[0]
  return report
}

func fullActivity() -> ActivityReport {
  var report = ActivityReport()
  report.shares = [.init(priority: "high", dirtyBytes: 4096), .init(priority: "normal", dirtyBytes: 0)]
  report.hottest = [
    HotFile(inode: 9, path: [0x61, 0xff], writes: 3, bytes: 4096), HotFile(inode: 10, path: [], writes: 1, bytes: 1),
  ]
  return report
}

func fullHistory() -> HistoryReport {
  var report = HistoryReport()
  report.mountpoint = "/mnt/\"quoted\" & <b>"
  report.nowSeconds = 1_795_253_400
  report.uptimeSeconds = 3600
  report.samples = (0..<3).map { index in
    var sample = HistorySample(uptimeSeconds: UInt32(3570 + index * 10))
    for series in HistorySeries.allCases { sample[series] = UInt32(series.rawValue * 10 + index) }
    return sample
  }
  return report
}

/// A diagnostic with every field different from its default.
func fullDiagnostic() -> Diagnostic {
  var diagnostic = Diagnostic(.error, "a dead letter\nafter 3 attempts")
  diagnostic.seconds = 1_700_000_000
  diagnostic.operation = "write"
  diagnostic.path = [0x61, 0x2f, 0xff]
  diagnostic.errno = 5
  diagnostic.error = "Input/output error"
  return diagnostic
}

@Test func aDiagnosticIsOneLineWithItsOperationPathAndError() {
  let line = "write a/\\xff: Input/output error (5): a dead letter after 3 attempts"
  #expect(fullDiagnostic().leveledLine == "error: " + line)
  let json = #"{"time":"2023-11-14T22:13:20Z","level":"error","operation":"write","path":"a/\\xff","errno":5,"#
  #expect(fullDiagnostic().json.line.hasPrefix(json), "\(fullDiagnostic().json.line)")
  #expect(Diagnostic(.info, "told to end").leveledLine == "told to end")
}

private func replies() -> [ControlReply] {
  var replies: [ControlReply] = [
    .status(StatusReport()), .status(fullReport()), .statistics(StatisticsReport()), .statistics(fullStatistics()),
    .progress(ControlProgress(bytesLeft: 1, operationsLeft: Int.max)), .done,
    .file(FileReport()), .file(fullFile()), .history(HistoryReport()), .history(fullHistory()), .waitingForUsers,
    .activity(ActivityReport()),
    .activity(fullActivity()), .deadLetter(DeadLetterReport()), .deadLetter(fullLetter()), .dependent(fullLetter().change),
    .count(7),
    .deadLetter(DeadLetterReport()), .deadLetter(fullLetter()), .dependent(fullLetter().change), .count(7),
    .diagnostic(Diagnostic(.debug, "")), .diagnostic(fullDiagnostic()),
  ]
  replies += ControlFailure.Reason.allCases.map { .failed(ControlFailure(reason: $0, message: "why \($0)")) }
  return replies
}

private func message(_ frame: [UInt8]) throws -> [UInt8] {
  var reader = FrameReader()
  reader.append(frame)
  return try #require(try reader.next())
}

@Test(arguments: requests) func everyRequestComesBackFromItsBytes(request: ControlRequest) throws {
  #expect(try ControlCodec.decodeRequest(message(ControlCodec.encode(request))) == request)
}

@Test func everyReplyComesBackFromItsBytes() throws {
  for reply in replies() { #expect(try ControlCodec.decodeReply(message(ControlCodec.encode(reply))) == reply) }
}

@Test func framesAreFoundHoweverTheBytesAreCut() throws {
  let stream = replies().flatMap { ControlCodec.encode($0) }
  for step in [1, 2, 3, 7, 64, stream.count] {
    var reader = FrameReader()
    var found: [ControlReply] = []
    for start in stride(from: 0, to: stream.count, by: step) {
      reader.append(stream[start..<min(start + step, stream.count)])
      while let message = try reader.next() { found.append(try ControlCodec.decodeReply(message)) }
    }
    #expect(found == replies(), "cut every \(step) bytes")
  }
}

@Test func everyPrefixOfAMessageIsRefused() throws {
  for reply in replies() {
    let whole = try message(ControlCodec.encode(reply))
    for count in 0..<whole.count {
      #expect(throws: MessageError.truncated) { try ControlCodec.decodeReply(Array(whole.prefix(count))) }
    }
    #expect(throws: MessageError.trailingBytes) { try ControlCodec.decodeReply(whole + [0]) }
  }
}

@Test func anotherProtocolVersionIsNamed() throws {
  #expect(throws: MessageError.unknownVersion(9)) { try ControlCodec.decodeRequest([9, 1]) }
}

@Test func aRequestIsNoReply() throws {
  let request = try message(ControlCodec.encode(.ping))
  #expect(throws: MessageError.unknownValue) { try ControlCodec.decodeReply(request) }
}

@Test func anOverlongFrameIsRefusedBeforeItArrives() throws {
  var reader = FrameReader()
  reader.append([0xff, 0xff, 0xff, 0x7f])
  #expect(throws: MessageError.tooLong) { try reader.next() }
}

@Test func anOverlongStringIsCutWhenItIsSent() throws {
  let failure = ControlFailure(reason: .failed, message: String(repeating: "x", count: ControlCodec.stringBytesMax + 1))
  let reply = try ControlCodec.decodeReply(message(ControlCodec.encode(.failed(failure))))
  guard case .failed(let received) = reply else {
    Issue.record("\(reply) is no failure")
    return
  }
  #expect(received.message.utf8.count == ControlCodec.stringBytesMax)
}

@Test func hostileLengthsAreRefused() throws {
  for length in [UInt64.max, UInt64(Int64.max), UInt64(1) << 63, UInt64(ControlCodec.stringBytesMax) + 1, 100] {
    let field = (0..<8).map { UInt8(truncatingIfNeeded: length >> UInt64(8 * $0)) }
    #expect(throws: MessageError.self) { try ControlCodec.decodeReply([1, 132, 1] + field + [65, 66]) }
  }
}

/// Far more than any daemon tells, each histogram as long as it can be: an encoder never traps.
@Test func ninetyFullHistogramsFitInAMessage() throws {
  let histogram = HistogramSnapshot(buckets: (0..<HistogramBuckets.count).map { .init(index: $0, count: Int.max / 2048) })
  let samples = (0..<90).map { MetricSample(labels: [.init("operation", "number \($0)")], .histogram(histogram)) }
  let family = MetricFamily(name: "all", help: "All of them.", kind: .histogram, unit: .seconds, samples: samples)
  let reply = ControlReply.statistics(StatisticsReport(families: [family]))
  #expect(try ControlCodec.decodeReply(message(ControlCodec.encode(reply))) == reply)
}

@Test func statisticsThatCannotBeShownAreRefused() throws {
  let number = MetricSample(.number(1))
  func verdict(_ families: [MetricFamily]) throws -> ControlReply {
    try ControlCodec.decodeReply(message(ControlCodec.encode(.statistics(StatisticsReport(families: families)))))
  }
  func gauge(_ name: String, _ samples: [MetricSample]) -> MetricFamily {
    MetricFamily(name: name, help: "", kind: .gauge, unit: .number, samples: samples)
  }
  #expect(throws: Never.self) { try verdict([gauge("a", [number]), gauge("b", [number])]) }
  #expect(throws: MessageError.unknownValue) { try verdict([gauge("a", [number]), gauge("a", [number])]) }
  #expect(throws: MessageError.unknownValue) { try verdict([gauge("a b", [number])]) }
  #expect(throws: MessageError.unknownValue) { try verdict([gauge("a", [number, number])]) }
  #expect(throws: MessageError.tooLong) {
    try verdict([gauge("a", (0...256).map { MetricSample(labels: [.init("l", "\($0)")], .number(1)) })])
  }
  #expect(throws: MessageError.tooLong) { try verdict((0...256).map { gauge("a_\($0)", []) }) }
  var report = StatusReport()
  report.conflicts = (0...100).map { .init(path: "\($0)", kind: "unlink", seconds: 0, resolution: "ours", keptAs: nil) }
  #expect(throws: MessageError.tooLong) { try ControlCodec.decodeReply(message(ControlCodec.encode(.status(report)))) }
  report.conflicts.removeLast()
  #expect(throws: Never.self) { try ControlCodec.decodeReply(message(ControlCodec.encode(.status(report)))) }
  let twice = HistogramSnapshot(buckets: [.init(index: 5, count: 1), .init(index: 5, count: 1)])
  #expect(throws: MessageError.unknownValue) {
    try verdict([MetricFamily(name: "h", help: "", kind: .histogram, unit: .number, samples: [MetricSample(.histogram(twice))])])
  }
}
