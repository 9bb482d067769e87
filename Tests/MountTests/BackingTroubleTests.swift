import Glibc
import Testing

extension MountTests {
  /// The backing directory is slow to the point of hanging, or gone: what can go on goes on, and nothing is lost.
  @Suite(.serialized) struct BackingTroubleTests {
    private let makeFiles = "mkdir d; for i in $(seq 200); do echo $i > d/$i; done"

    @Test func anUnmountEndsInItsTimeAndTheNextMountGoesOn() throws {
      try SlowBackingTests().withSlowBacking(milliseconds: 0) { fixture, slow in
        try fixture.mount(options: "unmount_timeout=1s,flush_threads=1,writeback_delay=1m,writeback_deadline=2m")
        _ = try shell(makeFiles, directory: fixture.mountpoint)
        try slow.setDelay(milliseconds: 50)
        let daemon = try fixture.noteDaemon()
        let start = uptimeMilliseconds()
        let result = try fixture.ebbfs("unmount", fixture.mountpoint)
        #expect(result.status == 11 && result.output.contains("journal"), "\(result.status): \(result.output)")
        #expect(uptimeMilliseconds() - start < 30_000)
        #expect(!fixture.isMounted && eventually { !MountFixture.isRunning(daemon) })
        try slow.setDelay(milliseconds: 0)
        try fixture.mount()
        #expect(try shell("ls d | wc -l; cat d/200", directory: fixture.mountpoint).output == "200\n200\n")
        try fixture.expectBackingEqualsMount()
      }
    }

    @Test func whatABackingDirectoryThatIsAwayCannotDoIsDoneWhenItIsBack() throws {
      try SlowBackingTests().withSlowBacking(milliseconds: 0) { fixture, slow in
        try fixture.mount(options: "writeback_delay=0ms,retry_delay=50ms,retry_delay_max=200ms,max_retries=3")
        _ = try run(["ls", fixture.mountpoint])
        try slow.setDelay(milliseconds: 0, failure: ENOTCONN)
        _ = try shell(makeFiles, directory: fixture.mountpoint)
        // The kernel keeps the attributes of the root for a second.
        let reason = "backing directory is away: Transport endpoint is not connected"
        let tellsReason = { () throws -> Bool in
          let status = try fixture.ebbfs("status", fixture.mountpoint)
          return status.output.contains(reason) && status.status == 1
        }
        #expect(try eventually(tellsReason))
        let script = "ls d | wc -l; cat d/7; mv d/7 d/seven; cat d/seven"
        #expect(try shell(script, directory: fixture.mountpoint).output == "200\n7\n7\n")
        try slow.setDelay(milliseconds: 0)
        try fixture.expectBackingEqualsMount()
        #expect(try fixture.status("dead_letters") == "0")
        #expect(try fixture.ebbfs("status", fixture.mountpoint).status == 0)
      }
    }
  }
}
