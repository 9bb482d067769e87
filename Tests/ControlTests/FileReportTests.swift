import Control
import Testing

@Test func aFileReportSaysInAFewWordsHowSafeItIs() {
  #expect(FileReport().text == "clean")
  var report = FileReport()
  report.state = .dirty
  (report.dirtyBytes, report.operations, report.since, report.ageMilliseconds) = (4096, 2, 1_795_253_400, 1500)
  #expect(report.text == "dirty since 2026-11-21T09:30:00Z (1.5 s), 4.0 KiB in 2 operations")
  (report.state, report.failedAttempts) = (.writingBack, 1)
  #expect(report.text == "writing back since 2026-11-21T09:30:00Z (1.5 s), 4.0 KiB in 2 operations, 1 try in vain")
  let dead = fullFile().text
  #expect(dead.hasSuffix("3 tries in vain, Permission denied after 3 tries; see ebbfs dead-letters"), "\(dead)")
  var conflict = FileReport()
  conflict.state = .conflict
  conflict.conflict = fullReport().conflicts[0]
  #expect(conflict.text.hasPrefix("conflict, written back; 2026-11-21T09:30:00Z overwrite a/b: theirs is b.ebbfs-conflict-"))
}

@Test func aFileReportHasAMemberForEveryField() {
  guard case .object(let members) = fullFile().json(path: "/m/a") else {
    Issue.record("no object")
    return
  }
  // The path is what was asked about.
  #expect(members.count == Mirror(reflecting: fullFile()).children.count + 1)
  #expect(members.first == .init("path", .string("/m/a")))
}
