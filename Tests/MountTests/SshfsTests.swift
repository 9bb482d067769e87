import Glibc
import Testing

// SAFETY: C functions get paths as strings that live during the call.

extension MountTests {
  /// A real sshfs mount as the backing directory.
  @Suite(.serialized) struct SshfsTests {
    private static let count = 5000

    /// The server dies in the middle of a burst, and comes again later: everything acknowledged arrives, and nothing twice.
    @Test(.enabled(if: SshServer.isInstalled, "NOT RUN: sshfs and openssh-server are not installed"))
    func aBurstSurvivesTheLossOfTheServer() throws {
      try withMount(mounts: false) { fixture in
        let server = try SshServer(fixture)
        defer { server.end() }
        let options = "writeback_delay=0ms,retry_delay=50ms,retry_delay_max=500ms,max_retries=5"
        try fixture.mount(options: options)
        _ = try run(["ls", fixture.mountpoint])
        let burst = try ChildProcess.start(
          ["/bin/sh", "-c", "for i in $(seq \(Self.count)); do echo \"file $i\" > f$i || exit 1; done"],
          directory: fixture.mountpoint, seconds: 120)
        #expect(try eventually { try server.files() > 100 })
        try server.stop()
        #expect(try burst.wait().status == 0, "the burst waited for the server, or failed")
        let arrived = try server.files()
        #expect(arrived > 0 && arrived < Self.count, "\(arrived) files had arrived")
        #expect(try eventually { try fixture.ebbfs("status", fixture.mountpoint).status == 1 })
        let shown = try shell("ls | wc -l; cat f\(Self.count)", directory: fixture.mountpoint)
        #expect(shown.output == "\(Self.count)\nfile \(Self.count)\n")
        try server.start()
        #expect(try fixture.ebbfs("flush", fixture.mountpoint, seconds: 170).status == 0)
        #expect(try fixture.status("dead_letters") == "0" && fixture.status("clean") == "true")
        let wanted = "seq -f 'file %g' \(Self.count) | md5sum; echo \(Self.count)"
        let found = "for i in $(seq \(Self.count)); do cat f$i; done | md5sum; ls -A | wc -l"
        #expect(try shell(found, directory: server.source).output == shell(wanted, directory: "/").output)
        try fixture.unmount()
      }
    }

    /// The mount is lost with the server, and made again at the same place.
    @Test(.enabled(if: SshServer.isInstalled, "NOT RUN: sshfs and openssh-server are not installed"))
    func anSshfsMountThatIsMadeAgainIsTakenUp() throws {
      try withMount(mounts: false) { fixture in
        let server = try SshServer(fixture)
        defer { server.end() }
        _ = try shell("echo before > old; mkdir d", directory: server.source)
        try fixture.mount(options: "writeback_delay=0ms,retry_delay=50ms,retry_delay_max=200ms,max_retries=5")
        #expect(try shell("ls -R; cat old", directory: fixture.mountpoint).output.contains("before"))
        try server.stop()
        #expect(try run(["umount", "-l", fixture.backing]).status == 0)
        let script = "for i in 1 2 3; do echo $i > d/$i; done; mv old d/moved; echo more >> d/moved"
        #expect(try shell(script, directory: fixture.mountpoint).status == 0)
        #expect(try eventually { try fixture.ebbfs("status", fixture.mountpoint).output.contains("backing directory is away") })
        #expect(try server.files() == 2)
        try server.start()
        try server.mount()
        try fixture.flush()
        #expect(try shell("cat d/moved d/3", directory: server.source).output == "before\nmore\n3\n")
        #expect(try fixture.status("dead_letters") == "0")
        try fixture.unmount()
      }
    }
  }
}

/// sshd on a loopback port, and sshfs from there mounted on the fixture's backing directory.
struct SshServer {
  static var isInstalled: Bool { unsafe access("/usr/sbin/sshd", X_OK) == 0 && access("/usr/bin/sshfs", X_OK) == 0 }

  private let fixture: MountFixture
  private let port = "\(20_000 + Int(getpid()) % 20_000)"
  private var directory: String { fixture.scratch + "/sshd" }
  /// The directory that is served.
  var source: String { fixture.scratch + "/source" }

  init(_ fixture: MountFixture) throws {
    self.fixture = fixture
    try control("prepare", port)
    try start()
    _ = try shell("mkdir source", directory: fixture.scratch)
    try mount()
  }

  /// Mounts what is served on the backing directory.
  func mount() throws { try control("mount", port, source, fixture.backing) }

  func start() throws { try control("start") }

  func stop() throws { try control("stop") }

  /// How many files are there, hidden ones too.
  func files() throws -> Int { try Int(shell("ls -A | wc -l", directory: source).lines.first ?? "") ?? 0 }

  func end() {
    _ = try? run(["umount", "-l", fixture.mountpoint])
    _ = try? run(["umount", "-l", fixture.backing])
    try? stop()
  }

  private func control(_ verb: String, _ words: String...) throws {
    let script = TestSurroundings.sources + "/Sshfs/sshd.sh"
    let result = try run(["/bin/sh", script, verb, directory] + words)
    try #require(result.status == 0, "sshd.sh \(verb): \(result.output)")
  }
}
