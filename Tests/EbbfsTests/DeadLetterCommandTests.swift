import Control
import FilesystemModel
import PosixStorage
import StorageInterface
import Testing
import Threading

@testable import ebbfs

private func refusal(_ words: [String]) -> String {
  do throws(CommandFailure) {
    return "accepted as \(try Arguments.parse(words))"
  } catch {
    #expect(error.status == .usage)
    return error.message
  }
}

private func letter(_ subject: WritebackSubject, _ operation: String, _ path: String, behind: [String] = []) -> DeadLetterReport {
  var report = DeadLetterReport()
  report.subject = subject
  report.change = WaitingChangeReport(operation: operation, path: Array(path.utf8))
  report.dependents = behind.map { WaitingChangeReport(operation: "create file", path: Array($0.utf8)) }
  return report
}

@Test func deadLetterCommandsTakeTheirArguments() throws {
  let parse = { (words: String...) in try Arguments.parse(["dead-letters", "/m"] + words) }
  #expect(try parse() == .deadLetters(.list(asJSON: false), mountpoint: "/m"))
  #expect(try parse("list", "--json") == .deadLetters(.list(asJSON: true), mountpoint: "/m"))
  #expect(try parse("retry") == .deadLetters(.retry(.all), mountpoint: "/m"))
  #expect(try parse("retry", "a", "#7") == .deadLetters(.retry(.words(["a", "#7"])), mountpoint: "/m"))
  #expect(try parse("export", "/x") == .deadLetters(.export(directory: "/x"), mountpoint: "/m"))
  #expect(try parse("discard", "--all") == .deadLetters(.discard(.all, withDependents: false), mountpoint: "/m"))
  #expect(
    try parse("discard", "--force", "--", "-a") == .deadLetters(.discard(.words(["-a"]), withDependents: true), mountpoint: "/m"))
}

@Test func wrongDeadLetterArgumentsAreNamedInOneLine() {
  #expect(refusal(["dead-letters"]).hasPrefix("a mountpoint is needed; usage: ebbfs dead-letters MOUNTPOINT"))
  #expect(refusal(["dead-letters", "/m", "burn"]).hasPrefix("unknown dead-letters command burn;"))
  #expect(refusal(["dead-letters", "/m", "discard"]).hasPrefix("paths or --all are needed;"))
  #expect(refusal(["dead-letters", "/m", "discard", "a", "--all"]).hasPrefix("unexpected argument a beside --all;"))
  #expect(refusal(["dead-letters", "/m", "retry", "--force"]).hasPrefix("unknown option --force;"))
  #expect(refusal(["dead-letters", "/m", "export"]).hasPrefix("a directory is needed;"))
  #expect(refusal(["dead-letters", "/m", "list", "a"]).hasPrefix("unexpected argument a;"))
}

@Test func aLetterIsNamedByItsNumberAndByItsPath() {
  let found = letter(.names(Stage(LSN(12), stage: 1)), "rename", "d/f")
  for word in ["#12.1", "d/f", "/m/d/f"] { #expect(DeadLetterCommands.isNamed(found, word, "/m"), "\(word)") }
  for word in ["#12", "#i12", "#", "12.1", "f", "/d/f", "/md/f", "/m/d"] {
    #expect(!DeadLetterCommands.isNamed(found, word, "/m"), "\(word)")
  }
}

@Test func lettersAreToldTakenUpAndGivenUpOverTheSocket() throws {
  let double = try DoubleDaemon()
  try double.start()
  let letters = [
    letter(.contents(InodeNumber(7)), "write", "f"),
    letter(.names(Stage(LSN(9))), "create directory", "d", behind: ["d/a", "d/b"]),
  ]
  double.filesystem.state.withLock { $0.letters = letters }
  var told: [ControlReply] = []
  #expect(try double.client.ask(.deadLetters) { told.append($0) } == .done)
  #expect(told.count == 4 && told.last == .dependent(letters[1].dependents[1]))
  #expect(try double.client.ask(.retryDeadLetters([.contents(InodeNumber(7))])) == .count(1))
  guard case .failed = try double.client.ask(.discardDeadLetters(nil, withDependents: false)) else {
    Issue.record("what is behind a letter went without being meant")
    return
  }
  #expect(try double.client.ask(.discardDeadLetters(nil, withDependents: true)) == .count(3))
  double.filesystem.endServing()
  #expect(double.filesystem.awaits { $0.drain != nil })
  double.filesystem.writeBackEverything()
  #expect(double.awaitEnd() == .success)
}

/// Neither hangs: all else is written back, and the exit status says what is left.
@Test func flushAndUnmountSayThatDeadLettersAreLeft() throws {
  let double = try DoubleDaemon()
  try double.start()
  double.filesystem.state.withLock { state in
    state.report.pendingOperations = 2
    state.report.deadLetters = 2
  }
  let filesystem = double.filesystem
  try Threads.start("flusher") {
    _ = filesystem.awaits { !$0.flushes.isEmpty }
    filesystem.writeBackEverything()
  }
  guard case .failed(let failure) = try double.client.ask(.flush(inodes: [])) else {
    Issue.record("flush said that all is well")
    return
  }
  #expect(failure.reason == .deadLetters && failure.message.contains("2 dead letters"))
  try Threads.start("drainer") {
    _ = filesystem.awaits { $0.drain != nil }
    filesystem.writeBackEverything()
  }
  #expect(try double.client.ask(.unmount(UnmountOptions())) == .failed(failure))
  #expect(double.awaitEnd() == .deadLetters)
}

@Test func exportSavesContentsAndAttributesOfNamesOfAnyBytes() throws {
  let directory = try TemporaryDirectory()
  let (from, to) = (try directory.makeDirectory("from"), try directory.makeDirectory("to"))
  let source = try PosixBackingStorage(unprobed: from)
  let odd = EntryName(unchecked: [0xff, 0x0a, 0x5c])
  try source.make(BackingPath([odd]), kind: .directory, device: 0, target: [])
  let path = BackingPath([odd, "f"])
  let file = try source.createFile(path)
  try file.write(Array("saved".utf8), at: 1 << 20)
  try file.setAttributes(AttributeChange(permissions: 0o640, modified: Timestamp(seconds: 1_000_000_007, nanoseconds: 5)))
  try source.setExtendedAttribute(path, ExtendedAttributeChange(name: Array("user.x".utf8), value: [1, 2]))
  var report = letter(.names(Stage(LSN(9))), "create directory", "")
  report.change.path = odd.bytes
  report.dependents = [WaitingChangeReport(operation: "create file", path: odd.bytes + Array("/f".utf8))]
  let letters = [
    report, letter(.names(Stage(LSN(10))), "remove file", "gone"), letter(.contents(InodeNumber(4)), "write", "missing"),
  ]
  let target = try PosixBackingStorage(unprobed: to)
  var export = DeadLetterExport(source: source, target: target)
  try export.carryOut(letters)
  #expect(export.exportedCount == 2 && export.problems == ["missing: No such file or directory"])
  let copy = BackingPath(["files", odd, "f"])
  let saved = try target.details(copy)
  #expect(saved.status.attributes.permissions == 0o640 && saved.status.attributes.modified.nanoseconds == 5)
  #expect(saved.extendedAttributes.contains { $0.value == [1, 2] } && saved.status.attributes.size == (1 << 20) + 5)
  #expect(saved.status.attributes.blocks512 <= 64, "the hole was filled")
  #expect(try target.open(copy, writable: false).read(at: 1 << 20, count: 9) == Array("saved".utf8))
  let manifest = try Files.text(to + "/manifest.json")
  #expect(manifest.contains(#""path_hex": "ff0a5c""#) && manifest.contains("gone"))
  #expect(throws: Errno.exists) { try export.carryOut(letters) }
}
