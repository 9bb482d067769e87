import Glibc
import Testing

extension MountTests {
  /// What shows a mount while it works: `top`, `report`, and statistics for Prometheus.
  @Suite(.serialized) struct SeeingTests {
    private let patient = "writeback_delay=1m,writeback_deadline=2m"

    @Test func topFitsATerminalOf80By24AndObeysItsKeys() throws {
      try withMount(options: patient) { fixture in
        _ = try shell(
          "mkdir d; for i in $(seq 60); do echo $i >> d/hot; done; for i in $(seq 8); do echo $i >> cold; done",
          directory: fixture.mountpoint)
        let tmux = "tmux -S \(fixture.scratch)/tmux"
        let start = "\(tmux) new-session -d -x 80 -y 24 '\(EbbfsBinary.path) top \(fixture.mountpoint); echo ended $?; sleep 60'"
        try #require(try shell(start, environment: ["HOME": fixture.base, "LANG": "C.UTF-8"]).status == 0)
        defer { _ = try? shell("\(tmux) kill-server") }
        func screen() -> [Substring] {
          ((try? shell("\(tmux) capture-pane -p").output) ?? "").split(separator: "\n", omittingEmptySubsequences: false)
        }
        #expect(eventually { screen().contains { $0.hasSuffix(" d/hot") } }, "\(screen())")
        #expect(screen()[0].hasPrefix(fixture.mountpoint + "  serving, up ") && screen()[23].hasPrefix("q quit"), "\(screen())")
        #expect(screen().contains { $0.hasPrefix("queue ") && $0.contains("normal ") })
        _ = try shell("\(tmux) send-keys n p")
        #expect(eventually { screen().contains { $0.contains("by name") } && screen()[23].hasSuffix("PAUSED") }, "\(screen())")
        let files = screen().filter { $0.hasSuffix(" cold") || $0.hasSuffix(" d/hot") }
        #expect(files.count == 2 && files[0].hasSuffix(" cold"), "\(screen())")
        _ = try shell("\(tmux) send-keys q")
        #expect(eventually { screen().contains("ended 0") }, "\(screen())")
        let blind = try fixture.ebbfs("top", fixture.mountpoint)
        #expect(blind.status == 2 && blind.output.contains("needs a terminal"), "\(blind.output)")
      }
    }

    @Test func theReportIsAPageOfWhatTheDaemonRemembers() throws {
      try withMount { fixture in
        let path = fixture.scratch + "/report.html"
        #expect(eventually { (try? fixture.ebbfs("report", fixture.mountpoint).output.contains("<polyline")) == true })
        let result = try fixture.ebbfs("report", fixture.mountpoint, "-o", path)
        #expect(result.status == 0 && result.output.isEmpty, "\(result.output)")
        let page = contents(of: path)
        #expect(page.hasPrefix("<!DOCTYPE html>") && page.hasSuffix("</html>\n") && page.contains(fixture.mountpoint))
        let wrong = try fixture.ebbfs("report", fixture.mountpoint, "-o", "/nowhere/report.html")
        #expect(wrong.status == 1 && wrong.output.contains("/nowhere/report.html: No such file"), "\(wrong.output)")
      }
    }

    @Test func statisticsAreServedOnASocketAndInAFile() throws {
      try withMount { fixture in
        let (socket, file) = (fixture.scratch + "/metrics", fixture.scratch + "/ebbfs.prom")
        let exporters = try ["unix:" + socket, file].map {
          try ChildProcess.start(
            [EbbfsBinary.path, "stats", "--prometheus", fixture.mountpoint, "--listen", $0], environment: ["HOME": fixture.base])
        }
        let script = """
          import http.client, socket, sys
          connection = http.client.HTTPConnection("localhost")
          connection.sock = socket.socket(socket.AF_UNIX)
          connection.sock.connect(sys.argv[1])
          connection.request("GET", "/metrics")
          reply = connection.getresponse()
          print(reply.status, reply.getheader("Content-Type"), reply.read().decode())
          """
        var scrape = ""
        let isServed = eventually {
          scrape = (try? run(["/usr/bin/python3", "-c", script, socket]).output) ?? ""
          return scrape.hasPrefix("200 text/plain; version=0.0.4")
        }
        #expect(isServed && scrape.contains("ebbfs_writes_total{mountpoint="), "\(scrape.prefix(300))")
        #expect(eventually { contents(of: file).contains("# TYPE ebbfs_dirty_bytes gauge") })
        let second = try fixture.ebbfs("stats", "--prometheus", "--listen", "unix:" + socket)
        #expect(second.status == 1 && second.output.contains("in use"), "\(second.output)")
        let taken = try fixture.ebbfs("stats", "--prometheus", "--listen", "unix:" + file)
        #expect(taken.status == 1 && taken.output.contains("File exists"), "no file but a socket is replaced: \(taken.output)")
        _ = try run(["pkill", "-TERM", "-f", "--", "--listen .*\(fixture.scratch)"])
        for exporter in exporters { #expect(try exporter.wait().status == 0) }
        #expect(try run(["ls", fixture.scratch]).output == "", "they are removed at the end")
      }
    }

    @Test func everyMetricOfTheDashboardExists() throws {
      try withMount { fixture in
        let page = try fixture.ebbfs("stats", fixture.mountpoint, "--prometheus")
        let types = page.lines.filter { $0.hasPrefix("# TYPE ") }.map { $0.split(separator: " ") }
        var known = Set(types.map { String($0[2]) })
        for type in types where type[3] == "histogram" {
          for part in ["_bucket", "_sum", "_count"] { known.insert(type[2] + part) }
        }
        let path = TestSurroundings.sources.replacing("Tests/MountTests", with: "Mount/grafana-dashboard.json")
        let script =
          "import json,re,sys; d = json.load(open(sys.argv[1])); "
          + "print(*re.findall(r'\\bebbfs_[a-z_]+', ' '.join(t['expr'] for p in d['panels'] for t in p['targets'])))"
        let named = try run(["/usr/bin/python3", "-c", script, path])
        let names = named.output.split { $0 == " " || $0 == "\n" }.map(String.init)
        #expect(named.status == 0 && names.count > 20, "\(named.output)")
        #expect(names.allSatisfy(known.contains), "\(Set(names).subtracting(known))")
      }
    }
  }
}
