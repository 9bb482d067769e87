import CLinux
import FilesystemModel
import StorageInterface
import Threading

/// Lets a daemon without privileges work on files and directories of its own that their modes protect even from it (R20): they
/// are made accessible for a moment and put back.
///
/// One such moment at a time, and no other change of modes during it: else one moment's end would undo the next one's beginning,
/// or a change of mode that was made meanwhile. A crash in the moment leaves the wider mode, until the attributes are set again.
final class AccessGate: Sendable {
  let user = linux_effective_user()
  private let isTaken = Lock(false)

  var isPrivileged: Bool { user == 0 }

  /// Runs `body` alone among those that change modes.
  func exclusively<Result: ~Copyable>(_ body: () throws(Errno) -> Result) throws(Errno) -> Result {
    let _: Void? = isTaken.wait { isTaken in
      guard !isTaken else { return nil }
      isTaken = true
      return ()
    }
    defer {
      isTaken.withLock { $0 = false }
      isTaken.wakeOne()
    }
    return try body()
  }
}

extension AccessGate {
  /// Runs `body`, alone when it changes modes and others might do so for a moment only.
  func changingModes(when condition: Bool, _ body: () throws(Errno) -> Void) throws(Errno) {
    if condition, !isPrivileged { try exclusively(body) } else { try body() }
  }
}

/// A file or directory that is accessible to its owner until this is released.
final class TemporaryAccess {
  private let descriptor: Descriptor
  private let permissions: UInt32
  private let way: linux_way

  /// Gives the owner the needed permissions; `nil` when they are there already, or the file is not ours. Takes the descriptor.
  init?(_ descriptor: consuming Descriptor, user: UInt32, way: linux_way) {
    guard let status = try? descriptor.status(), status.owner == user else { return nil }
    let needed: UInt32
    switch status.mode & FileKind.modeMask {
    case FileKind.directory.mode: needed = 0o700
    case FileKind.regular.mode: needed = 0o600
    default: return nil
    }
    let permissions = status.mode & 0o7777
    guard permissions & needed != needed, linux_set_mode(descriptor.number, way, permissions | needed) == 0 else { return nil }
    self.descriptor = descriptor
    self.permissions = permissions
    self.way = way
  }

  deinit { linux_set_mode(descriptor.number, way, permissions) }
}

extension PosixBackingStorage {
  /// What a call needs access to, besides the directories on the way.
  enum Reach {
    case parent
    case entry
  }

  /// Runs `body`; when it is refused, and the daemon has no privileges, once more with access to what is its own on the paths.
  /// A body that `changesMode` is run alone from the first attempt.
  func withAccess<Result: ~Copyable>(
    to paths: BackingPath..., reach: Reach = .parent, changesMode: Bool = false, _ body: () throws(Errno) -> Result
  ) throws(Errno) -> Result {
    guard !gate.isPrivileged else { return try body() }
    if !changesMode {
      do throws(Errno) { return try body() } catch { guard error == .accessDenied else { throw error } }
    }
    return try gate.exclusively { () throws(Errno) -> Result in
      do throws(Errno) { return try body() } catch { guard error == .accessDenied else { throw error } }
      var accesses: [TemporaryAccess] = []
      for path in paths { accesses += openUp(path, reach: reach) }
      return try withExtendedLifetime(accesses) { () throws(Errno) -> Result in try body() }
    }
  }

  /// From the root downward, since a directory is found only through those above it.
  private func openUp(_ path: BackingPath, reach: Reach) -> [TemporaryAccess] {
    let depth = reach == .entry ? path.components.count : path.components.count - 1
    var accesses: [TemporaryAccess] = []
    for count in 0...max(depth, 0) {
      guard let descriptor = try? root.open(Array(path.components.prefix(count)), flags: linux_o_path) else { return accesses }
      if let access = TemporaryAccess(descriptor, user: gate.user, way: root.way) { accesses.append(access) }
    }
    return accesses
  }
}
