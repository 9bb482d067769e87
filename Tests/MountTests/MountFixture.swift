import Glibc
import Testing

// SAFETY: C functions get paths as strings that live during the call.

/// A backing directory, a mountpoint, a state directory and room for the test's own files, all in one temporary directory.
final class MountFixture {
  let base: String
  /// All daemons that this test has mounted with.
  private var daemons: [Int32] = []

  var backing: String { base + "/backing" }
  var mountpoint: String { base + "/mount" }
  var state: String { base + "/state" }
  /// A plain directory of the root filesystem.
  var plain: String { base + "/plain" }
  var scratch: String { base + "/scratch" }

  fileprivate init() throws {
    try TestSurroundings.require()
    base = try makeTestDirectory()
    for path in [backing, mountpoint, plain, scratch] { try #require(unsafe mkdir(path, 0o755) == 0) }
  }

  /// Runs the program under test.
  @discardableResult
  func ebbfs(_ arguments: String..., seconds: Int = 60) throws -> ChildResult {
    try run([EbbfsBinary.path] + arguments, environment: ["HOME": base], seconds: seconds)
  }

  /// Mounts and remembers the daemon. What `options` says is added to the state directory and a short delay.
  func mount(options: String = "", sourceLocation: SourceLocation = #_sourceLocation) throws {
    let all = "state=\(state),writeback_delay=500ms,journal_size=1G" + (options.isEmpty ? "" : "," + options)
    let result = try ebbfs(backing, mountpoint, "-o", all)
    try #require(result.status == 0, "mounting: \(result.output)", sourceLocation: sourceLocation)
    _ = try noteDaemon()
  }

  /// The process that serves the mount now.
  func noteDaemon() throws -> Int32 {
    let process = try #require(Int32(try status("pid")), "the status names no process")
    if !daemons.contains(process) { daemons.append(process) }
    return process
  }

  /// A field of the status.
  func status(_ field: String) throws -> String {
    let report = try ebbfs("status", mountpoint, "--json")
    let line = report.lines.first { $0.contains("\"\(field)\":") }
    return String((line ?? "").drop { $0 != ":" }.dropFirst(2).filter { $0 != "," && $0 != "\"" })
  }

  /// Writes everything back and unmounts; the test fails when that fails.
  func unmount(sourceLocation: SourceLocation = #_sourceLocation) throws {
    let result = try ebbfs("unmount", mountpoint)
    #expect(result.status == 0, "unmounting: \(result.output)", sourceLocation: sourceLocation)
  }

  func flush(sourceLocation: SourceLocation = #_sourceLocation) throws {
    let result = try ebbfs("flush", mountpoint)
    #expect(result.status == 0, "flushing: \(result.output)", sourceLocation: sourceLocation)
  }

  /// Ends the daemon as a crash would, and takes the dead mount away.
  func crash() throws {
    let process = try noteDaemon()
    kill(process, SIGKILL)
    #expect(eventually { !Self.isRunning(process) })
    _ = try run(["umount", "-l", mountpoint])
  }

  /// Whether a process is there and no zombie.
  static func isRunning(_ process: Int32) -> Bool {
    let text = contents(of: "/proc/\(process)/stat")
    return !text.isEmpty && !text.contains(") Z ") && !text.contains(") X ")
  }

  /// What a tree holds, one line for each name.
  func manifest(of directory: String, withTimes: Bool) throws -> [Substring] {
    let script = TestSurroundings.sources + "/Workloads/manifest.py"
    let result = try run(["/usr/bin/python3", script] + (withTimes ? ["--times"] : []) + [directory])
    #expect(result.status == 0, "\(result.output)")
    return result.lines
  }

  /// The backing directory has what the mount shows, times included; idle times of directories only with `byUnmount`.
  func expectBackingEqualsMount(byUnmount: Bool = false, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let shown = try manifest(of: mountpoint, withTimes: true)
    if byUnmount { try unmount(sourceLocation: sourceLocation) } else { try flush(sourceLocation: sourceLocation) }
    expectEqual(try manifest(of: backing, withTimes: true), shown, "backing directory", sourceLocation: sourceLocation)
  }

  /// Whatever happened: no mount, no daemon and no file is left.
  fileprivate func cleanUp() {
    for mount in mounts.reversed() { _ = try? run(["umount", "-l", mount]) }
    for process in daemons where Self.isRunning(process) && contents(of: "/proc/\(process)/comm") == "ebbfs\n" {
      _ = kill(process, SIGKILL)
      _ = eventually { !Self.isRunning(process) }
    }
    guard mounts.isEmpty else { return }
    _ = try? run(["rm", "-rf", "--one-file-system", base])
  }

  var isMounted: Bool { mounts.contains(mountpoint) }

  /// The mountpoints below the fixture's directory, in the order of mounting.
  private var mounts: [String] {
    contents(of: "/proc/self/mounts").split(separator: "\n").compactMap { $0.split(separator: " ").dropFirst().first }
      .map(String.init).filter { $0.hasPrefix(base + "/") }
  }
}

/// Gives the body a fixture, mounted unless `mounts` is false, and cleans up whatever happens.
func withMount(mounts: Bool = true, options: String = "", _ body: (MountFixture) throws -> Void) throws {
  let fixture = try MountFixture()
  defer { fixture.cleanUp() }
  if mounts { try fixture.mount(options: options) }
  try body(fixture)
}

/// Compares lines and shows those that only one side has.
func expectEqual(
  _ actual: [Substring], _ wanted: [Substring], _ what: String, sourceLocation: SourceLocation = #_sourceLocation
) {
  guard actual != wanted else { return }
  let (has, wants) = (Set(actual), Set(wanted))
  let missing = wanted.filter { !has.contains($0) }.prefix(12).map { "- \($0)" }
  let surplus = actual.filter { !wants.contains($0) }.prefix(12).map { "+ \($0)" }
  Issue.record("\(what) differs:\n\((missing + surplus).joined(separator: "\n"))", sourceLocation: sourceLocation)
}
