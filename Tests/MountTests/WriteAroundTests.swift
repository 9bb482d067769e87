import Glibc
import Testing

extension MountTests {
  /// Modes write-around and cache-aside, and long streams, on a real mount.
  @Suite(.serialized) struct WriteAroundTests {
    private let patient = "writeback_delay=1m,writeback_deadline=2m"

    private func shellOK(_ script: String, _ directory: String) throws {
      let result = try shell("set -e; " + script, directory: directory)
      #expect(result.status == 0, "\(script): \(result.output)")
    }

    /// Nothing waits but the sync of one file.
    private func isOnlyUnsynced(_ fixture: MountFixture) throws -> Bool {
      try fixture.status("dirty_inodes") == "0" && fixture.status("pending_operations") == "1"
        && fixture.status("clean") == "false"
    }

    @Test(arguments: ["write-around", "cache-aside"])
    func bytesAreInTheBackingDirectoryWhenWriteReturns(_ mode: String) throws {
      try withMount(options: patient + ",mode=\(mode)") { fixture in
        try shellOK("mkdir d; : > d/f; cat d/f", fixture.mountpoint)
        #expect(try fixture.ebbfs("flush", fixture.mountpoint).status == 0)
        let directory = fixture.mountpoint + "/d"
        let check = "cmp f $B/f && test $(stat -c %s f) = $(stat -c %s $B/f)"
        try shellOK(
          "B=\(fixture.backing)/d; for i in $(seq 1 30); do head -c 70001 /dev/urandom >> f; \(check); done", directory)
        #expect(try isOnlyUnsynced(fixture), "something went to the cache")
        // Overwritten, read and overwritten again: never what was there before.
        try shellOK(
          "B=\(fixture.backing)/d; for i in $(seq 1 30); do printf %05d $i | dd of=f bs=1 seek=${i}000 conv=notrunc status=none;"
            + " cat f > /dev/null; \(check); done; truncate -s 100 f; \(check); echo end >> f; \(check); sync f", directory)
        try fixture.crash()
        try fixture.mount(options: patient)
        try shellOK("test $(stat -c %s d/f) = 104; cmp d/f \(fixture.backing)/d/f", fixture.mountpoint)
        try fixture.expectBackingEqualsMount()
      }
    }

    @Test func sharedMappingsAndDirectWritesGoAroundToo() throws {
      try withMount(options: patient + ",mode=write-around") { fixture in
        let script = """
          import mmap, os
          f = os.open('f', os.O_RDWR | os.O_CREAT, 0o644)
          os.write(f, bytes(20000))
          m = mmap.mmap(f, 20000)
          for turn in range(50):
            m[turn * 300] = 65 + turn % 26
            os.pwrite(f, b'w' * 10, 4096 + turn * 100)
            m.flush()
            assert m[:] == os.pread(f, 20000, 0) == open('\(fixture.backing)/f', 'rb').read(), turn
          """
        try shellOK("python3 -c \"\(script)\"", fixture.mountpoint)
        try shellOK(
          "dd if=/dev/urandom of=g bs=1M count=8 oflag=direct status=none; cmp g \(fixture.backing)/g", fixture.mountpoint)
      }
    }

    @Test func aSwitchWithPendingWritesKeepsTheOrder() throws {
      try withMount(options: patient) { fixture in
        try shellOK("mkdir d; echo one > d/f; echo one > e", fixture.mountpoint)
        #expect(try fixture.ebbfs("set", fixture.mountpoint, "mode=write-around", fixture.mountpoint + "/d").status == 0)
        try shellOK("echo two >> d/f; cmp d/f \(fixture.backing)/d/f; ! test -e \(fixture.backing)/e", fixture.mountpoint)
        #expect(try fixture.ebbfs("set", fixture.mountpoint, "mode=inherit", fixture.mountpoint + "/d").status == 0)
        try shellOK("echo three >> d/f; test $(cat \(fixture.backing)/d/f | wc -l) = 2", fixture.mountpoint)
        #expect(try fixture.ebbfs("set", fixture.mountpoint, "mode=cache-aside").status == 0)
        try shellOK("echo four >> d/f; cmp d/f \(fixture.backing)/d/f", fixture.mountpoint)
        try fixture.crash()
        try fixture.mount(options: patient)
        try shellOK("test \"$(cat d/f)\" = \"$(printf 'one\\ntwo\\nthree\\nfour')\"; test $(cat e) = one", fixture.mountpoint)
        try fixture.expectBackingEqualsMount()
      }
    }

    @Test func aLongStreamGoesAround() throws {
      try withMount(options: patient + ",sequential_bypass=4M") { fixture in
        try shellOK("head -c 3000000 /dev/urandom > f; ! test -e \(fixture.backing)/f", fixture.mountpoint)
        try shellOK("head -c 20000000 /dev/urandom > g; cmp g \(fixture.backing)/g", fixture.mountpoint)
        #expect(try fixture.status("dirty_bytes") == "3000000")
      }
    }
  }
}
