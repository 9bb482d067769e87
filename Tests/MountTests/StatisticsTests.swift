import Glibc
import Testing

extension MountTests {
  /// What `ebbfs stats` tells is what happened.
  @Suite(.serialized) struct StatisticsTests {
    private let patient = "writeback_delay=1m,writeback_deadline=2m"

    /// A number of `stats --json`; with a label's value that of its sample, and of a histogram the given member.
    private func figure(
      _ fixture: MountFixture, _ name: String, _ label: String? = nil, _ member: String = "value"
    ) throws -> Double {
      let report = try fixture.ebbfs("stats", fixture.mountpoint, "--json")
      let script = """
        import json, sys
        value = json.load(sys.stdin)["ebbfs_" + sys.argv[1]]
        label, member = sys.argv[2:4]
        if isinstance(value, list): value = next(sample for sample in value if label in sample.values())
        print(value[member] if isinstance(value, dict) else value)
        """
      let path = fixture.scratch + "/statistics.json"
      try write(report.output, to: path)
      let words = "python3 -c '\(script)' \(name) '\(label ?? "")' \(member) < \(path)"
      let result = try shell(words)
      return try #require(Double(result.output.dropLast()), "\(name): \(result.output) of \(report.output)")
    }

    private func write(_ text: String, to path: String) throws {
      let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
      try #require(descriptor >= 0)
      defer { close(descriptor) }
      let bytes = Array(text.utf8)
      try #require(unsafe Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
    }

    @Test func overwritesOfABlockAreOneWriteOfTheBackingDirectory() throws {
      try withMount(options: patient) { fixture in
        let script = """
          import os
          descriptor = os.open("f", os.O_WRONLY | os.O_CREAT)
          for round in range(20): assert os.pwrite(descriptor, bytes([round]) * 4096, 0) == 4096
          """
        let result = try run(["/usr/bin/python3", "-c", script], directory: fixture.mountpoint)
        #expect(result.status == 0, "\(result.output)")
        #expect(try figure(fixture, "writes_total") == 20)
        #expect(try figure(fixture, "fuse_request_seconds", "write", "count") == 20)
        #expect(try figure(fixture, "writes_coalesced_total") == 19)
        #expect(try figure(fixture, "bytes_coalesced_total") == 19 * 4096)
        #expect(try figure(fixture, "dirty_blocks") == 1)
        #expect(try figure(fixture, "pending_operations", "normal") == 3, "creation, contents, times of the directory")
        #expect(try figure(fixture, "oldest_pending_age_seconds") > 0)
        try fixture.flush()
        #expect(try figure(fixture, "backing_call_seconds", "write", "count") == 1)
        #expect(try figure(fixture, "writeback_bytes_total") == 4096)
        #expect(try figure(fixture, "dirty_bytes") == 0)
        #expect(contents(of: fixture.backing + "/f") == String(repeating: "\u{13}", count: 4096))
      }
    }

    /// Seen from below, by a backing directory that writes down what is asked of it.
    @Test func aStormOfTemporaryFilesLeavesNoOperation() throws {
      try SlowBackingTests().withSlowBacking(milliseconds: 0) { fixture, slow in
        try fixture.mount(options: "writeback_delay=2s")
        _ = try run(["ls", fixture.mountpoint])
        let before = slow.operations().count
        let script = """
          import os
          for number in range(100):
              with open("t%d" % number, "wb") as file: file.write(b"x" * 1000)
              os.rename("t%d" % number, "f%d" % number)
              os.unlink("f%d" % number)
          """
        let result = try run(["/usr/bin/python3", "-c", script], directory: fixture.mountpoint)
        #expect(result.status == 0, "\(result.output)")
        #expect(try figure(fixture, "operations_cancelled_total") == 300)
        try fixture.flush()
        let changing = [
          "create", "mknod", "mkdir", "symlink", "link", "unlink", "rmdir", "rename", "write", "truncate", "chmod", "utimens",
        ]
        let asked = slow.operations().dropFirst(before)
        #expect(!asked.contains { changing.contains(String($0.prefix { $0 != " " })) }, "\(asked)")
        #expect(try figure(fixture, "writes_total") == 100)
        #expect(try figure(fixture, "writeback_bytes_total") == 0)
        for call in ["create", "rename", "unlink", "write"] {
          #expect(try figure(fixture, "backing_call_seconds", call, "count") == 0, "\(call)")
        }
      }
    }

    @Test func everyFormShowsTheSame() throws {
      try withMount(options: patient) { fixture in
        _ = try shell("for i in 1 2 3; do echo $i > f$i; done; cat f*", directory: fixture.mountpoint)
        let text = try fixture.ebbfs("stats", fixture.mountpoint)
        #expect(text.status == 0 && text.lines.first?.hasPrefix("\(fixture.mountpoint): up ") == true, "\(text.output)")
        #expect(text.lines.contains { $0.hasPrefix("  writes  ") && $0.hasSuffix("  3") }, "\(text.output)")
        #expect(text.lines.contains { $0.hasPrefix("  fuse request create  ") }, "\(text.output)")
        let page = try fixture.ebbfs("stats", fixture.mountpoint, "--prometheus")
        let labels = "{mountpoint=\"\(fixture.mountpoint)\"}"
        #expect(page.lines.contains("ebbfs_writes_total\(labels) 3"), "\(page.output)")
        #expect(page.lines.contains("# TYPE ebbfs_fuse_request_seconds histogram"))
        let readme = contents(of: TestSurroundings.sources.replacing("Tests/MountTests", with: "README.md"))
        for line in page.lines where line.hasPrefix("# TYPE ") {
          let name = line.split(separator: " ")[2]
          #expect(readme.contains("`\(name)`") || readme.contains("`\(name){"), "the README lacks \(name)")
        }
        let all = try fixture.ebbfs("stats", "--prometheus")
        #expect(all.lines.contains("ebbfs_writes_total\(labels) 3"), "\(all.output)")
        #expect(try fixture.ebbfs("stats", fixture.backing).status == 9)
      }
    }

    @Test func watchingShowsRatesUntilItIsInterrupted() throws {
      try withMount(options: patient) { fixture in
        let words = "exec \(EbbfsBinary.path) stats \(fixture.mountpoint) --watch > \(fixture.scratch)/lines"
        let watch = try ChildProcess.start(["/bin/sh", "-c", words], environment: ["HOME": fixture.base])
        let lines = { contents(of: fixture.scratch + "/lines").split(separator: "\n") }
        #expect(eventually { lines().count >= 2 })
        _ = try shell("for i in $(seq 50); do echo $i > f$i; done", directory: fixture.mountpoint)
        let seen = lines().count
        #expect(eventually { lines().count >= seen + 2 })
        kill(watch.process, SIGINT)
        _ = try watch.wait()
        #expect(lines().first?.split(separator: " ").first == "reads/s")
        // The fifth column of a line without reads: reads/s, two words of read/s, hits, writes/s.
        let writes = lines().dropFirst().compactMap { $0.split(separator: " ").dropFirst(4).first.flatMap { Int($0) } }
        #expect(writes.count == lines().count - 1 && 40...60 ~= writes.reduce(0, +), "\(lines())")
      }
    }
  }
}
