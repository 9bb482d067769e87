import FilesystemModel
import Glibc

/// A live daemon, as it is written down for the commands that know only its mountpoint.
struct RegistryEntry: Hashable, Sendable {
  var mountpoint: String
  var backing: String
  var stateDirectory: String
  var process: Int

  /// The fields, each ended by NUL, which no path can hold.
  var text: String { [mountpoint, backing, stateDirectory, String(process)].map { $0 + "\0" }.joined() }

  init(mountpoint: String, backing: String, stateDirectory: String, process: Int) {
    self.mountpoint = mountpoint
    self.backing = backing
    self.stateDirectory = stateDirectory
    self.process = process
  }

  init?(text: String) {
    let fields = text.split(separator: "\0", omittingEmptySubsequences: false).map(String.init)
    guard fields.count == 5, fields[4].isEmpty, let process = Int(fields[3]), process > 0 else { return nil }
    self.init(mountpoint: fields[0], backing: fields[1], stateDirectory: fields[2], process: process)
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
  var searched: [String]

  static var host: Registry {
    let user = getuid()
    if user == 0 {
      let users = ((try? Files.names(in: "/run/user")) ?? []).map { "/run/user/\($0)/ebbfs" }
      let shared = ((try? Files.names(in: "/dev/shm")) ?? []).filter { $0.hasPrefix("ebbfs-") }.map { "/dev/shm/" + $0 }
      return Registry(own: "/run/ebbfs", searched: ["/run/ebbfs"] + users + shared)
    }
    let runtime = "/run/user/\(user)"
    let isThere = (try? Files.facts(runtime, followingLinks: false)).map { $0.isDirectory && $0.owner == user } ?? false
    let own = isThere ? runtime + "/ebbfs" : "/dev/shm/ebbfs-\(user)"
    return Registry(own: own, searched: [own])
  }

  /// Writes a daemon down and removes what dead ones left.
  func add(_ entry: RegistryEntry) throws(Errno) {
    try Files.makeDirectories(own)
    let facts = try Files.facts(own, followingLinks: false)
    // Somebody else's directory under our name is not to be trusted.
    guard facts.isDirectory, facts.owner == getuid() else { throw .notPermitted }
    for name in (try? Files.names(in: own)) ?? [] {
      guard let process = Int(name), !Processes.isRunning(process) else { continue }
      Files.remove(PathText.joined(own, name))
    }
    try Files.replaceText(PathText.joined(own, String(entry.process)), with: entry.text)
  }

  func remove(process: Int) { Files.remove(PathText.joined(own, String(process))) }

  /// All daemons that are alive, by process number within a directory.
  func entries() -> [RegistryEntry] {
    searched.flatMap { directory -> [RegistryEntry] in
      guard let owner = try? Files.facts(directory, followingLinks: false), owner.isDirectory else { return [] }
      return ((try? Files.names(in: directory)) ?? []).compactMap { name -> (Int, String)? in Int(name).map { ($0, name) } }
        .sorted { $0.0 < $1.0 }
        .compactMap { _, name in Self.read(PathText.joined(directory, name)) }
        .filter { Processes.isRunning($0.process) }
    }
  }

  /// A user may have planted anything in a directory of theirs that root reads, such as a fifo: nothing of it may block or be
  /// followed.
  private static func read(_ path: String) -> RegistryEntry? {
    guard let bytes = try? Descriptor(path: path, flags: O_RDONLY | O_NONBLOCK | O_NOFOLLOW).readAll(limit: 1 << 16) else {
      return nil
    }
    return RegistryEntry(text: String(decoding: bytes, as: UTF8.self))
  }

  /// The daemon of a mountpoint, also while it still writes back after an unmount. The latest one if there are several.
  func entry(mountpoint: String) -> RegistryEntry? {
    let names = Set(Self.spellings(of: mountpoint))
    return entries().last { names.contains($0.mountpoint) }
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
