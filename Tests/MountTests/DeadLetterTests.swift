import Glibc
import Testing

extension MountTests {
  /// What real filesystems refuse (P4).
  @Suite(.serialized) struct DeadLetterTests {
    private let quick = "writeback_delay=0,retry_delay=20ms,retry_delay_max=100ms,max_retries=3"

    private func letters(_ fixture: MountFixture, _ words: String...) throws -> ChildResult {
      try run([EbbfsBinary.path, "dead-letters", fixture.mountpoint] + words, environment: ["HOME": fixture.base])
    }

    /// ext4 in a file, mounted on the backing directory, where chattr(1) works.
    private func withDisk(_ size: String, options: String, _ body: (MountFixture) throws -> Void) throws {
      try withMount(mounts: false) { fixture in
        let script =
          "truncate -s \(size) disk && mkfs.ext4 -q -m 0 disk && mount -o loop disk backing && rmdir backing/lost+found"
        let made = try shell(script, directory: fixture.base)
        try #require(made.status == 0, "\(made.output)")
        try fixture.mount(options: options)
        try body(fixture)
      }
    }

    @Test func anImmutableFileIsListedRetriedAndWrittenBack() throws {
      try withDisk("32M", options: quick) { fixture in
        _ = try shell("echo old > f; mkdir d", directory: fixture.mountpoint)
        try fixture.flush()
        try #require(shell("chattr +i backing/f backing/d", directory: fixture.base).status == 0)
        _ = try shell("echo new > f; echo inside > d/x; echo other > g", directory: fixture.mountpoint)
        let flush = try fixture.ebbfs("flush", fixture.mountpoint)
        #expect(flush.status == 13 && flush.output.contains("dead letter"), "\(flush.status) \(flush.output)")
        #expect(contents(of: fixture.backing + "/g") == "other\n", "the rest did not go on")
        for (path, status) in [("g", 0), ("f", 13), ("d", 13), ("d/x", 13), ("", 13)] {
          let part = try fixture.ebbfs("flush", fixture.mountpoint, fixture.mountpoint + "/" + path)
          #expect(part.status == status, "\(path): \(part.status) \(part.output)")
        }
        let list = try letters(fixture, "list")
        #expect(list.output.contains("Operation not permitted"), "\(list.output)")
        #expect(list.output.contains(" f:") && list.output.contains(" d/x:"), "\(list.output)")
        #expect(try fixture.status("dead_letters") != "0")
        #expect(try shell("cat f d/x", directory: fixture.mountpoint).output == "new\ninside\n")
        try fixture.crash()
        try fixture.mount(options: quick)
        #expect(try letters(fixture, "list").output == list.output, "after kill -9 and a mount")
        #expect(try shell("cat f d/x", directory: fixture.mountpoint).output == "new\ninside\n")
        #expect(contents(of: fixture.backing + "/f") == "old\n")
        try #require(shell("chattr -i backing/f backing/d", directory: fixture.base).status == 0)
        #expect(try letters(fixture, "retry", "--all").status == 0)
        try fixture.expectBackingEqualsMount()
        #expect(try letters(fixture, "list").output == "no dead letters\n")
        try fixture.unmount()
        let told = contents(of: fixture.state + "/messages")
        #expect(told.contains("error: write f: Operation not permitted (1): a dead letter after 1 attempt"), "\(told)")
      }
    }

    @Test func aFloodOfRefusalsIsToldInFewLines() throws {
      try withDisk("32M", options: quick) { fixture in
        _ = try shell("mkdir d", directory: fixture.mountpoint)
        try fixture.flush()
        try #require(shell("chattr +i backing/d", directory: fixture.base).status == 0)
        _ = try shell("for i in $(seq 40); do echo $i > d/f$i; done", directory: fixture.mountpoint)
        #expect(try fixture.ebbfs("unmount", fixture.mountpoint).status == 13)
        _ = try shell("chattr -i backing/d", directory: fixture.base)
        let told = contents(of: fixture.state + "/messages").split(separator: "\n").filter { $0.contains(" error: ") }
        #expect(told.count { $0.contains(" d/f") && $0.contains("Operation not permitted (1)") } == 10, "\(told)")
        #expect(told.contains { $0.hasSuffix("30 more like these in 10 s were left out") }, "\(told)")
      }
    }

    @Test func anUnmountEndsAndTheNextMountHasTheLetters() throws {
      try withDisk("32M", options: quick) { fixture in
        _ = try shell("echo old > f", directory: fixture.mountpoint)
        try fixture.flush()
        try #require(shell("chattr +i backing/f", directory: fixture.base).status == 0)
        _ = try shell("rm f; echo kept > g", directory: fixture.mountpoint)
        let process = try fixture.noteDaemon()
        let unmount = try fixture.ebbfs("unmount", fixture.mountpoint)
        #expect(unmount.status == 13 && !MountFixture.isRunning(process), "\(unmount.status) \(unmount.output)")
        #expect(contents(of: fixture.backing + "/g") == "kept\n")
        try fixture.mount(options: quick)
        #expect(try shell("cat f", directory: fixture.mountpoint).status != 0)
        #expect(try letters(fixture, "list").output.contains("remove file f:"))
        try #require(shell("chattr -i backing/f", directory: fixture.base).status == 0)
        #expect(try letters(fixture, "retry").status == 0)
        try fixture.unmount()
        #expect(try run(["ls", "-A", fixture.backing]).output == "g\n")
      }
    }

    @Test func whatIsDiscardedIsGoneForGoodAndTheKernelKnows() throws {
      try withDisk("32M", options: quick) { fixture in
        _ = try shell("echo old > f; mkdir d; echo gone > d/y", directory: fixture.mountpoint)
        try fixture.flush()
        try #require(shell("chattr +i backing/f backing/d", directory: fixture.base).status == 0)
        _ = try shell("echo new > f; cat f; mkdir d/e; echo in > d/e/x; rm d/y; ls d d/e", directory: fixture.mountpoint)
        _ = try fixture.ebbfs("flush", fixture.mountpoint)
        let refused = try letters(fixture, "discard", "d/e")
        #expect(refused.status == 1 && refused.output.contains("--force"), "\(refused.status) \(refused.output)")
        #expect(refused.output.contains("behind it: create file d/e/x"), "\(refused.output)")
        #expect(try shell("cat d/e/x", directory: fixture.mountpoint).output == "in\n")
        #expect(try letters(fixture, "discard", "nothing").status == 1)
        let all = try letters(fixture, "discard", "--all", "--force")
        #expect(all.status == 0, "\(all.output)")
        // The times of directory d are a change of their own, which comes after those of its entries.
        #expect(try fixture.ebbfs("flush", fixture.mountpoint).status == 13)
        #expect(try letters(fixture, "list").output.contains("set attributes of directory d:"))
        #expect(try letters(fixture, "discard", "d").output.hasSuffix("1 change discarded\n"))
        for _ in 0..<2 {
          let shown = try shell("cat f; ls d; cat d/y", directory: fixture.mountpoint)
          #expect(shown.output == "old\ny\ngone\n", "\(shown.output)")
          try fixture.crash()
          try fixture.mount(options: quick)
        }
        #expect(try letters(fixture, "list").output == "no dead letters\n")
        try #require(shell("chattr -i backing/f backing/d", directory: fixture.base).status == 0)
        try fixture.expectBackingEqualsMount()
      }
    }

    @Test func whatCannotBeWrittenBackIsExported() throws {
      try withDisk("32M", options: quick) { fixture in
        _ = try shell("echo old > f; mkdir d", directory: fixture.mountpoint)
        try fixture.flush()
        try #require(shell("chattr +i backing/f backing/d", directory: fixture.base).status == 0)
        let script =
          "echo new > f; chmod 640 f; touch -d 2001-02-03 f; mkdir d/e; printf x > $(printf 'd/e/\\377\\n'); ln -s to d/s"
        _ = try shell(script, directory: fixture.mountpoint)
        _ = try fixture.ebbfs("flush", fixture.mountpoint)
        let export = try letters(fixture, "export", fixture.scratch + "/saved")
        #expect(export.status == 0, "\(export.output)")
        let compare = "cat files/f; stat -c %a%Y files/f; readlink files/d/s; cat $(printf 'files/d/e/\\377\\n'); ls"
        let saved = try shell(compare, directory: fixture.scratch + "/saved")
        #expect(saved.output.hasPrefix("new\n640981158400\nto\nx"), "\(saved.output)")
        #expect(saved.output.hasSuffix("files\nmanifest.json\n"), "\(saved.output)")
        let json = try run(["/usr/bin/python3", "-m", "json.tool", fixture.scratch + "/saved/manifest.json"])
        #expect(json.status == 0 && json.output.contains("642f652fff\""), "\(json.output)")
        let again = try letters(fixture, "export", fixture.scratch + "/saved")
        #expect(again.status == 1 && again.output.contains("not empty"), "\(again.output)")
        try #require(shell("chattr -i backing/f backing/d", directory: fixture.base).status == 0)
      }
    }

    /// Others take the space that was there when the files were written. A full disk passes: nothing becomes a dead letter, and
    /// all is written back when there is room.
    @Test func aFullDiskIsWaitedFor() throws {
      try withDisk("8M", options: quick + ",writeback_delay=3s") { fixture in
        _ = try shell("for i in 1 2 3 4; do head -c 300000 /dev/zero > f$i; done; mkdir d", directory: fixture.mountpoint)
        _ = try shell("cat /dev/zero > backing/filler", directory: fixture.base)
        #expect(try eventually { try fixture.status("last_error") != "null" })
        usleep(3_000_000)
        #expect(try fixture.status("dead_letters") == "0")
        #expect(try fixture.status("clean") == "false")
        _ = try shell("rm backing/filler", directory: fixture.base)
        try fixture.flush()
        #expect(try shell("stat -c %s f?; ls -d d", directory: fixture.backing).output == "300000\n300000\n300000\n300000\nd\n")
        #expect(try fixture.status("dead_letters") == "0")
        try fixture.unmount()
      }
    }

    /// An ordinary user's daemon, and a directory that it may not write to; the kernel of the mount does not know.
    @Test func anOrdinaryUsersDirectoryWithoutPermissionIsRefused() throws {
      try withMount(mounts: false) { fixture in
        let script = """
          mount -t tmpfs -o mode=755 tmpfs scratch && mknod -m 666 scratch/fuse c 10 229 && mount --bind scratch/fuse /dev/fuse
          cp \(EbbfsBinary.path) scratch/ebbfs; mkdir scratch/b scratch/b/d scratch/m scratch/h
          chown -R 1000:1000 scratch/b scratch/m scratch/h
          user="setpriv --reuid=1000 --regid=1000 --clear-groups env HOME=$PWD/scratch/h $PWD/scratch/ebbfs"
          as="setpriv --reuid=1000 --regid=1000 --clear-groups"
          $user scratch/b scratch/m -o journal_size=32M,\(quick) || exit 9
          $as ls scratch/m/d
          chown 0:0 scratch/b/d
          $as sh -c 'echo refused > scratch/m/d/f; echo fine > scratch/m/g'
          $user flush $PWD/scratch/m; echo status $?
          $user dead-letters $PWD/scratch/m list
          chown 1000:1000 scratch/b/d
          $user dead-letters $PWD/scratch/m retry d/f
          $user unmount $PWD/scratch/m; echo status $?
          cat scratch/b/d/f scratch/b/g
          """
        let result = try run(["unshare", "-m", "sh", "-c", script], directory: fixture.base)
        #expect(
          result.output.contains("status 13\n") && result.output.contains("create file d/f: Permission denied"),
          "\(result.output)")
        #expect(result.output.hasSuffix("status 0\nrefused\nfine\n"), "\(result.output)")
      }
    }
  }
}
