import Glibc
import Testing

extension MountTests {
  /// What an operator gets to see, and may send to others.
  @Suite(.serialized) struct DiagnosticsTests {
    /// Prints the names in a bundle, and some of what is in it.
    private let reader = """
      import json, sys, tarfile
      with tarfile.open(sys.argv[1]) as bundle:
          read = lambda name: bundle.extractfile("ebbfs-bundle/" + name).read().decode()
          print(*(name.removeprefix("ebbfs-bundle/") for name in bundle.getnames()))
          print(read("journal-check").splitlines()[0])
          print(json.loads(read("status.json"))["backing"], len(json.loads(read("stats.json"))) > 0)
          print(*(json.loads(line)["message"] for line in read("diagnostics.json").splitlines()))
      """

    private let names =
      "version options status.json stats.json dead-letters.json diagnostics.json journal-check state-directory messages"

    @Test func aBundleHasWhatIsNeededAndNoContentsOfFiles() throws {
      try withMount(options: "writeback_delay=1m") { fixture in
        _ = try shell("echo secret-contents > name; setfattr -n user.a -v secret-contents name", directory: fixture.mountpoint)
        let bundle = fixture.scratch + "/bundle.tar"
        let made = try fixture.ebbfs("debug", "bundle", fixture.mountpoint, "-o", bundle)
        #expect(made.status == 0 && made.lines.count == 1, "\(made.output)")
        let read = try run(["/usr/bin/python3", "-c", reader, bundle])
        #expect(read.lines.first.map(String.init) == names, "\(read.output)")
        #expect(read.output.contains(": clean; ") && read.output.contains("\(fixture.backing) True"), "\(read.output)")
        #expect(read.output.contains("journal: opened: nothing to recover"), "\(read.output)")
        #expect(try run(["grep", "-c", "secret-contents", bundle]).output == "0\n")
        #expect(try run(["grep", "-c", "writeback_delay=1m", bundle]).status == 0, "the options are not there")
        #expect(try run(["stat", "-c", "%a", bundle]).output == "600\n")
        let again = try fixture.ebbfs("debug", "bundle", fixture.mountpoint, "-o", bundle)
        #expect(again.status == 1 && again.lines.count == 1, "over a file that is there: \(again.output)")
        try fixture.crash()
        let late = try run([EbbfsBinary.path, "debug", "bundle", fixture.state], directory: fixture.scratch)
        #expect(late.status == 0, "of a dead daemon: \(late.output)")
        let text = try shell("tar -xOf ebbfs-bundle-*.tar", directory: fixture.scratch).output
        #expect(text.contains("not to be had: no daemon runs") && text.contains(": clean; "), "\(text.suffix(2000))")
      }
    }

    @Test func aLogThatNobodyReadsIsRefused() throws {
      try withMount(mounts: false) { fixture in
        let mount = "'\(EbbfsBinary.path)' '\(fixture.backing)' '\(fixture.mountpoint)' -o"
        for (log, cover) in [("journal", "/run"), ("syslog", "/dev")] {
          let script = "mount -t tmpfs tmpfs \(cover) && exec \(mount) log=\(log),state='\(fixture.state)'"
          let result = try run(["unshare", "--mount", "/bin/sh", "-c", script])
          #expect(result.status == 2 && result.lines.count == 1, "\(result.output)")
          #expect(result.output.contains("log=\(log): nobody listens on"), "\(result.output)")
        }
      }
    }

    /// What journald gets from a daemon, in a place of its own where nobody but the test listens.
    @Test func journaldGetsWhatHappensWithItsFields() throws {
      try withMount(mounts: false) { fixture in
        let script = """
          mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal
          python3 -c '
          import os, socket, subprocess, sys
          journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
          journal.bind("/run/systemd/journal/socket")
          daemon = subprocess.Popen(sys.argv[1:])
          print(journal.recv(65536).decode(), flush=True)
          daemon.terminate()
          sys.exit(daemon.wait())
          ' '\(EbbfsBinary.path)' mount -f '\(fixture.backing)' '\(fixture.mountpoint)' -o 'log=journal,state=\(fixture.state)'
          """
        let result = try run(["unshare", "--mount", "/bin/sh", "-c", script])
        #expect(result.status == 0, "\(result.output)")
        for line in [
          "MESSAGE=\(fixture.mountpoint): journal: opened: nothing to recover", "PRIORITY=6", "SYSLOG_IDENTIFIER=ebbfs",
          "EBBFS_BACKING=\(fixture.backing)", "EBBFS_OPERATION=journal",
        ] {
          #expect(result.lines.contains { $0 == line }, "\(line) is not in \(result.output)")
        }
      }
    }
  }
}
