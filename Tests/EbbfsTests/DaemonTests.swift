import Control
import FilesystemModel
import Glibc
import PosixStorage
import Testing
import Threading
import WriteAheadLog

@testable import ebbfs

@Test func statusTellsWhereEverythingIs() throws {
  let double = try DoubleDaemon(dirtyBytes: 4096)
  try double.start()
  guard case .status(let report) = try double.client.ask(.status) else {
    Issue.record("no status")
    return
  }
  #expect(report.mountpoint == "/nowhere/m")
  #expect(report.processID == Processes.current)
  #expect(report.phase == .serving)
  #expect(report.dirtyBytes == 4096)
  #expect(try double.client.ask(.ping) == .done)
  #expect(double.filesystem.awaits { $0.ticks > 2 }, "time passes while the mount serves")
  double.filesystem.endServing()
  #expect(double.filesystem.awaits { $0.drain != nil })
  double.filesystem.writeBackEverything()
  #expect(double.awaitEnd() == .success)
}

@Test func statisticsComeFromTheFilesystemAndTheDaemon() throws {
  let double = try DoubleDaemon(dirtyBytes: 4096)
  guard case .statistics(let report) = try double.client.ask(.statistics) else {
    Issue.record("no statistics")
    return
  }
  #expect(report.mountpoint == "/nowhere/m" && report.version == Help.version && report.uptimeMilliseconds >= 0)
  #expect(report.total("ebbfs_dirty_bytes") == 4096)
}

@Test func theSocketWorksInADirectoryWithALongPathAndIsPrivate() throws {
  let double = try DoubleDaemon(nested: 3)
  #expect(try double.client.ask(.ping) == .done)
  let socket = try Files.facts(PathText.joined(double.client.stateDirectory, ControlServer.socketName))
  #expect(socket.mode & 0o777 == 0o600 & ~currentMask())
}

private func currentMask() -> UInt32 {
  let mask = umask(0)
  umask(mask)
  return mask
}

@Test func flushReturnsWhenEverythingIsWrittenBack() throws {
  let double = try DoubleDaemon(dirtyBytes: 10)
  try double.start()
  let seen = Lock<[Int]>([])
  let filesystem = double.filesystem
  try Threads.start("flusher") {
    _ = seen.wait(milliseconds: 10_000) { $0.isEmpty ? nil : true }
    filesystem.writeBackEverything()
  }
  let reply = try double.client.ask(.flush(inodes: [7, 1])) { partial in
    if case .progress(let left) = partial { seen.withLock { $0.append(left.bytesLeft) } }
    seen.wake()
  }
  #expect(reply == .done)
  #expect(seen.withLock { $0.first } == 10, "progress was told before the end")
  #expect(filesystem.state.withLock { $0.flushedInodes } == [7, 1])
  filesystem.endServing()
  #expect(filesystem.awaits { $0.drain != nil })
  filesystem.writeBackEverything()
  #expect(double.awaitEnd() == .success)
}

@Test func aBusyMountStaysMounted() throws {
  let double = try DoubleDaemon()
  double.filesystem.state.withLock { $0.isBusy = true }
  try double.start()
  let reply = try double.client.ask(.unmount(UnmountOptions()))
  #expect(reply == .failed(ControlFailure(reason: .busy, message: "files of the mount are in use")))
  #expect(!double.daemon.isUnmounted)
  double.daemon.terminate()
  #expect(double.filesystem.awaits { $0.drain != nil }, "SIGTERM takes away a busy mount too")
  double.filesystem.writeBackEverything()
  #expect(double.awaitEnd() == .success)
}

@Test func unmountWritesEverythingBackBeforeItIsDone() throws {
  let double = try DoubleDaemon(dirtyBytes: 10)
  try double.start()
  let filesystem = double.filesystem
  let seen = Lock(0)
  try Threads.start("flusher") {
    _ = seen.wait(milliseconds: 10_000) { $0 > 0 ? true : nil }
    filesystem.writeBackEverything()
  }
  let reply = try double.client.ask(.unmount(UnmountOptions())) { _ in
    seen.withLock { $0 += 1 }
    seen.wake()
  }
  #expect(reply == .done)
  #expect(filesystem.state.withLock { $0.isStopped && $0.report.dirtyBytes == 0 })
  #expect(double.awaitEnd() == .success)
}

@Test func stopIsRefusedWhileTheMountIsThereAndEndsADrainAtOnce() throws {
  let double = try DoubleDaemon(dirtyBytes: 10)
  try double.start()
  guard case .failed(let failure) = try double.client.ask(.stop) else {
    Issue.record("a serving daemon stopped")
    return
  }
  #expect(failure.reason == .stillMounted)
  #expect(failure.message == "/nowhere/b is mounted on /nowhere/m by process \(Processes.current)")
  double.filesystem.endServing()
  #expect(double.filesystem.awaits { $0.drain != nil })
  #expect(try double.client.ask(.stop) == .done)
  #expect(double.filesystem.state.withLock { $0.isStopped })
  #expect(double.awaitEnd() == .incomplete, "what is left is told by the exit status")
}

@Test func unmountThatIsCutShortSaysWhatIsLeft() throws {
  let double = try DoubleDaemon(dirtyBytes: 2048)
  try double.start()
  let daemon = double.daemon
  let reply = try double.client.ask(.unmount(UnmountOptions())) { _ in try? daemon.requestStop() }
  guard case .failed(let failure) = reply else {
    Issue.record("\(String(describing: reply))")
    return
  }
  #expect(failure.reason == .incomplete)
  #expect(
    failure.message.hasPrefix("2.0 KiB and 0 operations not yet written back: the daemon was told to end; the journal in "))
}

@Test func unmountThatKeepsTheJournalWritesNothingBack() throws {
  let double = try DoubleDaemon(dirtyBytes: 2048)
  double.filesystem.state.withLock { $0.isBusy = true }
  try double.start()
  let options = UnmountOptions(keepsJournal: true)
  #expect(
    try double.client.ask(.unmount(options)) == .failed(ControlFailure(reason: .busy, message: "files of the mount are in use")))
  double.filesystem.state.withLock { $0.isBusy = false }
  var left: [ControlReply] = []
  #expect(try double.client.ask(.unmount(options)) { left.append($0) } == .done)
  #expect(left.last == .progress(ControlProgress(bytesLeft: 2048, operationsLeft: 0)), "what stays in the journal is told")
  #expect(double.filesystem.state.withLock { $0.drain == nil && $0.isStopped }, "write-back began all the same")
  #expect(double.awaitEnd() == .incomplete)
}

@Test func aRefusedUnmountLeavesNoBoundBehind() throws {
  let double = try DoubleDaemon(dirtyBytes: 1)
  double.filesystem.state.withLock { $0.isBusy = true }
  try double.start()
  for options in [UnmountOptions(keepsJournal: true), UnmountOptions(timeoutMilliseconds: 0)] {
    guard case .failed = try double.client.ask(.unmount(options)) else {
      Issue.record("a busy mount was unmounted")
      return
    }
  }
  double.filesystem.endServing()
  #expect(double.filesystem.awaits { $0.drain != nil })
  Monotonic.sleep(milliseconds: 300)
  #expect(!double.filesystem.state.withLock { $0.isStopped }, "the drain has the bound of the refused unmount")
  double.filesystem.writeBackEverything()
  #expect(double.awaitEnd() == .success)
}

@Test func aLazyUnmountWaitsForItsUsersUpToItsTimeout() throws {
  let double = try DoubleDaemon(dirtyBytes: 2048)
  double.filesystem.state.withLock { ($0.isBusy, $0.isUsed) = (true, true) }
  try double.start()
  let seen = Lock<[ControlReply]>([])
  let reply = try double.client.ask(.unmount(UnmountOptions(isLazy: true, timeoutMilliseconds: 500))) { partial in
    seen.withLock { $0.append(partial) }
  }
  #expect(seen.withLock { $0.first } == .waitingForUsers)
  #expect(double.filesystem.state.withLock { $0.unmounts } == [true])
  guard case .failed(let failure) = reply else {
    Issue.record("\(String(describing: reply))")
    return
  }
  #expect(failure.reason == .incomplete && failure.message.contains("the time for that is over"))
  #expect(double.awaitEnd() == .incomplete)
}

@Test func aWaitHastensNothingAndEndsInTime() throws {
  let double = try DoubleDaemon(dirtyBytes: 10)
  try double.start()
  let start = Monotonic.milliseconds()
  #expect(throws: ConnectionError.outOfTime) { try double.client.ask(.wait(inodes: [7]), deadline: start + 300) }
  #expect((300..<3000).contains(Monotonic.milliseconds() - start))
  #expect(
    double.filesystem.state.withLock { $0.hastenings } == [false] && double.filesystem.state.withLock { $0.flushedInodes } == [7])
}

@Test func aFileIsAnsweredForByTheFilesystem() throws {
  let double = try DoubleDaemon()
  var report = FileReport()
  report.state = .writingBack
  double.filesystem.state.withLock { [report] in $0.file = report }
  #expect(try double.client.ask(.file(inode: 7)) == .file(report))
}

@Test func unmountTimeoutBoundsTheDrain() throws {
  let double = try DoubleDaemon(dirtyBytes: 2048, unmountTimeout: 300)
  try double.start()
  let start = Monotonic.milliseconds()
  guard case .failed(let failure) = try double.client.ask(.unmount(UnmountOptions())) else {
    Issue.record("success")
    return
  }
  #expect((300..<5000).contains(Monotonic.milliseconds() - start))
  #expect(failure.reason == .incomplete)
  #expect(
    failure.message.hasPrefix("2.0 KiB and 0 operations not yet written back: the time for that is over; the journal in "))
  #expect(double.awaitEnd() == .incomplete)
}

@Test func unmountAfterTheJournalFailedSaysSo() throws {
  let double = try DoubleDaemon(dirtyBytes: 2048)
  double.filesystem.state.withLock { $0.report.journalFailure = "Input/output error" }
  try double.start()
  guard case .failed(let failure) = try double.client.ask(.unmount(UnmountOptions())) else {
    Issue.record("success")
    return
  }
  #expect(failure.reason == .incomplete)
  #expect(failure.message.contains("the journal failed (Input/output error); mend its disk, then mount again"))
}

@Test func aSignalLeavesTimeToDrainAndASecondOneEndsIt() throws {
  let double = try DoubleDaemon(dirtyBytes: 1)
  try double.start()
  double.daemon.terminate()
  #expect(double.filesystem.awaits { $0.drain != nil })
  Monotonic.sleep(milliseconds: 300)
  #expect(!double.filesystem.state.withLock { $0.isStopped })
  double.daemon.terminate()
  #expect(double.awaitEnd() == .incomplete)
}

@Test func hostilePeersAreAnsweredAndTheServerGoesOn() throws {
  let double = try DoubleDaemon()
  for bytes in [[0xff, 0xff, 0xff, 0xff], [2, 0, 0, 0, 9, 1], [2, 0, 0, 0, 1, 77], [0, 0, 0, 0]] as [[UInt8]] {
    let socket = try LocalSockets.connect(directory: double.client.stateDirectory, name: ControlServer.socketName)
    var connection = ControlConnection(socket)
    try connection.send(bytes)
    let message = try #require(try connection.receive())
    guard case .failed(let failure) = try ControlCodec.decodeReply(message) else {
      Issue.record("\(bytes) was understood")
      continue
    }
    #expect(failure.reason == .notUnderstood)
  }
  // One that says nothing and leaves.
  _ = try LocalSockets.connect(directory: double.client.stateDirectory, name: ControlServer.socketName)
  #expect(try double.client.ask(.ping) == .done)
}

@Test func aNewMountTakesTheLockOfADaemonThatOnlyDrains() throws {
  let double = try DoubleDaemon(dirtyBytes: 1)
  try double.start()
  let stateDirectory = double.client.stateDirectory
  let held = Lock<PosixJournalStorage?>(try PosixJournalStorage(directory: stateDirectory, create: false))
  let takeover = Takeover(stateDirectory: stateDirectory, backing: "/nowhere/b", graceMilliseconds: 100)
  let refusal = CommandFailure(.inUse, "/nowhere/b is mounted on /nowhere/m by process \(Processes.current)")
  #expect(throws: refusal) { try takeover.acquire() }
  double.filesystem.endServing()
  #expect(double.filesystem.awaits { $0.drain != nil })
  let filesystem = double.filesystem
  try Threads.start("process end") {
    _ = filesystem.awaits { $0.isStopped }
    held.withLock { $0 = nil }
  }
  _ = try takeover.acquire()
  #expect(double.awaitEnd() == .incomplete)
}

@Test func aLockWhoseHolderDoesNotAnswerIsRefused() throws {
  let directory = try TemporaryDirectory()
  let held = try PosixJournalStorage(directory: directory.path, create: false)
  let takeover = Takeover(stateDirectory: directory.path, backing: "/b", graceMilliseconds: 50)
  let refusal = CommandFailure(.inUse, "/b is in use by process \(Processes.current), which does not answer")
  #expect(throws: refusal) { try takeover.acquire() }
  #expect(held.lastHolder == Processes.current)
}

@Test func systemdThatDoesNotListenIsNoHindrance() throws {
  let directory = try TemporaryDirectory()
  #expect(throws: Errno.noEntry) { try LocalSockets.sendDatagram("READY=1", to: directory("absent")) }
  Messages(notifySocket: directory("absent")).notify("READY=1")
  Messages(notifySocket: "@" + directory("abstract")).notify("READY=1")
}

@Test func progressIsRedrawnOnATerminalAndRareElsewhere() {
  let written = Lock("")
  let write: (String) -> Void = { text in written.withLock { $0 += text } }
  var terminal = ProgressLine(isTerminal: true, write: write)
  terminal.show("a", now: 0)
  terminal.show("a", now: 1)
  terminal.show("b", now: 2)
  terminal.end()
  terminal.end()
  #expect(written.withLock { $0 } == "\r\u{1b}[Ka\r\u{1b}[Kb\r\u{1b}[K")
  written.withLock { $0 = "" }
  var plain = ProgressLine(isTerminal: false, write: write)
  for time in stride(from: 0, to: 2200, by: 200) { plain.show("at \(time)", now: time) }
  plain.end(saying: "done")
  #expect(written.withLock { $0 } == "at 0\nat 1000\nat 2000\ndone\n")
}

@Test func readingAJournalIsToldOnlyWhenItTakesLong() {
  let written = Lock("")
  let line = ProgressLine(isTerminal: false) { text in written.withLock { $0 += text } }
  let progress = ReadingProgress("reading", line: line, startedAt: 0)
  for step in 1...4 {
    progress.note(JournalReading(bytesRead: step << 20, bytesTotal: 8 << 20), now: step * 400)
  }
  progress.end()
  #expect(written.withLock { $0 } == "reading: 2.0 MiB of 8.0 MiB, 2.5 MiB/s, 2.4 s left\n")
}

@Test func progressTellsRateAndTimeLeft() {
  var meter = ProgressMeter()
  #expect(!meter.hasWaited)
  meter.note(ControlProgress(bytesLeft: 8 << 20, operationsLeft: 10), now: 0)
  #expect(meter.text == "0 B of 8.0 MiB, 0 of 10 operations")
  meter.note(ControlProgress(bytesLeft: 6 << 20, operationsLeft: 9), now: 2000)
  #expect(meter.text == "2.0 MiB of 8.0 MiB, 1 of 10 operations, 1.0 MiB/s")
  meter.note(ControlProgress(bytesLeft: 4 << 20, operationsLeft: 6), now: 4000)
  #expect(meter.text == "4.0 MiB of 8.0 MiB, 4 of 10 operations, 1.0 MiB/s, 6.0 s left", "operations take longer than bytes")
  #expect(meter.bar == "[##########..........] ")
  #expect(meter.summary(now: 9000) == "wrote back 8.0 MiB and 10 operations in 9.0 s")
  meter.note(ControlProgress(bytesLeft: .min, operationsLeft: .max), now: 5000)
  #expect(meter.text.hasPrefix("8.0 MiB of 8.0 MiB, 0 of "), "whatever the daemon says")
}

@Test func aDaemonOfAnotherUserIsNotBelieved() throws {
  let double = try DoubleDaemon()
  let client = ControlClient(stateDirectory: double.client.stateDirectory, user: getuid() + 1)
  #expect(throws: ConnectionError.stranger) { try client.ask(.flush(inodes: [])) }
}

/// Programs that give up after a while: each takes a connection, of which there are 32.
@Test func whoeverLeavesAFlushFreesItsConnection() throws {
  let double = try DoubleDaemon(dirtyBytes: 1)
  for _ in 0..<40 {
    var connection = ControlConnection(
      try LocalSockets.connect(directory: double.client.stateDirectory, name: ControlServer.socketName))
    try connection.send(ControlCodec.encode(.flush(inodes: [])))
    _ = try connection.receive()
  }
  let patience = Monotonic.milliseconds() + 10_000
  while (try? double.client.ask(.ping)) != .done, Monotonic.milliseconds() < patience { Monotonic.sleep(milliseconds: 20) }
  #expect(try double.client.ask(.ping) == .done)
}
