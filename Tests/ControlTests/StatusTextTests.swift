import Control
import Testing

@Test func statusTextNamesEverythingAnOperatorNeeds() {
  let text = fullReport().text
  for part in [
    "/srv/\u{e4}", "/var/lib/ebbfs/0123", "process 4711, draining, up 1 min 1 s", "write-back, durability batch=100",
    "1.5 MiB in 1 file, 2 operations, 3 open plans, oldest 1.2 s", "1.0 MiB of 1.0 GiB used (0%)", "durable 9, low-water 7",
    "fdatasync: Input/output error; no more changes are taken", "writing a/b: Input/output error, 40 ms ago",
    "health:          critical: too old; full",
  ] {
    #expect(text.contains(part), "\(part) is missing in:\n\(text)")
  }
}

@Test func aCleanMountSaysSo() {
  #expect(StatusReport().isClean)
  #expect(StatusReport().text.contains("nothing, everything is written back"))
  #expect(StatusReport().text.contains("last error:      none"))
}

@Test func jsonEscapesWhatWouldBreakIt() {
  let value = JSONValue.object([.init("a\"b", .string("\\ \n \t \u{1} \u{7f} \u{e4} \u{1F600}"))])
  #expect(value.text() == "{\n  \"a\\\"b\": \"\\\\ \\n \\t \\u0001 \\u007f \u{e4} \u{1F600}\"\n}")
}

@Test func jsonNestsWithIndentation() {
  let value = JSONValue.array([.object([.init("n", .null), .init("e", .array([])), .init("o", .object([]))]), .bool(true)])
  #expect(value.text() == "[\n  {\n    \"n\": null,\n    \"e\": [],\n    \"o\": {}\n  },\n  true\n]")
}

@Test func statusJsonHasAMemberForEveryField() {
  guard case .object(let members) = fullReport().json else {
    Issue.record("a status is no object")
    return
  }
  // `clean` is derived; every stored property has its member.
  #expect(members.count == Mirror(reflecting: fullReport()).children.count + 1)
  #expect(Set(members.map(\.name)).count == members.count)
}

@Test(arguments: [
  (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_048_575, "1.0 MiB"), (1_572_864, "1.5 MiB"), (Int.max, "8.0 EiB"),
  (-2048, "-2.0 KiB"),
]) func sizesAreWrittenInBinaryUnits(bytes: Int, text: String) {
  #expect(Quantity.size(bytes) == text)
}

@Test(arguments: [
  (0, "0 ms"), (999, "999 ms"), (1000, "1.0 s"), (59_999, "59.9 s"), (60_000, "1 min 0 s"), (3_600_000, "1 h 0 min"),
]) func timesAreWrittenInTheirUnit(milliseconds: Int, text: String) {
  #expect(Quantity.time(milliseconds: milliseconds) == text)
}

@Test func controlCharactersInAFieldNeitherBreakALineNorReachTheTerminal() {
  var report = fullReport()
  let lines = report.text.split(separator: "\n").count
  report.mountpoint = "/mnt/a\r\nb\u{1b}[2J\u{9b}1m\u{2028}c"
  report.lastFailure?.message = "writing \u{7}\n: failed"
  #expect(report.text.contains("/mnt/a b?[2J?1m c\n"))
  #expect(report.text.contains("writing ? : failed"))
  #expect(report.text.split(separator: "\n").count == lines)
  #expect(report.json.text().contains(#"/mnt/a\u000d\nb\u001b[2J\u009b1m"#))
}

@Test func aShareThatMeansNothingIsNotShown() {
  var report = fullReport()
  report.journalCapacityBytes = 1
  for used in [Int.max, Int.min] {
    report.journalUsedBytes = used
    #expect(report.text.contains(" of 1 B used\n"))
  }
  #expect(Quantity.percent(1, of: 3) == 33)
  #expect(Quantity.percent(0, of: 0) == nil)
}
