import FilesystemModel
import Glibc

/// A live daemon, as it is written down for the commands that know only its mountpoint.
struct RegistryEntry: Hashable, Sendable {
  var mountpoint: String
  var backing: String
  var stateDirectory: String
  var process: Int
  /// When the process began, in the kernel's ticks since boot: another one with the same number is another daemon.
  var started: Int
  /// Whose daemon it is.
  var user: UInt32

  /// The fields, each ended by NUL, which no path can hold. The user is the file's owner.
  var text: String { [mountpoint, backing, stateDirectory, String(process), String(started)].map { $0 + "\0" }.joined() }

  /// This process's entry.
  init(mountpoint: String, backing: String, stateDirectory: String) {
    self.mountpoint = mountpoint
    self.backing = backing
    self.stateDirectory = stateDirectory
    process = Processes.current
    started = Processes.startTime(of: process) ?? 0
    user = getuid()
  }

  init?(text: String, user: UInt32) {
    let fields = text.split(separator: "\0", omittingEmptySubsequences: false).map(String.init)
    guard fields.count == 6, fields[5].isEmpty, let process = Int(fields[3]), process > 0, let started = Int(fields[4]) else {
      return nil
    }
    (mountpoint, backing, stateDirectory) = (fields[0], fields[1], fields[2])
    (self.process, self.started, self.user) = (process, started, user)
  }

  /// Whether that is certain: /proc may be unreadable for a moment.
  var isGone: Bool { Processes.isGone(process) || Processes.startTime(of: process).map { $0 != started } ?? false }
  /// With `hidepid` on /proc a user does not see a daemon that makes no dumps, though it is there.
  var isRunning: Bool {
    if let time = Processes.startTime(of: process) { return time == started }
    return (try? Files.facts("/proc/\(process)")) == nil && !Processes.isGone(process)
  }
}

/// The live daemons of this host, one small file each, in a place that is empty after a boot.
///
/// Root's are in `/run/ebbfs`; a user's in `/run/user/UID/ebbfs`, or in `/dev/shm/ebbfs-UID` where there is no such directory
/// (unlike `/tmp`, nothing tidies it up). The place does not depend on environment variables, so that root finds users' mounts
/// too. A file of a daemon that was killed stays until the next mount of the same user removes it.
struct Registry: Sendable {
  /// Where this user's daemons are written down.
  var own: String
  /// Where commands look, in this order.
  var searched: [Place]

  /// A directory that counts only if it belongs to the user whose name it has: anybody may make one in a shared place.
  struct Place: Hashable, Sendable {
    var path: String
    var user: UInt32
  }

  static var host: Registry {
    let user = getuid()
    if user == 0 {
      let users = ((try? Files.names(in: "/run/user")) ?? []).compactMap { name in
        UInt32(name).map { Place(path: "/run/user/\(name)/ebbfs", user: $0) }
      }
      let shared = ((try? Files.names(in: "/dev/shm")) ?? []).filter { $0.hasPrefix("ebbfs-") }.compactMap { name in
        UInt32(name.dropFirst("ebbfs-".count)).map { Place(path: "/dev/shm/" + name, user: $0) }
      }
      return Registry(own: "/run/ebbfs", searched: [Place(path: "/run/ebbfs", user: 0)] + users + shared)
    }
    let runtime = "/run/user/\(user)"
    let isThere = (try? Files.facts(runtime, followingLinks: false)).map { $0.isDirectory && $0.owner == user } ?? false
    let own = isThere ? runtime + "/ebbfs" : "/dev/shm/ebbfs-\(user)"
    return Registry(own: own, searched: [Place(path: own, user: user)])
  }

  /// Writes a daemon down and removes what dead ones left.
  func add(_ entry: RegistryEntry) throws(Errno) {
    try Files.makeDirectories(own)
    let facts = try Files.facts(own, followingLinks: false)
    // Somebody else's directory under our name is not to be trusted.
    guard facts.isDirectory, facts.owner == getuid() else { throw .notPermitted }
    for name in (try? Files.names(in: own)) ?? [] {
      let path = PathText.joined(own, name)
      if let process = Int(name), Self.read(path, of: entry.user)?.isGone ?? Processes.isGone(process) { Files.remove(path) }
    }
    try Files.replaceText(PathText.joined(own, String(entry.process)), with: entry.text)
  }

  func remove(process: Int) { Files.remove(PathText.joined(own, String(process))) }

  /// All daemons that are alive, by process number within a directory.
  func entries() -> [RegistryEntry] {
    searched.flatMap { place -> [RegistryEntry] in
      guard let directory = try? Files.facts(place.path, followingLinks: false), directory.isDirectory,
        directory.owner == place.user
      else { return [] }
      return ((try? Files.names(in: place.path)) ?? []).compactMap { name -> (Int, String)? in Int(name).map { ($0, name) } }
        .sorted { $0.0 < $1.0 }
        .compactMap { _, name in Self.read(PathText.joined(place.path, name), of: place.user) }
        .filter(\.isRunning)
    }
  }

  /// A user may have planted anything in a directory of theirs that root reads, such as a fifo: nothing of it may block or be
  /// followed.
  private static func read(_ path: String, of user: UInt32) -> RegistryEntry? {
    guard let bytes = try? Descriptor(path: path, flags: O_RDONLY | O_NONBLOCK | O_NOFOLLOW).readAll(limit: 1 << 16) else {
      return nil
    }
    return RegistryEntry(text: String(decoding: bytes, as: UTF8.self), user: user)
  }

  /// The daemon of a mountpoint, also while it still writes back after an unmount. The latest one if there are several.
  ///
  /// A user may claim any mountpoint: the kernel knows whose the mount is, and where there is none, root's own comes first.
  func entry(mountpoint: String) -> RegistryEntry? {
    let names = Set(Self.spellings(of: mountpoint))
    let mount = ((try? MountTable.current()) ?? []).last { names.contains($0.mountpoint) && $0.type == MountTable.ownType }
    let claims = entries().filter { entry in names.contains(entry.mountpoint) && (mount?.user ?? entry.user) == entry.user }
    return claims.last { $0.user == 0 } ?? claims.last
  }

  /// The daemon of the mount that a path lies on; links before its last component are followed.
  func entry(holding path: String) -> RegistryEntry? {
    let name = PathText.name(path)
    let isName = name != "." && name != ".." && name != "/"
    let directory = isName ? PathText.parent(path) : path
    guard let canonical = try? Files.canonicalPath(directory) else { return nil }
    let whole = isName ? PathText.joined(canonical, name) : canonical
    let mounts = ((try? MountTable.current()) ?? []).filter {
      $0.type == MountTable.ownType && PathText.isInside(whole, $0.mountpoint)
    }
    return mounts.max { $0.mountpoint.utf8.count < $1.mountpoint.utf8.count }.flatMap { entry(mountpoint: $0.mountpoint) }
  }

  /// The canonical path, and the one whose last component is not looked at: a mountpoint whose daemon is dead, or another user's,
  /// cannot be.
  private static func spellings(of mountpoint: String) -> [String] {
    var result: [String] = []
    if let parent = try? Files.canonicalPath(PathText.parent(mountpoint)) {
      result.append(PathText.joined(parent, PathText.name(mountpoint)))
    }
    if let whole = try? Files.canonicalPath(mountpoint) { result.append(whole) }
    return result
  }
}
