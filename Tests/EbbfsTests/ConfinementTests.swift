import CLinux
import FilesystemModel
import Glibc
import Testing
import Threading

@testable import ebbfs

// SAFETY: calls that must be refused get null pointers or constant paths.

/// What a confined thread cannot do any more. Rights are a thread's own, so that the other tests keep theirs.
@Suite struct ConfinementTests {
  /// The error number of a call that gives -1, 0 of one that succeeds.
  private static func failure(_ result: some SignedInteger) -> Int32 { result < 0 ? errno : 0 }

  private static func opening(_ path: String, _ flags: Int32) -> Int32 {
    let descriptor = unsafe open(path, flags | O_CLOEXEC, 0o600)
    defer { if descriptor >= 0 { close(descriptor) } }
    return failure(descriptor)
  }

  private func confined(to places: Confinement.Places, _ body: @escaping @Sendable () -> Void) throws -> String {
    let line = Lock("")
    let thread = try Thread(name: "confined") {
      line.withLock { $0 = Confinement.confine(to: places) }
      body()
    }
    thread.join()
    return line.withLock { $0 }
  }

  private func places(_ directory: TemporaryDirectory) throws -> Confinement.Places {
    var mount = ValidMount(
      backing: try directory.makeDirectory("backing"), mountpoint: directory("mount"),
      stateDirectory: try directory.makeDirectory("state"), journalSize: try size(), options: MountOptions())
    mount.options.rulesFile = try PathText.joined(directory.makeDirectory("rules"), "file")
    let mounts = [MountEntry(mountpoint: "/", type: "ext4", source: "/dev/vda")]
    return Confinement.Places(mount, registry: try directory.makeDirectory("registry"), mounts: mounts)
  }

  private func size() throws -> JournalSize {
    try JournalSize.decide(requested: nil, available: 1 << 34, existing: 0, directory: "/")
  }

  @Test func filesElsewhereAreOutOfReach() throws {
    let directory = try TemporaryDirectory()
    let (rules, other) = (PathText.joined(try places(directory).read[1], "file"), try directory.makeFile("other"))
    try Files.replaceText(rules, with: "")
    let backing = directory("backing")
    let outcomes = Lock<[String: Int32]>([:])
    let line = try confined(to: places(directory)) {
      let found = [
        "backing": Self.opening(backing + "/new", O_RDWR | O_CREAT | O_TRUNC),
        "null": Self.opening("/dev/null", O_RDWR), "proc": Self.opening("/proc/self/mountinfo", O_RDONLY),
        "rules": Self.opening(rules, O_RDONLY), "rules for writing": Self.opening(rules, O_WRONLY),
        "other": Self.opening(other, O_RDONLY), "etc": Self.opening("/etc/passwd", O_RDONLY),
        "name": Self.failure(unsafe rename(backing + "/new", other + "2")),
      ]
      outcomes.withLock { $0 = found }
    }
    #expect(line.contains("Landlock ABI ") && line.contains("\(backing) "), "\(line)")
    #expect(
      outcomes.withLock { $0 } == [
        "backing": 0, "null": 0, "proc": 0, "rules": 0, "rules for writing": EACCES, "other": EACCES, "etc": EACCES,
        "name": EACCES,
      ])
  }

  @Test func callsThatTheDaemonDoesNotMakeAreRefused() throws {
    let directory = try TemporaryDirectory()
    let outcomes = Lock<[String: Int32]>([:])
    let line = try confined(to: places(directory)) {
      // Nothing of that name is there: what were not refused would give ENOENT.
      let words: [UnsafeMutablePointer<CChar>?] = unsafe [nil]
      let found = [
        "execve": Self.failure(unsafe execv("/none", words)),
        "mount": Self.failure(unsafe mount("none", "/none", "tmpfs", 0, nil)),
        "umount": Self.failure(unsafe umount2("/none", 0)), "chroot": Self.failure(unsafe chroot("/none")),
        "internet": Self.failure(socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)),
        "local": Self.failure(socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)),
      ]
      outcomes.withLock { $0 = found }
    }
    #expect(line.contains("no new privileges") && line.contains("; seccomp"), "\(line)")
    let refused = outcomes.withLock { $0 }.filter { $0.value == EPERM }.keys.sorted()
    #expect(refused == ["chroot", "execve", "internet", "mount", "umount"])
    #expect(outcomes.withLock { $0["local"] } == 0)
  }

  @Test func onlyCapabilitiesForTheBackingDirectoryAreKept() throws {
    let directory = try TemporaryDirectory()
    let kept = ["chown", "dac_override", "fowner", "fsetid", "mknod", "setfcap", "sys_admin", "sys_nice", "sys_resource"]
    let status = Lock("")
    let line = try confined(to: places(directory)) {
      let text = (try? Files.text("/proc/thread-self/status")) ?? ""
      status.withLock { $0 = text }
    }
    // The numbers of those, capability.h.
    let mask: UInt64 = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 21 | 1 << 23 | 1 << 24 | 1 << 27 | 1 << 31
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
      let field = status.withLock { $0 }.split(separator: "\n").first { $0.hasPrefix(set) }
      let value = field.flatMap { UInt64($0.drop { $0 != "\t" }.dropFirst(), radix: 16) }
      #expect(value.map { $0 & ~mask } == 0, "\(set): \(field ?? "")")
    }
    let named = line.split(separator: ";")[0].split(separator: " ").dropFirst().map(String.init)
    #expect(!named.isEmpty && Set(named).isSubset(of: kept), "\(line)")
  }

  /// What can be mounted anew is reached through the directory that its mountpoint is in.
  @Test func placesAreAboveTheBackingDirectorysMount() throws {
    let mount = ValidMount(
      backing: "/mnt/far/data", mountpoint: "/srv/m", stateDirectory: "/var/lib/ebbfs/x",
      journalSize: try size(), options: MountOptions())
    let mounts = ["/", "/mnt/far", "/mnt/fa", "/srv"].map { MountEntry(mountpoint: $0, type: "", source: "") }
    let places = Confinement.Places(mount, registry: "/run/ebbfs", mounts: mounts)
    #expect(places.written == ["/mnt", "/mnt/far/data", "/var/lib/ebbfs/x", "/run/ebbfs"])
    let local = Confinement.Places(mount, registry: "/run/ebbfs", mounts: Array(mounts.prefix(1)))
    #expect(local.written == ["/mnt/far/data", "/var/lib/ebbfs/x", "/run/ebbfs"])
  }
}
