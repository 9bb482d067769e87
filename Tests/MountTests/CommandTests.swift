import Glibc
import Testing

extension MountTests {
  /// What the commands promise about a running mount.
  @Suite(.serialized) struct CommandTests {
    private let patient = "writeback_delay=1m,writeback_deadline=2m"
    private let files = "for i in $(seq 300); do echo contents $i > f$i; done; mkdir d; mv f1 d/; ln f2 d/l; ln -s f3 s; rm f4"

    private func work(_ fixture: MountFixture) throws -> [Substring] {
      let result = try shell(files, directory: fixture.mountpoint)
      try #require(result.status == 0, "\(result.output)")
      return try fixture.manifest(of: fixture.mountpoint, withTimes: true)
    }

    @Test func statusTellsWhatIsPending() throws {
      try withMount(options: patient) { fixture in
        #expect(try fixture.status("clean") == "true")
        _ = try work(fixture)
        #expect(try fixture.status("clean") == "false")
        #expect(try Int(fixture.status("pending_operations")) ?? 0 > 100)
        #expect(try fixture.status("phase") == "serving")
        let text = try fixture.ebbfs("status", fixture.mountpoint).output
        #expect(text.contains(fixture.backing) && text.contains("last error:      none"), "\(text)")
        try fixture.flush()
        #expect(try fixture.status("clean") == "true")
        #expect(try fixture.status("dirty_bytes") == "0")
      }
    }

    @Test func flushReturnsWhenAllIsInTheBackingDirectory() throws {
      try withMount(options: patient) { fixture in
        let shown = try work(fixture)
        let early = try run(["ls", "-A", fixture.backing])
        #expect(early.output == "", "written back before its time: \(early.output)")
        try fixture.flush()
        expectEqual(try fixture.manifest(of: fixture.backing, withTimes: true), shown, "backing directory")
      }
    }

    @Test func flushOfPathsWritesBackOnlyWhatIsThere() throws {
      try withMount(options: patient) { fixture in
        let script = "mkdir -p d/e other; echo one > d/e/f; echo two > other/g; echo three > h; mkfifo i"
        _ = try shell(script, directory: fixture.mountpoint)
        let result = try run(
          [EbbfsBinary.path, "flush", fixture.mountpoint, "d/e", fixture.mountpoint + "/h"], directory: fixture.mountpoint)
        #expect(result.status == 0, "\(result.output)")
        #expect(try run(["find", ".", "-type", "f"], directory: fixture.backing).lines.sorted() == ["./d/e/f", "./h"])
        #expect(contents(of: fixture.backing + "/d/e/f") == "one\n" && contents(of: fixture.backing + "/h") == "three\n")
        #expect(try fixture.status("clean") == "false", "the rest still waits")
        #expect(try fixture.ebbfs("flush", fixture.mountpoint, fixture.mountpoint + "/none").status == 1)
        let outside = try fixture.ebbfs("flush", fixture.mountpoint, "/etc/passwd")
        #expect(outside.status == 1 && outside.output.contains("is not on the mount"), "\(outside.output)")
        try fixture.expectBackingEqualsMount()
      }
    }

    /// Ten times, as an end that races with its answer does not fail every time.
    @Test func unmountReturnsWhenTheDaemonIsGone() throws {
      try withMount(mounts: false) { fixture in
        for round in 0..<10 {
          try fixture.mount(options: patient)
          let process = try fixture.noteDaemon()
          _ = try shell("echo \(round) > f; echo more > g\(round)", directory: fixture.mountpoint)
          if round % 2 == 0 { try fixture.flush() }
          try fixture.unmount()
          #expect(!MountFixture.isRunning(process) && !fixture.isMounted)
          #expect(contents(of: fixture.backing + "/f") == "\(round)\n")
        }
      }
    }

    @Test func unmountOfAMountInUseIsRefusedAndHarmless() throws {
      try withMount { fixture in
        let holder = try ChildProcess.start(["sleep", "30"], directory: fixture.mountpoint)
        #expect(eventually { contents(of: "/proc/\(holder.process)/comm") != "env\n" })
        let result = try fixture.ebbfs("unmount", fixture.mountpoint)
        #expect(result.status == 10 && result.output.contains("in use"), "\(result.status) \(result.output)")
        #expect(try shell("echo still > here && cat here", directory: fixture.mountpoint).output == "still\n")
        kill(holder.process, SIGTERM)
        _ = try holder.wait()
        #expect(eventually { (try? fixture.ebbfs("unmount", fixture.mountpoint).status) == 0 })
        #expect(contents(of: fixture.backing + "/here") == "still\n")
      }
    }

    @Test func plainUnmountLosesNothing() throws {
      try withMount(options: patient) { fixture in
        let shown = try work(fixture)
        let process = try fixture.noteDaemon()
        #expect(try run(["umount", fixture.mountpoint]).status == 0)
        #expect(eventually(seconds: 30) { !MountFixture.isRunning(process) })
        expectEqual(try fixture.manifest(of: fixture.backing, withTimes: true), shown, "backing directory")
      }
    }

    @Test func terminationLosesNothing() throws {
      try withMount(options: patient) { fixture in
        let shown = try work(fixture)
        let process = try fixture.noteDaemon()
        let holder = try ChildProcess.start(["sleep", "20"], directory: fixture.mountpoint)
        usleep(100_000)
        kill(process, SIGTERM)
        #expect(eventually(seconds: 30) { !MountFixture.isRunning(process) })
        #expect(!fixture.isMounted)
        kill(holder.process, SIGTERM)
        _ = try holder.wait()
        expectEqual(try fixture.manifest(of: fixture.backing, withTimes: true), shown, "backing directory")
      }
    }

    @Test func foregroundMountEndsWithItsSignal() throws {
      try withMount(mounts: false) { fixture in
        let daemon = try ChildProcess.start(
          [EbbfsBinary.path, fixture.backing, fixture.mountpoint, "-f", "-o", "state=\(fixture.state),\(patient)"])
        // The mount is there a moment before the daemon answers commands.
        #expect(eventually { (try? fixture.status("pid"))?.isEmpty == false })
        let process = try fixture.noteDaemon()
        _ = try shell("echo foreground > f", directory: fixture.mountpoint)
        kill(process, SIGTERM)
        let result = try daemon.wait()
        #expect(result.status == 0, "\(result.output)")
        #expect(contents(of: fixture.backing + "/f") == "foreground\n")
      }
    }

    /// What a daemon opens first would become its standard error.
    @Test func closedStandardDescriptorsHarmNothing() throws {
      try withMount(mounts: false) { fixture in
        let words = "\(EbbfsBinary.path) backing mount -o state=\(fixture.state),journal_size=1G <&- >&- 2>&-"
        #expect(try shell(words, directory: fixture.base).status == 0)
        _ = try fixture.noteDaemon()
        #expect(try run(["flock", "-n", fixture.state + "/lock", "true"]).status == 1, "the state directory is not locked")
        _ = try work(fixture)
        try fixture.expectBackingEqualsMount()
        try fixture.unmount()
      }
    }

    @Test func journalIsReadableAfterACrash() throws {
      try withMount(options: patient) { fixture in
        _ = try work(fixture)
        try fixture.crash()
        let check = try fixture.ebbfs("journal", "check", fixture.state)
        #expect(check.status == 0 && check.output.contains(": clean; "), "\(check.output)")
        let dump = try fixture.ebbfs("journal", "dump", fixture.state)
        #expect(
          dump.status == 0 && dump.output.contains("backing ") && dump.output.contains("f300"), "\(dump.output.prefix(500))")
        #expect(dump.lines.count > 600)
        try fixture.mount()
        let dead = try fixture.ebbfs("journal", "check", fixture.state)
        #expect(dead.status == 0, "of a live mount: \(dead.output)")
      }
    }

    @Test func readOnlyMountRefusesChanges() throws {
      try withMount(mounts: false) { fixture in
        _ = try shell("echo there > backing/f", directory: fixture.base)
        try fixture.mount(options: "ro")
        let result = try shell("cat f; echo x > f; mkdir d", directory: fixture.mountpoint)
        #expect(result.output.contains("there\n") && result.output.contains("Read-only file system"), "\(result.output)")
        #expect(contents(of: fixture.backing + "/f") == "there\n")
      }
    }
  }
}
