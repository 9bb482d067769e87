import Control
import FilesystemModel
import Glibc
import Policies
import WriteAheadLog

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
  var rules = RuleList()
  /// Whether the mount of a daemon of the same backing directory that died is still on the mountpoint, to be taken away first.
  var hasDeadMount = false

  /// With what was found out for options that were not given.
  var effectiveOptions: MountOptions {
    var result = options
    result.stateDirectory = stateDirectory
    result.journalSize = journalSize.capacity
    result.allowOther = options.allowOther || Processes.isRoot
    return result
  }
}

/// Finds out, without changing anything, whether a mount can be made. Each function throws one line for the operator.
enum MountValidation {
  static func check(_ request: MountRequest) throws(CommandFailure) -> ValidMount {
    let backing = try checkBacking(request.backing)
    let mounts = (try? MountTable.current()) ?? []
    let mountpoint = try checkMountpoint(request.mountpoint, backing: backing, mounts: mounts)
    try checkSeparation(backing: backing, mountpoint: mountpoint.path)
    let wanted = if let given = request.options.stateDirectory { given } else { try StateDirectory.defaultPath(backing: backing) }
    let stateDirectory = try checkStateDirectory(wanted, backing: backing, mountpoint: mountpoint.path)
    let size = try checkSpace(stateDirectory, requested: request.options.journalSize)
    try checkKernelWriteback(request.options)
    try request.options.log.check()
    try checkLimits(request.options, size)
    try checkRetention(request.options.retention, size)
    var mount = ValidMount(
      backing: backing, mountpoint: mountpoint.path, stateDirectory: stateDirectory, journalSize: size, options: request.options,
      hasDeadMount: mountpoint.hasDeadMount)
    if let path = request.options.rulesFile {
      mount.options.rulesFile = try checkRulesFile(path, mountpoint: mountpoint.path)
      mount.rules = try RulesFile.read(path)
    }
    return mount
  }

  /// The canonical path of a rules file that the daemon can read while it serves the mount.
  private static func checkRulesFile(_ path: String, mountpoint: String) throws(CommandFailure) -> String {
    do throws(Errno) {
      let canonical = try Files.canonicalPath(path)
      guard !PathText.isInside(canonical, mountpoint) else { throw .busy }
      return canonical
    } catch {
      let reason = error == .busy ? "is inside the mountpoint" : error.message
      throw CommandFailure(.usage, "rules file \(path): \(reason)")
    }
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

  /// The canonical path of a mountpoint that exists and on which nothing is mounted, or only what a daemon of this backing
  /// directory that died has left.
  static func checkMountpoint(
    _ path: String, backing: String, mounts: [MountEntry], isDead: (String) -> Bool = isDeadMount
  ) throws(CommandFailure) -> (path: String, hasDeadMount: Bool) {
    do throws(Errno) {
      let canonical = try Files.canonicalPath(path)
      guard let mount = mounts.last(where: { $0.mountpoint == canonical }) else {
        guard try Files.facts(canonical).isDirectory else { throw .notDirectory }
        return (canonical, false)
      }
      let isOurs = mount.type == MountTable.ownType && mount.source == backing
      if isOurs, isDead(canonical) { return (canonical, true) }
      throw Errno.busy
    } catch {
      throw CommandFailure(.mountpoint, "mountpoint \(path) \(reason(error, path, mounts))")
    }
  }

  private static func reason(_ error: Errno, _ path: String, _ mounts: [MountEntry]) -> String {
    switch error {
    case .noEntry: return "does not exist"
    case .notDirectory: return "is not a directory"
    case .busy:
      let mount = (try? Files.canonicalPath(path)).flatMap { canonical in mounts.last { $0.mountpoint == canonical } }
      return "is mounted already" + (mount.map { ": \($0.source), type \($0.type)" } ?? "")
    default: return "cannot be used: \(error.message)"
    }
  }

  /// Whether nobody serves the mount at a canonical path any more. Attributes are no sign of life: the kernel answers them
  /// itself.
  static func isDeadMount(_ path: String) -> Bool {
    // A process that was just killed is still there for a moment.
    let patience = Monotonic.milliseconds() + 500
    while Registry.host.entry(mountpoint: path) != nil {
      if Monotonic.milliseconds() > patience { return false }
      Monotonic.sleep(milliseconds: 20)
    }
    do throws(Errno) {
      _ = try Files.bytesAvailable(path)
      return false
    } catch {
      // The others where the connection ends while the kernel waits for the answer, the last over io_uring.
      return [.notConnected, .connectionAborted, .canceled].contains(error)
    }
  }

  /// Neither may contain the other: a mount in the backing directory would be written back into itself, one above it would hide
  /// it.
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

  private static func checkLimits(_ options: MountOptions, _ size: JournalSize) throws(CommandFailure) {
    let (background, limit) = (options.dirtyBackground, options.dirtyLimit)
    guard background.bytes(ofCapacity: size.capacity) < limit.bytes(ofCapacity: size.capacity) else {
      throw CommandFailure(
        .usage,
        "dirty_background=\(OptionValues.shareText(background)) is not below dirty_limit=\(OptionValues.shareText(limit)) "
          + "with a journal of \(Quantity.size(size.capacity))")
    }
  }

  /// What the kernel acknowledges in our place cannot be in the journal or the backing directory by then.
  private static func checkKernelWriteback(_ options: MountOptions) throws(CommandFailure) {
    guard options.kernelWriteback else { return }
    var promises: [String] = []
    if options.durability == .always { promises.append("durability=always") }
    if options.mode != .writeBack { promises.append("mode=\(options.mode.rawValue)") }
    if options.isShared { promises.append("backing=shared") }
    guard let promise = promises.first else { return }
    throw CommandFailure(
      .usage, "option kernel_writeback breaks what \(promise) promises: ebbfs sees writes only later; leave one of them out")
  }

  /// Only whole segments are kept: less than one would be none.
  static func checkRetention(_ retention: Retention, _ size: JournalSize) throws(CommandFailure) {
    guard case .bytes(1..<size.segmentBytes) = retention, case .bytes(let bytes) = retention else { return }
    throw CommandFailure(
      .usage,
      "option retain=\(OptionValues.sizeText(bytes)) would keep nothing: segments of this journal have "
        + OptionValues.sizeText(size.segmentBytes))
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
