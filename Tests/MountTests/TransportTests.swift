import Glibc
import Testing

// SAFETY: C functions get paths as strings that live during the call.

extension MountTests {
  /// Requests over io_uring, with the release binary.
  @Suite(.serialized) struct TransportTests {
    private static let parameter = "/sys/module/fuse/parameters/enable_uring"

    /// Turns the kernel's switch on for as long as `body` runs. Not where there is none: before Linux 6.14.
    private func withRings(_ body: () throws -> Void) throws {
      guard unsafe access(Self.parameter, W_OK) == 0 else { return }
      let before = try shell("cat \(Self.parameter); echo Y > \(Self.parameter)", directory: "/").output
      defer { _ = try? shell("echo \(before.prefix(1)) > \(Self.parameter)", directory: "/") }
      try body()
    }

    @Test func whatWasAcknowledgedThroughRingsSurvivesTheDaemon() throws {
      try withRings {
        try withMount(options: "writeback_delay=1m,writeback_deadline=2m") { fixture in
          #expect(try fixture.status("transport") == "io_uring")
          let work = """
            import os, threading
            def work(name):
                os.mkdir(name)
                for number in range(60):
                    path = "%s/%d" % (name, number)
                    f = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
                    data = os.urandom(1 + 37 * number * number)
                    os.write(f, data)
                    if number % 7 == 0: os.fsync(f)
                    assert os.pread(f, len(data) + 1, 0) == data
                    os.close(f)
                    if number % 3 == 0: os.rename(path, path + "r")
                    if number % 5 == 1: os.unlink(path if number % 3 else path + "r")
            for processor in os.sched_getaffinity(0):
                if os.fork() == 0:
                    os.sched_setaffinity(0, {processor})
                    threads = [threading.Thread(target=work, args=("%d-%d" % (processor, n),)) for n in range(6)]
                    for thread in threads: thread.start()
                    for thread in threads: thread.join()
                    os._exit(0)
            while True:
                try: assert os.wait()[1] == 0
                except ChildProcessError: break
            """
          let result = try run(["/usr/bin/python3", "-c", work], directory: fixture.mountpoint)
          #expect(result.status == 0, "\(result.output)")
          let shown = try fixture.manifest(of: fixture.mountpoint, withTimes: true)
          #expect(shown.count > 200)
          try fixture.crash()
          try fixture.mount()
          expectEqual(try fixture.manifest(of: fixture.mountpoint, withTimes: true), shown, "after the crash")
          try fixture.expectBackingEqualsMount(byUnmount: true)
        }
      }
    }

    /// As `top` shows it. Other programs wait for disks too, but not all the time.
    @Test func anIdleMountWaitsForNoDisk() throws {
      try withRings {
        try withMount { fixture in
          let transport = try fixture.status("transport")
          #expect(transport == "io_uring")
          let wait = "for i in $(seq 200); do grep -qx 'procs_blocked 0' /proc/stat && exit 0; sleep 0.02; done; exit 1"
          let result = try run(["/bin/sh", "-c", wait], directory: "/")
          #expect(result.status == 0)
        }
      }
    }

    /// Runs a Python program in a mount with rings, tied to the first processor. `rings` are the daemon's threads there; the
    /// program ends before `deadline`.
    private func runTied(_ work: String) throws {
      let beginning = """
        import os, signal, sys, time
        tasks = "/proc/%s/task" % sys.argv[1]
        processor = min(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {processor})
        rings = [int(task) for task in os.listdir(tasks) if os.sched_getaffinity(int(task)) == {processor}]
        deadline = time.monotonic() + 60

        """
      try withRings {
        try withMount { fixture in
          let result = try run(
            ["/usr/bin/python3", "-c", beginning + work, try fixture.status("pid")], directory: fixture.mountpoint)
          #expect(result.status == 0, "\(result.output)")
        }
      }
    }

    /// Or the kernel would have another processor woken for it. Not all the time where others compute.
    @Test func whoIsAnsweredGoesOnBeforeTheDaemon() throws {
      try runTied(
        """
        def idle(): return sum(os.sched_getscheduler(task) == os.SCHED_IDLE for task in rings)
        found, number = 0, 0
        while found <= 30:
            assert time.monotonic() < deadline, found
            found = 0
            for number in range(number, number + 300):
                assert not os.path.exists(str(number))
                found += idle()
            number += 1
        while idle(): assert time.monotonic() < deadline
        """)
    }

    /// An idle thread that has had its share would get one part in 300 of the processor, not half of it.
    @Test func whoComputesDoesNotKeepTheDaemonFromItsProcessor() throws {
      try runTied(
        """
        def daemon(): return sum(used("%s/%d" % (tasks, task)) for task in rings)
        def used(path):
            words = open(path + "/stat").read().rsplit(")", 1)[1].split()
            return int(words[11]) + int(words[12])
        computing = os.fork()
        if computing == 0:
            while True: pass
        try:
            file = os.open("a", os.O_CREAT | os.O_WRONLY)
            before, ticks, number = daemon(), 0, 0
            while ticks < 200 and time.monotonic() < deadline:
                os.pwrite(file, bytes(1 << 20), number % 32 << 20)
                ticks, number = used("/proc/%d" % computing), number + 1
            ours = daemon() - before
            assert ours * 3 > ticks, (ours, ticks, number)
        finally: os.kill(computing, signal.SIGKILL)
        """)
    }

    @Test func theDeviceIsUsedWhereItIsAskedFor() throws {
      try withRings {
        try withMount(options: "transport=device") { fixture in
          let transport = try fixture.status("transport")
          #expect(transport == "/dev/fuse")
          #expect(try shell("echo a > a; cat a", directory: fixture.mountpoint).output == "a\n")
        }
      }
    }
  }
}
