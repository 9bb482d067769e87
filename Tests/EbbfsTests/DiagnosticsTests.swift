import Control
import Engine
import FilesystemModel
import Glibc
import Testing

@testable import ebbfs

// SAFETY: the descriptor is the test's own, and the buffer is as long as is told.

private let failure = EngineEvent.writeBackFailed(
  WaitingChange(kind: .writeContents, fileKind: .regular, path: Array("a/b".utf8)), .inputOutput, attempt: 1)

@Test func theFirstOfAKindAreToldAndTheOthersCounted() {
  var limiter = DiagnosticLimiter()
  let told = (0..<25).count { limiter.admits(failure.kind, now: $0) }
  #expect(told == DiagnosticLimiter.countMax)
  let another = limiter.admits(EngineEvent.backingIsBack.kind, now: 30)
  #expect(another, "another kind has its own count")
  let leftOut = [9999, 20_000, .max].map { limiter.takeLeftOut(now: $0) }
  #expect(leftOut.map(\.count) == [0, 1, 0])
  #expect(leftOut[1].map(\.line) == ["write-back: Input/output error (5): 15 more like these in 10 s were left out"])
  let anew = limiter.admits(failure.kind, now: 40_000)
  #expect(anew, "the next time begins anew")
}

@Test func anEventBecomesOneLineWithOperationPathAndError() {
  #expect(Diagnostic(failure).leveledLine == "warning: write a/b: Input/output error (5): attempt 1 failed, tried again")
  let again = EngineEvent.writeBackFailed(
    WaitingChange(kind: .create, fileKind: .directory, path: [0xff]), .accessDenied, attempt: 2)
  #expect(Diagnostic(again).line == "create directory \\xff: Permission denied (13): attempt 2 failed, tried again")
  #expect(Diagnostic(again).level == .debug)
  let opened = EngineEvent.opened(pending: 3, plansInDoubt: 1, deadLetters: 0, tornTail: nil)
  #expect(Diagnostic(opened).leveledLine == "journal: opened: 3 operations recovered, 1 batch in doubt carried out again")
  #expect(Diagnostic(.backingIsAway(.notConnected)).line.hasSuffix("is not connected (107): away, write-back waits"))
  let kept = Conflict(
    kind: .newName, path: Array("a".utf8), time: Timestamp(seconds: 0), resolution: .kept(as: EntryName(unchecked: [0x62])))
  #expect(
    Diagnostic(.conflict(kept)).leveledLine
      == "warning: new-name a: a conflict with a change of somebody else, theirs is kept as b")
}

@Test func theLatestAreKeptAndDebugOnlyWhenAskedFor() {
  let messages = Messages(finest: .error, notifySocket: nil)
  messages.tell(.wroteBack(operations: 1, milliseconds: 2))
  for number in 0..<Messages.recentMax + 1 { messages.say("\(number)") }
  #expect(messages.recent.count == Messages.recentMax && messages.recent.first?.text == "1")
  #expect(messages.recent.allSatisfy { $0.seconds > 0 })
  let talkative = Messages(finest: .debug, notifySocket: nil)
  talkative.tell(.wroteBack(operations: 1, milliseconds: 2))
  #expect(talkative.recent.map(\.leveledLine) == ["debug: write-back: 1 operation in 2 ms"])
}

@Test func journaldGetsOneDatagramWithAFieldALine() throws {
  let directory = try TemporaryDirectory()
  let receiver = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
  defer { close(receiver) }
  var address = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: Array(directory("socket").utf8)) }
  let isBound = unsafe withUnsafePointer(to: &address) { pointer in
    unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      unsafe bind(receiver, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
    }
  }
  try #require(isBound)
  let entry = RegistryEntry(mountpoint: "/srv/a\nb", backing: "/mnt/slow", stateDirectory: "/nowhere")
  var diagnostic = Diagnostic(failure)
  diagnostic.path = Array("a\nPRIORITY=0".utf8)
  try LogTarget.sendToJournal(diagnostic, of: entry, to: directory("socket"))
  var buffer = [UInt8](repeating: 0, count: 4096)
  let count = unsafe recv(receiver, &buffer, buffer.count, 0)
  let lines = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self).split(separator: "\n")
  #expect(
    lines == [
      "MESSAGE=/srv/a b: write a\\x0aPRIORITY=0: Input/output error (5): attempt 1 failed, tried again", "PRIORITY=4",
      "SYSLOG_IDENTIFIER=ebbfs", "SYSLOG_FACILITY=3", "EBBFS_MOUNTPOINT=/srv/a b", "EBBFS_BACKING=/mnt/slow",
      "EBBFS_OPERATION=write", "EBBFS_PATH=a\\x0aPRIORITY=0", "ERRNO=5",
    ])
}

@Test func diagnosticsComeOverTheControlSocket() throws {
  let double = try DoubleDaemon()
  double.daemon.terminate()
  var told: [Diagnostic] = []
  let last = try double.client.ask(.diagnostics) { reply in if case .diagnostic(let one) = reply { told.append(one) } }
  #expect(last == .done)
  #expect(told.map(\.text) == ["told to end; unmounting and writing back for at most 30.0 s"])
}

@Test func debugAndUpgradeTakeWhatTheyNeed() throws {
  #expect(try Arguments.parse(["debug", "bundle", "/m"]) == .debugBundle(place: "/m", output: nil))
  #expect(try Arguments.parse(["debug", "bundle", "-o", "f", "/m"]) == .debugBundle(place: "/m", output: "f"))
  #expect(try Arguments.parse(["upgrade-journal", "/m"]) == .upgradeJournal(place: "/m"))
  for words in [["debug"], ["debug", "x"], ["debug", "bundle"], ["debug", "bundle", "/m", "-o"], ["upgrade-journal"]] {
    #expect(throws: CommandFailure.self, "\(words)") { try Arguments.parse(words) }
  }
}
