import Glibc
import Testing

extension MountTests {
  /// What others on the machine can do to a mount, its state directory and its backing directory, and what they cannot.
  @Suite(.serialized) struct SecurityTests {
    private let asStranger = "setpriv --reuid=1000 --regid=1000 --clear-groups"

    /// A directory and a link to the outside take turns at one name for as long as files below it are written back.
    @Test func linksSwappedInDuringWriteBackLeadNowhere() throws {
      try withMount(mounts: false) { fixture in
        _ = try shell(
          "mkdir -p out/d; echo secret > out/f0; chmod -R 700 out; ln -s ../out backing/link", directory: fixture.base)
        let before = try fixture.manifest(of: fixture.base + "/out", withTimes: true)
        let options = "writeback_delay=0ms,writeback_deadline=100ms,retry_delay=1ms,retry_delay_max=5ms,max_retries=0"
        try fixture.mount(options: options)
        _ = try shell("mkdir turn; echo 1 > turn/f0", directory: fixture.mountpoint)
        try fixture.flush()
        let swaps = """
          import os, time
          while True:
              for a, b in (("turn", "aside"), ("link", "turn"), ("turn", "link"), ("aside", "turn")):
                  os.rename(a, b); time.sleep(0.002)
          """
        let swapper = try ChildProcess.start(["/usr/bin/python3", "-c", swaps], directory: fixture.backing)
        let script = """
          for i in $(seq 100); do echo $i > turn/f$i; echo more >> turn/f0
            mkdir turn/d$i; chmod 751 turn/d$i; mv turn/f$i turn/d$i; done
          sleep 1
          """
        #expect(try shell(script, directory: fixture.mountpoint).status == 0)
        kill(swapper.process, SIGTERM)
        _ = try swapper.wait()
        #expect(try fixture.manifest(of: fixture.base + "/out", withTimes: true) == before)
        let arrived = try run(["find", ".", "-path", "./*/d*"], directory: fixture.backing).lines.count
        #expect(arrived > 10, "little was written back: \(arrived)")
        let shown = try shell("for i in $(seq 100); do cat turn/d$i/f$i; done", directory: fixture.mountpoint)
        #expect(try shown.output == shell("seq 100").output)
      }
    }

    /// Even where its directory were open to all.
    @Test func anotherUserGetsNothingFromTheControlSocket() throws {
      try withMount { fixture in
        let socket = fixture.state + "/control"
        #expect(try shell("stat -c '%a %u' control .", directory: fixture.state).output == "600 0\n700 0\n")
        let ask = """
          import socket, sys
          s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); print(s.recv(999))
          """
        let words = asStranger.split(separator: " ").map(String.init) + ["/usr/bin/python3", "-c", ask, socket]
        #expect(try run(words).output.contains("PermissionError"))
        #expect(try run(asStranger.split(separator: " ").map(String.init) + ["ls", fixture.state]).status == 2)
        _ = try shell("chmod 711 .; chmod 666 control", directory: fixture.state)
        #expect(try run(words).output.contains("only root and the user who mounted may do this"))
        _ = try shell("chmod 700 .", directory: fixture.state)
        #expect(try fixture.ebbfs("status", fixture.mountpoint).status == 0)
      }
    }

    @Test func linksInTheStateDirectoryAreNotFollowed() throws {
      try withMount(mounts: false) { fixture in
        _ = try shell("mkdir -m 700 state; echo kept > target; ln -s ../target state/lock", directory: fixture.base)
        let refused = try fixture.ebbfs(fixture.backing, fixture.mountpoint, "-o", "state=\(fixture.state),journal_size=32M")
        #expect(refused.status == 5 && refused.lines.count == 1, "\(refused.output)")
        _ = try shell("rm lock; ln -s ../target messages; ln -s ../target control", directory: fixture.state)
        let second = try fixture.ebbfs(fixture.backing, fixture.mountpoint, "-o", "state=\(fixture.state),journal_size=32M")
        #expect(second.status == 5 && second.lines.count == 1 && !fixture.isMounted, "\(second.status) \(second.output)")
        #expect(contents(of: fixture.base + "/target") == "kept\n")
      }
    }

    @Test func aStateDirectoryOfAnotherOrOpenToOthersIsRefused() throws {
      try withMount(mounts: false) { fixture in
        for (script, text) in [("chmod 750", "use chmod 700"), ("chmod 700 state; chown 1000", "belongs to another user")] {
          _ = try shell("mkdir -p state; \(script) state", directory: fixture.base)
          let result = try fixture.ebbfs(fixture.backing, fixture.mountpoint, "-o", "state=\(fixture.state)")
          #expect(result.status == 5 && result.lines.count == 1 && result.output.contains(text), "\(result.output)")
        }
      }
    }

    @Test func setUserIDGivesNobodyRights() throws {
      try withMount { fixture in
        let script = """
          cp /usr/bin/id id; chmod 4755 id; \(asStranger) ./id -u
          cp id both; chmod 6777 both; \(asStranger) sh -c 'echo x >> both'; stat -c %a both
          """
        #expect(try shell(script, directory: fixture.mountpoint).output == "1000\n777\n")
        try fixture.flush()
        #expect(try shell("stat -c %a id both", directory: fixture.backing).output == "4755\n777\n")
      }
    }

    @Test func theDaemonIsConfinedAndSaysSo() throws {
      try withMount { fixture in
        let line = try fixture.ebbfs("status", fixture.mountpoint).lines.first { $0.hasPrefix("confinement:") } ?? ""
        for part in [
          "capabilities chown ", "no new privileges", "Landlock ABI ", "\(fixture.backing) \(fixture.state) ", "seccomp",
        ] {
          #expect(line.contains(part), "\(line)")
        }
        let process = try fixture.noteDaemon()
        let threads = try shell("cat /proc/\(process)/task/*/status").lines
        for (field, value) in [("NoNewPrivs:", "1"), ("Seccomp:", "2"), ("CapInh:", "0000000000000000")] {
          let values = Set(threads.filter { $0.hasPrefix(field) }.map { String($0.split(separator: "\t")[1]) })
          #expect(values == [value], "\(field) \(values)")
        }
        #expect(Set(threads.filter { $0.hasPrefix("CapBnd:") }).count == 1)
        #expect(Set(threads.filter { $0.hasPrefix("CapEff:") }).count == 1)
      }
    }

    /// Under another device name, as a disk that was pulled: Landlock knows nothing of what is mounted there then.
    @Test func aDiskThatIsMountedAgainIsReachedByTheConfinedDaemon() throws {
      try withMount(mounts: false) { fixture in
        let disk = "\(fixture.scratch)/disk"
        let made = try shell("truncate -s 64M \(disk)0 && mkfs.ext4 -q \(disk)0 && mount -o loop \(disk)0 \(fixture.backing)")
        try #require(made.status == 0, "\(made.output)")
        try fixture.mount(options: "writeback_delay=0ms,retry_delay=50ms,retry_delay_max=200ms")
        for round in 1...2 {
          _ = try shell("mkdir d\(round); echo \(round) > d\(round)/f; mv d\(round)/f d\(round)/g", directory: fixture.mountpoint)
          try fixture.flush()
          _ = try shell("sync -f . && cp \(disk)\(round - 1) \(disk)\(round); umount -l .", directory: fixture.backing)
          _ = try shell("echo away > away\(round); echo more >> d\(round)/g", directory: fixture.mountpoint)
          #expect(try eventually { try fixture.ebbfs("status", fixture.mountpoint).output.contains("backing directory is away") })
          #expect(try shell("mount -o loop \(disk)\(round) \(fixture.backing)").status == 0)
          try fixture.flush()
          #expect(contents(of: fixture.backing + "/d\(round)/g") == "\(round)\nmore\n")
        }
        #expect(try fixture.status("dead_letters") == "0")
        #expect(try run(["ls", fixture.backing]).output == "away1\naway2\nd1\nd2\nlost+found\n")
        try fixture.unmount()
      }
    }

    /// Neither when all is well nor when write-back fails; names are told.
    @Test func contentsOfFilesAreInNoDiagnostics() throws {
      try withMount(options: "writeback_delay=0ms,max_retries=1,retry_delay=10ms") { fixture in
        let secret = "s3cr" + "et-of-a-file"
        let script = "echo \(secret) > f; setfattr -n user.a -v \(secret) f; echo \(secret) > closed/refused"
        _ = try shell("mkdir closed; chattr +i closed", directory: fixture.backing)
        #expect(try shell(script, directory: fixture.mountpoint).status == 0)
        _ = try fixture.ebbfs("flush", fixture.mountpoint)
        var told = contents(of: fixture.state + "/messages")
        for words in [
          ["status"], ["status", "--json"], ["stats"], ["stats", "--prometheus"], ["journal", "dump"],
          ["journal", "dump", "--json"],
          ["journal", "check"],
        ] { told += try run([EbbfsBinary.path] + words + [fixture.mountpoint]).output }
        told += try fixture.ebbfs("dead-letters", fixture.mountpoint, "list").output
        _ = try shell("chattr -i closed", directory: fixture.backing)
        #expect(told.contains("closed/refused") && !told.contains(secret), "\(told)")
      }
    }
  }
}
