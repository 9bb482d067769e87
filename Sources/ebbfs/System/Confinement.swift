import CLinux
import FilesystemModel

// SAFETY: paths are arrays ended by NUL that live for the call; names of capabilities are constants.

/// Takes from the daemon all rights that it does not need, so that whoever takes it over by a fault of it gains little.
///
/// It holds for the calling thread and all that are started later.
enum Confinement {
  /// What the daemon's files are for, by path.
  struct Places: Hashable, Sendable {
    var written: [String]
    var read: [String]

    /// The backing directory may be mounted anew while the daemon runs, and a rule of Landlock belongs to a directory, not to a
    /// path: what is allowed is what is above the mount. The held directory has a rule too: once its mount is gone, nothing is
    /// above it.
    init(_ mount: ValidMount, registry: String, mounts: [MountEntry]) {
      let own = mounts.map(\.mountpoint).filter { PathText.isInside(mount.backing, $0) }.max { $0.utf8.count < $1.utf8.count }
      let above = own.flatMap { $0 == "/" ? nil : PathText.parent($0) }
      written = [above, mount.backing, mount.stateDirectory, registry].compactMap(\.self)
      read = ["/proc"] + (mount.options.rulesFile.map { [PathText.parent($0)] } ?? [])
    }
  }

  /// Never fails: the line tells what holds.
  static func confine(to places: Places) -> String {
    linux_forbid_dumps()
    let hasFixedRights = linux_forbid_new_privileges() == 0
    let parts = [
      capabilities(), hasFixedRights ? "no new privileges" : "no_new_privs refused", landlock(places),
      linux_forbid_calls() == 0 ? "seccomp" : "no seccomp",
    ]
    return parts.joined(separator: "; ")
  }

  private static func capabilities() -> String {
    let result = linux_drop_capabilities()
    if result < 0 { return "capabilities not dropped: \(Errno(rawValue: -result).message)" }
    var names: [String] = []
    while let name = unsafe linux_capability(Int32(names.count)) { names.append(unsafe String(cString: name)) }
    return names.isEmpty ? "no capabilities" : "capabilities " + names.joined(separator: " ")
  }

  /// The first version forbids renaming from one directory to another.
  private static func landlock(_ places: Places) -> String {
    let version = linux_landlock_version()
    guard version >= 2 else { return "no Landlock" }
    do throws(Errno) {
      let rules = Descriptor(owning: try number(linux_landlock_begin(version)))
      for path in places.written { try allow(path, linux_reach_write, rules, version) }
      for path in places.read { try allow(path, linux_reach_read, rules, version) }
      try allow("/dev/null", linux_reach_write, rules, version)
      // For the UUIDs of disks.
      try allow("/dev", linux_reach_list, rules, version)
      _ = try number(linux_landlock_enforce(rules.number))
    } catch {
      return "no Landlock: \(error.message)"
    }
    return "Landlock ABI \(version), writes below " + places.written.joined(separator: " ")
  }

  private static func allow(
    _ path: String, _ reach: linux_reach, _ rules: borrowing Descriptor, _ version: Int32
  ) throws(Errno) {
    _ = try number(unsafe linux_landlock_allow(rules.number, version, Array(path.utf8) + [0], reach))
  }

  private static func number(_ result: Int32) throws(Errno) -> Int32 {
    guard result >= 0 else { throw Errno(rawValue: -result) }
    return result
  }
}
