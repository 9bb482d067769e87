import Glibc
import Testing

extension MountTests {
  /// The journal as an event stream, an archive, and after damage.
  @Suite(.serialized) struct JournalToolTests {
    private let patient = "writeback_delay=1m,writeback_deadline=2m"

    /// Reads lines of `journal dump --json`: fails unless the LSNs count up by one, and prints operation and path of each record
    /// that has them.
    private let reader = """
      import json, sys
      last = None
      for line in open(sys.argv[1]):
          record = json.loads(line)
          assert last is None or record["lsn"] == last + 1, (last, line)
          last = record["lsn"]
          if "operation" in record: print(record["lsn"], record["operation"], record["path"], record.get("to_path"))
      """

    private func events(_ fixture: MountFixture, _ lines: String) throws -> [Substring] {
      let path = fixture.scratch + "/dump"
      let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
      try #require(file >= 0)
      defer { close(file) }
      let bytes = Array(lines.utf8)
      try #require(unsafe write(file, bytes, bytes.count) == bytes.count)
      let result = try run(["/usr/bin/python3", "-c", reader, path])
      #expect(result.status == 0, "\(result.output)")
      return result.lines
    }

    @Test func aFollowerGetsEverythingOnceOverACrashAndTheNextMount() throws {
      try withMount(options: patient) { fixture in
        let follower = try ChildProcess.start([EbbfsBinary.path, "journal", "dump", fixture.mountpoint, "--follow", "--json"])
        for round in 1...3 {
          let script = "mkdir d\(round); for i in $(seq 20); do echo $i > d\(round)/f$i; done; mv d\(round) e\(round); sync ."
          #expect(try shell(script, directory: fixture.mountpoint).status == 0)
          if round == 2 { try fixture.flush() }
          if round < 3 {
            try fixture.crash()
            try fixture.mount(options: patient)
          }
        }
        let whole = try fixture.ebbfs("journal", "dump", fixture.mountpoint, "--json")
        #expect(whole.status == 0, "\(whole.output.suffix(500))")
        usleep(1_000_000)
        #expect(kill(follower.process, SIGTERM) == 0)
        let told = try events(fixture, follower.wait().output)
        for round in 1...3 {
          #expect(told.count { $0.contains(" create /d\(round)/f") } == 20, "round \(round): \(told)")
          #expect(told.count { $0.hasSuffix(" rename /d\(round) /e\(round)") } == 1, "round \(round): \(told)")
        }
        let lastLSN = try #require(told.last?.prefix { $0 != " " })
        let rest = try fixture.ebbfs("journal", "dump", fixture.backing, "--from", String(lastLSN), "--json")
        #expect(try events(fixture, rest.output).first == told.last, "going on where the follower was")
      }
    }

    @Test func whatIsKeptGivesBackOverwrittenAndRemovedFiles() throws {
      let options = "journal_size=32M,retain=256M,writeback_delay=0"
      try withMount(options: options) { fixture in
        #expect(try shell("echo old > f; sync f", directory: fixture.mountpoint).status == 0)
        let lsn = try fixture.status("durable_lsn")
        let script = "for i in 1 2 3 4; do head -c 10M /dev/urandom > big; sync big; done; echo new > f; rm big; sync ."
        #expect(try shell(script, directory: fixture.mountpoint).status == 0)
        try fixture.flush()
        #expect(eventually { (try? fixture.status("retained_segments")).flatMap { Int($0) } ?? 0 > 4 })
        #expect(try shell("rm f; sync .", directory: fixture.mountpoint).status == 0)
        try fixture.crash()
        try fixture.mount(options: options)
        #expect(try fixture.ebbfs("journal", "extract", fixture.mountpoint, lsn, "/f").output == "old\n")
        let output = fixture.scratch + "/f.old"
        #expect(try fixture.ebbfs("journal", "extract", fixture.backing, lsn, "/f", "-o", output).status == 0)
        #expect(contents(of: output) == "old\n")
        let again = try fixture.ebbfs("journal", "extract", fixture.backing, lsn, "/f", "-o", output)
        #expect(again.status == 1 && again.lines.count == 1, "never over a file: \(again.output)")
        // Asked for less, the rest goes; and what is gone is told by a status of its own.
        try fixture.unmount()
        try fixture.mount(options: "journal_size=32M,retain=0")
        #expect(eventually { (try? fixture.status("retained_segments")) == "0" })
        #expect(try shell("ls | grep -c retained-", directory: fixture.state).output == "0\n")
        for words in [["dump", fixture.mountpoint, "--from", "1"], ["extract", fixture.mountpoint, lsn, "/f"]] {
          let result = try run([EbbfsBinary.path, "journal"] + words, environment: ["HOME": fixture.base])
          #expect(result.status == 14 && result.lines.count == 1 && result.output.contains("oldest"), "\(result.output)")
        }
      }
    }

    @Test func skippingMountsWhatIsReadableAndKeepsTheEvidence() throws {
      try withMount(options: patient) { fixture in
        let script = "for i in $(seq 50); do echo $i > f$i; sync f$i; done"
        #expect(try shell(script, directory: fixture.mountpoint).status == 0)
        try fixture.crash()
        let damage = "/usr/bin/python3 '\(TestSurroundings.sources)/Damage/segment.py' flip \"$(ls segment-* | head -n 1)\""
        #expect(try shell("rm -f .preparing-*; \(damage)", directory: fixture.state).status == 0)
        let sums = "sha256sum segment-* | sort"
        let before = try shell(sums, directory: fixture.state).output
        for mode in ["point-in-time", "absolute"] {
          let refused = try fixture.ebbfs(
            fixture.backing, fixture.mountpoint, "-o", "state=\(fixture.state),journal_size=1G,recovery=\(mode)")
          #expect(refused.status == 7 && refused.lines.count == 1 && refused.output.contains("corrupt"), "\(refused.output)")
          #expect(try shell(sums, directory: fixture.state).output == before, "\(mode) changes nothing")
        }
        let bytes = try shell("cat $(ls segment-* | head -n 1) | sha256sum", directory: fixture.state).output
        try fixture.mount(options: "recovery=skip-corrupt")
        try expectLosses(fixture)
        #expect(try shell("cat damaged-* | sha256sum", directory: fixture.state).output == bytes)
        let shown = try shell("cat $(ls | sort -V | tail -n 49)", directory: fixture.mountpoint)
        #expect(shown.output == (2...50).map { "\($0)\n" }.joined(), "\(shown.output)")
        try fixture.expectBackingEqualsMount()
        try fixture.unmount()
        try fixture.mount()
        #expect(try fixture.status("loss_count") == "0", "the next mount needs no leniency")
        #expect(try shell("cat damaged-* | sha256sum", directory: fixture.state).output == bytes, "kept for ever")
        #expect(try fixture.ebbfs("status", fixture.mountpoint).output.contains("damaged-"))
      }
    }

    private func expectLosses(_ fixture: MountFixture) throws {
      #expect(Int(try fixture.status("loss_count")) ?? 0 > 0)
      let status = try fixture.ebbfs("status", fixture.mountpoint, "--json").output
      for text in [#""first_lsn": 1"#, #""offset": 4096"#, #""segment": 1"#] { #expect(status.contains(text), "\(status)") }
      #expect(try fixture.ebbfs("status", fixture.mountpoint).output.contains("lost:"))
      let said = contents(of: fixture.state + "/messages")
      #expect(said.contains("lost: record 1, segment 1, offset 4096: not readable") && said.contains("damaged-1"), "\(said)")
    }
  }
}
