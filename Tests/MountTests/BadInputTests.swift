import Testing

extension MountTests {
  /// Bad input gets one clear line and a status of its own, and changes nothing.
  @Suite(.serialized) struct BadInputTests {
    /// Everything below the fixture's directory, and what is mounted there.
    private func surroundings(_ fixture: MountFixture) throws -> [Substring] {
      let mounts = contents(of: "/proc/self/mounts").split(separator: "\n").filter { $0.contains(fixture.base) }
      // Whoever tries the lock leaves its number in it.
      let tree = try fixture.manifest(of: fixture.base, withTimes: true).filter { !$0.hasPrefix("'state/lock' ") }
      return tree + mounts
    }

    /// - Parameter arguments: `B`, `M`, `S` at the start of a word mean the fixture's directories.
    private func refuse(
      _ fixture: MountFixture, _ arguments: [String], status: Int32, _ text: String,
      sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      let before = try surroundings(fixture)
      let result = try run([EbbfsBinary.path] + arguments, directory: fixture.base, environment: ["HOME": fixture.base])
      #expect(result.status == status, "\(arguments): \(result.output)", sourceLocation: sourceLocation)
      #expect(
        result.output.contains(text), "\(arguments) says \(result.output), which lacks \(text)", sourceLocation: sourceLocation)
      #expect(
        result.output.hasPrefix("ebbfs: ") && result.output.hasSuffix("\n") && result.lines.count == 1,
        "\(arguments): not one line but \(result.output)", sourceLocation: sourceLocation)
      expectEqual(try surroundings(fixture), before, "after \(arguments): the place", sourceLocation: sourceLocation)
    }

    @Test func wrongWordsAreRefused() throws {
      try withMount(mounts: false) { fixture in
        for (words, text) in [
          ([], "nothing to do"), (["backing"], "a mountpoint are needed"), (["backing", "mount", "third"], "third"),
          (["backing", "mount", "-x"], "-x"), (["backing", "mount", "-o"], "-o"), (["unmount"], "argument is missing"),
          (["flush", "a", "--now"], "--now"), (["flush"], "argument is missing"), (["journal", "repaint", "x"], "repaint"),
          (["stats", "--yaml"], "--yaml"), (["stats", "mount", "--watch=0"], "--watch=0"), (["stats", "--watch"], "mountpoint"),
        ] { try refuse(fixture, words, status: 2, text) }
        try refuse(fixture, ["status", "--yaml"], status: 3, "--yaml")
      }
    }

    @Test func wrongOptionsAreRefusedByName() throws {
      try withMount(mounts: false) { fixture in
        for option in [
          "nonsense", "durability=sometimes", "durability=batch=", "durability=batch=-1", "writeback_delay=5",
          "writeback_delay=x",
          "writeback_deadline=", "flush_threads=0", "flush_threads=many", "memory=12", "memory=1Q", "journal_size=0",
          "journal_size=1k", "state=", "remount", "state",
        ] { try refuse(fixture, ["backing", "mount", "-o", "rw,\(option)"], status: 2, option) }
        for promise in ["durability=always", "mode=write-through", "backing=shared"] {
          try refuse(fixture, ["backing", "mount", "-o", "kernel_writeback,\(promise)"], status: 2, promise)
        }
      }
    }

    @Test func wrongDirectoriesAreRefused() throws {
      try withMount(mounts: false) { fixture in
        _ = try shell("echo x > file; mkdir -p backing/in mount/in; ln -s backing link", directory: fixture.base)
        for (words, status, text) in [
          (["missing", "mount"], 3, "backing directory missing does not exist"),
          (["file", "mount"], 3, "backing directory file is not a directory"),
          (["backing", "missing"], 4, "mountpoint missing does not exist"),
          (["backing", "file"], 4, "mountpoint file is not a directory"),
          (["backing", "backing"], 4, "backing directory itself"),
          (["backing", "link"], 4, "backing directory itself"), (["backing", "backing/in"], 4, "inside the backing directory"),
          (["link", "backing/in"], 4, "inside the backing directory"), (["mount/in", "mount"], 4, "would hide"),
          (["backing", "mount", "-o", "state=\(fixture.backing)/in/s"], 5, "inside the backing directory"),
          (["backing", "mount", "-o", "state=\(fixture.mountpoint)/s"], 5, "inside the mountpoint"),
          (["backing", "mount", "-o", "state=\(fixture.base)/link/s"], 5, "inside the backing directory"),
          (["backing", "mount", "-o", "state=\(fixture.base)/file"], 5, "not a directory"),
          (["backing", "mount", "-o", "state=\(fixture.state),journal_size=10T"], 5, "too small"),
          (["unmount", "mount"], 9, "no mountpoint of a running ebbfs"), (["flush", "mount"], 9, "no mountpoint"),
          (["status", "mount"], 9, "no mountpoint"), (["journal", "check", "missing"], 5, "missing"),
          (["journal", "dump", "plain"], 5, "no state directory"), (["wait", "mount/f"], 9, "no mountpoint"),
          (["wait", "mount", "--timeout", "soon"], 2, "is no time"), (["top", "mount"], 9, "no mountpoint"),
          (["report", "mount", "-o", "file"], 9, "no mountpoint"),
          (["unmount", "mount", "--keep-journal", "--timeout=1s"], 2, "only one of it and --timeout"),
          (["stats", "--prometheus", "mount", "--listen", "file"], 9, "no mountpoint"),
          (["stats", "--prometheus", "--listen", "unix:file"], 1, "File exists"),
        ] as [([String], Int32, String)] { try refuse(fixture, words, status: status, text) }
      }
    }

    @Test func unreadableBackingDirectoryIsRefused() throws {
      try withMount(mounts: false) { fixture in
        let result = try shell(
          """
          cp '\(EbbfsBinary.path)' ebbfs; chmod 755 ebbfs; chmod 700 backing; mkdir home; chown 1000 home mount
          HOME=$PWD/home setpriv --reuid=1000 --regid=1000 --clear-groups ./ebbfs backing mount
          """, directory: fixture.base)
        #expect(result.status == 3 && result.lines.count == 1, "\(result.status) \(result.output)")
        #expect(result.output.contains("cannot be read: "), "\(result.output)")
        #expect(!fixture.isMounted)
      }
    }

    @Test func fullStateDiskIsRefused() throws {
      try withMount(mounts: false) { fixture in
        let mounted = try shell("mkdir small && mount -t tmpfs -o size=8m tmpfs small", directory: fixture.base)
        try #require(mounted.status == 0, "\(mounted.output)")
        let options = "state=\(fixture.base)/small/state"
        try refuse(fixture, ["backing", "mount", "-o", options], status: 5, "state disk too small")
        try refuse(fixture, ["backing", "mount", "-o", options + ",journal_size=32M"], status: 5, "state disk too small")
      }
    }

    @Test func takenMountpointsAndJournalsAreRefused() throws {
      try withMount { fixture in
        let process = try fixture.noteDaemon()
        _ = try shell("mkdir other third", directory: fixture.base)
        let state = "state=\(fixture.state)"
        let place = fixture.mountpoint
        let again = try fixture.ebbfs(fixture.backing, place, "-o", state)
        #expect(again.status == 4 && again.output.contains("mounted already"), "\(again.output)")
        let twice = try fixture.ebbfs(fixture.backing, fixture.base + "/other", "-o", state)
        #expect(twice.status == 6 && twice.output.contains("process \(process)"), "\(twice.output)")
        #expect(twice.lines.count == 1)
        let wrong = try fixture.ebbfs(fixture.plain, fixture.base + "/other", "-o", state)
        #expect(wrong.status != 0 && wrong.lines.count == 1, "\(wrong.output)")
        #expect(try shell("echo alive > f && cat f", directory: place).output == "alive\n")
        try fixture.unmount()
        let other = try fixture.ebbfs(fixture.plain, fixture.mountpoint, "-o", state)
        #expect(other.status == 7 && other.output.contains("another backing directory"), "\(other.output)")
        #expect(!fixture.isMounted)
      }
    }

    /// A mount with changes that only its journal has, without its daemon.
    private func crashed(_ fixture: MountFixture) throws {
      let script = "for i in $(seq 50); do echo $i > f$i; sync f$i; done; mkdir d; sync d"
      #expect(try shell(script, directory: fixture.mountpoint).status == 0)
      try fixture.crash()
      // A segment that was being prepared is taken away by the next start, refused or not.
      #expect(try shell("rm -f .preparing-*", directory: fixture.state).status == 0)
      let check = try fixture.ebbfs("journal", "check", fixture.state)
      #expect(check.status == 0 && check.output.contains("clean"), "\(check.output)")
    }

    private func damage(_ fixture: MountFixture, _ what: String) throws {
      let script = TestSurroundings.sources + "/Damage/segment.py"
      let result = try shell("/usr/bin/python3 '\(script)' \(what) \"$(ls segment-* | head -n 1)\"", directory: fixture.state)
      try #require(result.status == 0, "\(result.output)")
    }

    @Test func journalOfANewerFormatIsRefused() throws {
      try withMount(options: "writeback_delay=1m,writeback_deadline=2m") { fixture in
        try crashed(fixture)
        try damage(fixture, "version")
        try refuse(fixture, ["backing", "mount", "-o", "state=\(fixture.state)"], status: 7, "version 99")
        try refuse(fixture, ["journal", "check", fixture.state], status: 7, "version 99")
        #expect(!fixture.isMounted)
      }
    }

    @Test func corruptJournalIsRefusedWithItsPlace() throws {
      try withMount(options: "writeback_delay=1m,writeback_deadline=2m") { fixture in
        try crashed(fixture)
        try damage(fixture, "flip")
        for words in [["backing", "mount", "-o", "state=\(fixture.state)"], ["journal", "check", fixture.state]] {
          try refuse(fixture, words, status: 7, "segment 1, offset 4096")
          try refuse(fixture, words, status: 7, "LSN ")
        }
        #expect(!fixture.isMounted)
      }
    }
  }
}
