import Glibc
import Testing

extension MountTests {
  /// What was acknowledged is there after `kill -9` of the daemon.
  @Suite(.serialized) struct CrashTests {
    private let patient = "writeback_delay=1m,writeback_deadline=2m"

    /// A process that holds a descriptor across the crash: it appends and writes, never syncs, and tells each step.
    private let holder = """
      import os, sys, time
      descriptor = os.open("held", os.O_RDWR | os.O_CREAT, 0o640)
      appending = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
      for number in range(200):
          os.pwrite(descriptor, b"%04d" % number * 1000, number * 4000)
          os.write(appending, b"line %d\\n" % number)
      print("written", flush=True)
      while os.path.exists(sys.argv[1]):
          time.sleep(0.02)
      try:
          os.write(appending, b"after the crash\\n")
      except OSError as error:
          print(error.errno, flush=True)
      """

    @Test func bytesThroughAnOpenDescriptorSurviveWithoutSync() throws {
      try withMount(options: patient) { fixture in
        let sign = fixture.scratch + "/wait"
        _ = try run(["touch", sign])
        let child = try ChildProcess.start(["/usr/bin/python3", "-c", holder, sign], directory: fixture.mountpoint)
        #expect(eventually { contents(of: fixture.mountpoint + "/log").hasSuffix("line 199\n") })
        #expect(try shell("for i in $(seq 100); do printf \"$i,\" >> printed; done", directory: fixture.mountpoint).status == 0)
        try fixture.crash()
        try fixture.mount(options: patient)
        _ = try run(["rm", sign])
        #expect(try child.wait().output == "written\n\(ENOTCONN)\n")
        try checkHeld(fixture, fixture.mountpoint)
        try fixture.expectBackingEqualsMount()
        try checkHeld(fixture, fixture.backing)
      }
    }

    private func checkHeld(_ fixture: MountFixture, _ place: String) throws {
      let wanted = try shell(
        """
        for i in $(seq 0 199); do n=$(printf %04d $i); yes $n | head -n 1000 | tr -d '\\n'; done | cmp - held &&
        seq -f 'line %g' 0 199 | cmp - log && seq -s, 100 | tr '\\n' , | cmp - printed && stat -c %a held
        """, directory: place)
      #expect(wanted.output == "640\n", "in \(place): \(wanted.output)")
    }

    @Test func everyKindOfChangeSurvives() throws {
      try withMount(mounts: false) { fixture in
        let seeds = "mkdir -p old/sub; for i in $(seq 20); do seq $i 500 > old/$i; done; echo x > old/sub/x"
        _ = try shell(seeds, directory: fixture.backing)
        _ = try shell(seeds, directory: fixture.plain)
        try fixture.mount(options: patient)
        let script = TestSurroundings.sources + "/Workloads/every-change.sh"
        for place in [fixture.plain, fixture.mountpoint] {
          let result = try run(["/bin/sh", script], directory: place)
          #expect(result.status == 0, "in \(place): \(result.output)")
        }
        let before = try fixture.manifest(of: fixture.mountpoint, withTimes: true)
        // Twice in a row: the second crash comes in the middle of what recovery does.
        for _ in 0..<2 {
          try fixture.crash()
          try fixture.mount(options: "writeback_delay=0ms")
          expectEqual(try fixture.manifest(of: fixture.mountpoint, withTimes: true), before, "after the crash: mount")
        }
        expectEqual(
          try fixture.manifest(of: fixture.mountpoint, withTimes: false),
          try fixture.manifest(of: fixture.plain, withTimes: false), "tree")
        try fixture.expectBackingEqualsMount()
      }
    }

    @Test func deadMountIsTakenAwayByTheNext() throws {
      try withMount(options: patient) { fixture in
        _ = try shell("echo kept > f", directory: fixture.mountpoint)
        let process = try fixture.noteDaemon()
        kill(process, SIGKILL)
        #expect(eventually { !MountFixture.isRunning(process) })
        let status = try fixture.ebbfs("status", fixture.mountpoint)
        #expect(status.status == 9 && status.output.contains("died"), "\(status.output)")
        try fixture.mount()
        #expect(try run(["cat", fixture.mountpoint + "/f"]).output == "kept\n")
      }
    }
  }
}
