import Glibc
import Testing

extension MountTests {
  /// "Is it safe now?": the status of a file, waiting, and the ways to unmount.
  @Suite(.serialized) struct SafetyTests {
    private let patient = "writeback_delay=1m,writeback_deadline=2m"

    @Test func aFilesStatusSaysWhetherItIsSafe() throws {
      try withMount(options: patient) { fixture in
        let path = fixture.mountpoint + "/d/name with \u{1b}[2J"
        _ = try shell("mkdir d", directory: fixture.mountpoint)
        _ = try run(["/usr/bin/python3", "-c", "import sys; open(sys.argv[1], 'w').write('text')", path])
        let dirty = try fixture.ebbfs("status", path)
        #expect(dirty.status == 15 && dirty.output.contains(": dirty since 20"), "\(dirty.output)")
        #expect(!dirty.output.contains("\u{1b}"))
        let json = try fixture.ebbfs("status", path, "--json")
        #expect(json.status == 15 && json.output.contains("\"state\": \"dirty\""), "\(json.output)")
        let late = try fixture.ebbfs("wait", path, "--timeout", "300ms")
        #expect(late.status == 15 && late.output.contains("not yet written back"), "\(late.output)")
        #expect(contents(of: fixture.backing + "/d/name with \u{1b}[2J").isEmpty, "waiting has hastened it")
        #expect(try fixture.ebbfs("flush", fixture.mountpoint, path).status == 0)
        #expect(try fixture.ebbfs("wait", path, "--timeout", "0").status == 0)
        let clean = try run([EbbfsBinary.path, "status", "d/../d/name with \u{1b}[2J"], directory: fixture.mountpoint)
        #expect(clean.status == 0 && clean.output.hasSuffix(": clean\n"), "\(clean.output)")
        #expect(try fixture.ebbfs("status", fixture.mountpoint + "/none").status == 3)
        #expect(try fixture.ebbfs("status", fixture.backing + "/d").status == 9)
        #expect(try fixture.ebbfs("wait", fixture.mountpoint, "--timeout=1").status == 2, "a time needs a unit")
      }
    }

    @Test func waitReturnsWhenWriteBackHasHadItsTurn() throws {
      try withMount { fixture in
        _ = try shell("echo one > f; mkdir d; echo two > d/g", directory: fixture.mountpoint)
        let result = try run([EbbfsBinary.path, "wait", "d", "--timeout", "30s"], directory: fixture.mountpoint)
        #expect(result.status == 0 && contents(of: fixture.backing + "/d/g") == "two\n", "\(result.output)")
        #expect(try fixture.ebbfs("wait", fixture.mountpoint).status == 0)
        #expect(try fixture.status("clean") == "true")
      }
    }

    @Test func aConflictIsToldUntilTheOtherVersionIsGone() throws {
      try withMount { fixture in
        _ = try shell("echo base > f", directory: fixture.mountpoint)
        try fixture.flush()
        _ = try shell("echo ours > mount/f; echo from elsewhere > backing/f", directory: fixture.base)
        try fixture.flush()
        let path = fixture.mountpoint + "/f"
        let conflict = try fixture.ebbfs("status", path)
        #expect(conflict.status == 16 && conflict.output.contains("theirs is f.ebbfs-conflict-"), "\(conflict.output)")
        _ = try shell("rm f.ebbfs-conflict-*", directory: fixture.mountpoint)
        try fixture.flush()
        #expect(try fixture.ebbfs("status", path).status == 0)
      }
    }

    @Test func aBusyMountNamesItsUsers() throws {
      try withMount { fixture in
        _ = try shell("mkdir d; echo text > f", directory: fixture.mountpoint)
        let worker = try ChildProcess.start(["sleep", "31"], directory: fixture.mountpoint + "/d")
        let opener = try ChildProcess.start(["sh", "-c", "exec sleep 32 < \(fixture.mountpoint)/f"])
        #expect(
          eventually { (try? run(["pgrep", "-x", "-f", "sleep 3[12]"]).lines.count) == 2 }, "the programs do not run")
        let result = try fixture.ebbfs("unmount", fixture.mountpoint)
        #expect(result.status == 10, "\(result.output)")
        for part in ["(sleep) works in \(fixture.mountpoint)/d", "(sleep) has \(fixture.mountpoint)/f open", "--lazy"] {
          #expect(result.output.contains(part), "\(part) is missing in \(result.output)")
        }
        #expect(result.lines.count == 1)
        let lazy = try ChildProcess.start(
          [EbbfsBinary.path, "unmount", "--lazy", fixture.mountpoint], environment: ["HOME": fixture.base])
        #expect(eventually { !fixture.isMounted })
        usleep(300_000)
        for holder in [worker, opener] {
          _ = try run(["pkill", "-x", "-f", "-P", "\(holder.process)", "sleep 3[12]"])
          _ = try holder.wait()
        }
        let end = try lazy.wait()
        #expect(end.status == 0 && end.output.contains("programs still have files open"), "\(end.output)")
      }
    }

    @Test func anUnmountThatKeepsTheJournalIsQuickAndLosesNothing() throws {
      try withMount(options: patient) { fixture in
        _ = try shell("echo text > f", directory: fixture.mountpoint)
        let process = try fixture.noteDaemon()
        let result = try fixture.ebbfs("unmount", "--keep-journal", fixture.mountpoint)
        #expect(result.status == 0 && result.output.contains("stay in the journal in \(fixture.state)"), "\(result.output)")
        #expect(result.lines.count == 1, "\(result.output)")
        #expect(!MountFixture.isRunning(process) && contents(of: fixture.backing + "/f").isEmpty)
        try fixture.mount(options: patient)
        #expect(try shell("cat f", directory: fixture.mountpoint).output == "text\n")
        try fixture.flush()
        #expect(contents(of: fixture.backing + "/f") == "text\n")
      }
    }

    @Test func anUnmountWithATimeoutLeavesTheRestToTheNextMount() throws {
      try SlowBackingTests().withSlowBacking(milliseconds: 0) { fixture, slow in
        try fixture.mount(options: patient)
        _ = try shell("echo text > f", directory: fixture.mountpoint)
        try slow.setDelay(milliseconds: 1000)
        let result = try fixture.ebbfs("unmount", fixture.mountpoint, "--timeout", "200ms")
        #expect(result.status == 11 && result.output.contains("the time for that is over"), "\(result.output)")
        try slow.setDelay(milliseconds: 0)
        try fixture.mount()
        try fixture.flush()
        #expect(contents(of: fixture.scratch + "/source/f") == "text\n")
      }
    }
  }
}
