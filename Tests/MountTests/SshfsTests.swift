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
  }
}

/// sshd on a loopback port, and sshfs from there mounted on the fixture's backing directory.
struct SshServer {
  static var isInstalled: Bool { unsafe access("/usr/sbin/sshd", X_OK) == 0 && access("/usr/bin/sshfs", X_OK) == 0 }

  private let fixture: MountFixture
  private var directory: String { fixture.scratch + "/sshd" }
  /// The directory that is served.
  var source: String { fixture.scratch + "/source" }

  init(_ fixture: MountFixture) throws {
    self.fixture = fixture
    let port = "\(20_000 + Int(getpid()) % 20_000)"
    try control("prepare", port)
    try start()
    _ = try shell("mkdir source", directory: fixture.scratch)
    try control("mount", port, source, fixture.backing)
  }

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
