import Glibc
import Testing

extension MountTests {
  /// Nothing in the write path waits for the backing directory. `Slow/ratio.sh` measures what that gains.
  @Suite(.serialized) struct SlowBackingTests {
    /// Mounts on a passthrough that makes every operation wait, and takes that away again.
    func withSlowBacking(milliseconds: Int, _ body: (MountFixture, SlowBacking) throws -> Void) throws {
      try withMount(mounts: false) { fixture in
        let slow = try SlowBacking(fixture)
        try slow.setDelay(milliseconds: milliseconds)
        try body(fixture, slow)
        try slow.setDelay(milliseconds: 0)
        if fixture.isMounted { try fixture.unmount() }
        try slow.unmount()
      }
    }

    @Test func writersOfSmallFilesAskTheBackingDirectoryNothing() throws {
      try withSlowBacking(milliseconds: 20) { fixture, slow in
        try fixture.mount(options: "writeback_delay=1m,writeback_deadline=2m")
        _ = try run(["ls", fixture.mountpoint])
        let before = slow.operations().count
        let script = TestSurroundings.sources + "/Slow/small-files.sh"
        let result = try run(["/bin/sh", script, fixture.mountpoint + "/fresh", "1000"])
        #expect(result.status == 0, "\(result.output)")
        let asked = slow.operations().dropFirst(before)
        #expect(asked.count <= 10, "1000 files took \(asked.count) backing operations: \(asked.prefix(20))")
        #expect(try shell("ls \(fixture.mountpoint)/fresh | wc -l").output == "1000\n")
        try slow.setDelay(milliseconds: 0)
        try fixture.expectBackingEqualsMount()
      }
    }

    /// As rclone has it.
    @Test func aProgramThatTellsOfNoFreeFileIsNotBelieved() throws {
      try withSlowBacking(milliseconds: 0) { fixture, _ in
        _ = try shell("touch no-free-files", directory: fixture.scratch)
        try fixture.mount()
        let result = try shell("touch a b c && ls && stat -f -c %c .", directory: fixture.mountpoint)
        #expect(result.output == "a\nb\nc\n0\n", "\(result.output)")
        try fixture.expectBackingEqualsMount()
      }
    }

    @Test func mountRightAfterUnmountTakesOverFromTheDrainingDaemon() throws {
      try withSlowBacking(milliseconds: 5) { fixture, slow in
        // Few threads have few batches under way when they are asked to stop.
        try fixture.mount(options: "flush_threads=2,writeback_delay=0ms")
        let first = try fixture.noteDaemon()
        let script = TestSurroundings.sources + "/Slow/small-files.sh"
        #expect(try run(["/bin/sh", script, fixture.mountpoint + "/fresh", "400"]).status == 0)
        let shown = try fixture.manifest(of: fixture.mountpoint, withTimes: true)
        #expect(try run(["umount", fixture.mountpoint]).status == 0)
        #expect(MountFixture.isRunning(first), "the first daemon has nothing to drain")
        try fixture.mount()
        #expect(eventually { !MountFixture.isRunning(first) })
        #expect(try fixture.noteDaemon() != first)
        expectEqual(try fixture.manifest(of: fixture.mountpoint, withTimes: true), shown, "taken over: mount")
        #expect(try Int(fixture.status("pending_operations")) ?? 0 > 0, "the first daemon had written back everything")
        try slow.setDelay(milliseconds: 0)
        try fixture.expectBackingEqualsMount()
      }
    }

    @Test func prioritiesDecideTheOrderInTheBackingDirectory() throws {
      try withSlowBacking(milliseconds: 0) { fixture, slow in
        let rules = fixture.base + "/rules"
        _ = try shell("printf '# order\n*.low priority=low\n*.high priority=high\n' > \(rules)")
        try fixture.mount(options: "writeback_delay=1m,writeback_deadline=2m,flush_threads=1,rules=\(rules)")
        let names = ["a.low", "b", "c.high", "d.low", "e", "f.high"]
        let script =
          "set -e; for n in \(names.joined(separator: " ")); do echo $n > $n; done; mkdir g; echo x > g/x; "
          + "setfattr -n user.ebbfs.priority -v high g; setfattr -n user.ebbfs.priority -v high b"
        let made = try shell(script, directory: fixture.mountpoint)
        #expect(made.status == 0, "\(made.output)")
        #expect(try fixture.ebbfs("status", fixture.mountpoint).output.contains("2 rules"))
        let before = slow.operations().count
        try slow.setDelay(milliseconds: 5)
        try fixture.flush()
        let calls = slow.operations().dropFirst(before)
        let order = names.map { name in calls.firstIndex { $0.hasPrefix("create") && $0.hasSuffix("/" + name) } ?? .max }
        let sorted = zip(order, names).sorted { $0.0 < $1.0 }.map(\.1)
        #expect(sorted == ["b", "c.high", "f.high", "e", "a.low", "d.low"] && !order.contains(.max), "\(calls)")
        try slow.setDelay(milliseconds: 0)
        try fixture.expectBackingEqualsMount()
      }
    }

    /// Programs with timers, and the Go runtime, send themselves signals all the time.
    @Test func callsAreInterruptedOnlyByALongWait() throws {
      try withSlowBacking(milliseconds: 0) { fixture, slow in
        _ = try shell("mkdir d; for i in $(seq 40); do echo x > d/$i; done", directory: fixture.backing)
        try fixture.mount()
        try slow.setDelay(milliseconds: 5)
        let timers = """
          import os, signal, sys, time
          signal.signal(signal.SIGALRM, lambda *_: None)
          signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
          libc = __import__("ctypes").CDLL(None, use_errno=True)
          buffer = bytes(1024)
          for number in range(1, 41):
              assert libc.statfs(b".", buffer) == 0, "statfs"
              assert libc.stat(b"d/%d" % number, buffer) == 0, "stat"
          print("never interrupted")
          """
        let calm = try run(["/usr/bin/python3", "-c", timers], directory: fixture.mountpoint)
        #expect(calm.output == "never interrupted\n", "\(calm.output)")
        try slow.setDelay(milliseconds: 8000)
        let start = uptimeMilliseconds()
        let hung = try shell("timeout -s INT 0.2 stat -f . ; echo $?", directory: fixture.mountpoint)
        #expect(uptimeMilliseconds() - start < 5000 && hung.output == "124\n", "\(hung.output)")
        try slow.setDelay(milliseconds: 0)
      }
    }

    @Test func readersAndWritersGoOnWhileWriteBackHangs() throws {
      try withSlowBacking(milliseconds: 0) { fixture, slow in
        try fixture.mount(options: "writeback_delay=0ms")
        _ = try run(["ls", fixture.mountpoint])
        try slow.setDelay(milliseconds: 3000)
        let start = uptimeMilliseconds()
        let script = "mkdir d; for i in $(seq 100); do echo $i > d/$i; cat d/$i > /dev/null; done; mv d e; ls e | wc -l"
        let result = try shell(script, directory: fixture.mountpoint)
        #expect(result.output == "100\n")
        #expect(uptimeMilliseconds() - start < 3000, "a hundred files waited for the backing directory")
        try slow.setDelay(milliseconds: 0)
        try fixture.expectBackingEqualsMount()
      }
    }
  }
}

/// `Slow/slowfs.py`, mounted over the fixture's backing directory.
struct SlowBacking {
  private let fixture: MountFixture
  private let server: ChildProcess
  private var control: String { fixture.scratch }

  init(_ fixture: MountFixture) throws {
    self.fixture = fixture
    _ = try shell("mkdir source; echo 0 > delay; : > trace", directory: fixture.scratch)
    let script = TestSurroundings.sources + "/Slow/slowfs.py"
    server = try ChildProcess.start(
      ["/usr/bin/python3", script, fixture.scratch + "/source", fixture.backing, fixture.scratch], seconds: 200)
    let isThere = eventually { contents(of: "/proc/self/mounts").contains("slowfs \(fixture.backing) ") }
    try #require(isThere, "slowfs.py does not mount; is python3-fusepy installed?")
  }

  /// - Parameter failure: with which every operation then fails.
  func setDelay(milliseconds: Int, failure: Int32? = nil) throws {
    let words = "\(milliseconds)" + (failure.map { " \($0)" } ?? "")
    let result = try shell("echo \(words) > delay.new && mv delay.new delay", directory: control)
    try #require(result.status == 0)
  }

  /// The operations since the start.
  func operations() -> [Substring] { contents(of: control + "/trace").split(separator: "\n") }

  func unmount() throws {
    _ = try run(["umount", "-l", fixture.backing])
    _ = try server.wait()
  }
}
