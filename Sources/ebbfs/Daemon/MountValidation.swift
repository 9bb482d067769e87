import Control
import FilesystemModel
import Glibc

/// A mount request whose paths were found good. Nothing has been changed yet.
struct ValidMount: Hashable, Sendable {
  /// Canonical.
  var backing: String
  /// Canonical.
  var mountpoint: String
  /// Absolute; made by the mount if it does not exist.
  var stateDirectory: String
  var journalSize: JournalSize
  var options: MountOptions
}

/// Finds out, without changing anything, whether a mount can be made. Each function throws one line for the operator.
enum MountValidation {
  static func check(_ request: MountRequest) throws(CommandFailure) -> ValidMount {
    let backing = try checkBacking(request.backing)
    let mounts = (try? MountTable.current()) ?? []
    let mountpoint = try checkMountpoint(request.mountpoint, mounts: mounts)
    try checkSeparation(backing: backing, mountpoint: mountpoint)
    let wanted = if let given = request.options.stateDirectory { given } else { try StateDirectory.defaultPath(backing: backing) }
    let stateDirectory = try checkStateDirectory(wanted, backing: backing, mountpoint: mountpoint)
    let size = try checkSpace(stateDirectory, requested: request.options.journalSize)
    return ValidMount(
      backing: backing, mountpoint: mountpoint, stateDirectory: stateDirectory, journalSize: size, options: request.options)
  }

  /// The canonical path of a backing directory that exists and can be read.
  static func checkBacking(_ path: String) throws(CommandFailure) -> String {
    do throws(Errno) {
      let canonical = try Files.canonicalPath(path)
      guard try Files.facts(canonical).isDirectory else { throw .notDirectory }
      try Files.checkAccess(canonical, R_OK | X_OK)
      return canonical
    } catch {
      let reason =
        switch error {
        case .noEntry: "does not exist"
        case .notDirectory: "is not a directory"
        default: "cannot be read: \(error.message)"
        }
      throw CommandFailure(.backingDirectory, "backing directory \(path) \(reason)")
    }
  }

  /// The canonical path of a mountpoint that exists and on which nothing is mounted.
  static func checkMountpoint(_ path: String, mounts: [MountEntry]) throws(CommandFailure) -> String {
    let canonical: String
    var failure: Errno?
    do throws(Errno) {
      canonical = try Files.canonicalPath(path)
    } catch {
      throw mountpointFailure(path, error)
    }
    do throws(Errno) {
      if try !Files.facts(canonical).isDirectory { failure = .notDirectory }
    } catch {
      failure = error
    }
    if failure != .notConnected, let mount = mounts.last(where: { $0.mountpoint == canonical }) {
      throw CommandFailure(.mountpoint, "mountpoint \(path) is mounted already: \(mount.source), type \(mount.type)")
    }
    if let failure { throw mountpointFailure(path, failure) }
    return canonical
  }

  private static func mountpointFailure(_ path: String, _ error: Errno) -> CommandFailure {
    let reason =
      switch error {
      case .noEntry: "does not exist"
      case .notDirectory: "is not a directory"
      case .notConnected: "has the mount of a daemon that died; `umount \(path)` or `fusermount3 -u \(path)` takes it away"
      default: "cannot be used: \(error.message)"
      }
    return CommandFailure(.mountpoint, "mountpoint \(path) \(reason)")
  }

  /// Neither may contain the other: a mount in the backing directory would be written back into itself, one above it would hide it.
  static func checkSeparation(backing: String, mountpoint: String) throws(CommandFailure) {
    if backing == mountpoint { throw CommandFailure(.mountpoint, "the mountpoint is the backing directory itself, \(backing)") }
    if contains(backing, mountpoint) {
      throw CommandFailure(.mountpoint, "mountpoint \(mountpoint) is inside the backing directory \(backing)")
    }
    if contains(mountpoint, backing) {
      throw CommandFailure(.mountpoint, "mountpoint \(mountpoint) would hide the backing directory \(backing) inside it")
    }
  }

  /// The canonical path that the state directory has or will have.
  static func checkStateDirectory(_ path: String, backing: String, mountpoint: String) throws(CommandFailure) -> String {
    let canonical = try futurePath(path)
    for (place, name) in [(backing, "backing directory"), (mountpoint, "mountpoint")] where contains(place, canonical) {
      throw CommandFailure(.stateDirectory, "state directory \(canonical) is inside the \(name) \(place)")
    }
    let existing = existingAncestor(canonical)
    do throws(Errno) {
      guard try Files.facts(existing).isDirectory else { throw .notDirectory }
      try Files.checkAccess(existing, R_OK | W_OK | X_OK)
      if existing == canonical, try Files.facts(existing).owner != getuid() { throw .notPermitted }
    } catch {
      let reason =
        switch error {
        case .notDirectory: "\(existing) is not a directory"
        case .notPermitted: "it belongs to another user"
        default: "\(existing): \(error.message)"
        }
      throw CommandFailure(.stateDirectory, "state directory \(canonical) cannot be used: \(reason)")
    }
    return canonical
  }

  static func checkSpace(_ stateDirectory: String, requested: Int?) throws(CommandFailure) -> JournalSize {
    let available: Int
    do throws(Errno) {
      available = try Files.bytesAvailable(existingAncestor(stateDirectory))
    } catch {
      throw CommandFailure(.stateDirectory, "state directory \(stateDirectory): \(error.message)")
    }
    return try JournalSize.decide(
      requested: requested, available: available, existing: StateDirectory.bytesUsed(stateDirectory), directory: stateDirectory)
  }

  /// Whether a directory is `path` or above it, by name or (another mount of the same place) by identity.
  private static func contains(_ directory: String, _ path: String) -> Bool {
    if PathText.isInside(path, directory) { return true }
    guard let identity = (try? Files.facts(directory))?.identity else { return false }
    return PathText.ancestors(path).contains { (try? Files.facts($0))?.identity == identity }
  }

  /// The nearest directory above an absolute path, or the path itself, that exists.
  private static func existingAncestor(_ path: String) -> String {
    PathText.ancestors(path).first { (try? Files.facts($0)) != nil } ?? "/"
  }

  /// The canonical path of something that may not exist yet.
  private static func futurePath(_ path: String) throws(CommandFailure) -> String {
    if let canonical = try? Files.canonicalPath(path) { return canonical }
    let parent = PathText.parent(path)
    guard parent != path, ![".", ".."].contains(PathText.name(path)) else {
      throw CommandFailure(.stateDirectory, "state directory \(path) cannot be found: \(Errno.current.message)")
    }
    return PathText.joined(try futurePath(parent), PathText.name(path))
  }
}
