import CLinux
import FilesystemModel
import StorageInterface

// SAFETY: every C call gets arrays that live for the call, with their own length or a NUL at their end, and local structures to
// fill.

extension PosixBackingStorage {
  package func make(
    _ path: BackingPath, kind: FileKind, permissions: UInt16, device: UInt64, target: [UInt8]
  ) throws(Errno) {
    try withAccess(to: path) { () throws(Errno) in
      let parent = try newName(path)
      let directory = parent.directory.descriptor.number
      switch kind {
      case .directory: try checked(unsafe linux_make_directory(directory, parent.name, UInt32(permissions)))
      case .symlink: try checked(unsafe linux_make_symlink(target + [0], directory, parent.name))
      default:
        try checked(unsafe linux_make_node(directory, parent.name, kind.mode | UInt32(permissions), device))
      }
    }
  }

  package func link(_ path: BackingPath, to target: BackingPath) throws(Errno) {
    try withAccess(to: path, target) { () throws(Errno) in
      let from = try root.parent(of: path)
      let to = try newName(target)
      try checked(unsafe linux_link(from.directory.descriptor.number, from.name, to.directory.descriptor.number, to.name))
    }
  }

  package func removeFile(_ path: BackingPath) throws(Errno) {
    try withAccess(to: path) { () throws(Errno) in
      let parent = try root.parent(of: path)
      try checked(unsafe linux_remove_file(parent.directory.descriptor.number, parent.name))
    }
  }

  package func removeDirectory(_ path: BackingPath) throws(Errno) {
    try withAccess(to: path) { () throws(Errno) in
      let parent = try root.parent(of: path)
      try checked(unsafe linux_remove_directory(parent.directory.descriptor.number, parent.name))
      root.held?.forget(path.components)
    }
  }

  package func rename(_ source: BackingPath, to target: BackingPath, replacing: Bool) throws(Errno) {
    // A directory that gets another parent must itself be writable, for its `..`.
    try withAccess(to: source, target, reach: .entry) { () throws(Errno) in
      let from = try root.parent(of: source)
      let to = try root.parent(of: target)
      defer { for path in [source, target] { root.held?.forget(path.components) } }
      if !replacing {
        guard try !renameWithoutReplacing(from, to: to) else { return }
        try checkAbsence(of: to)
      }
      try checked(unsafe linux_rename(from.directory.descriptor.number, from.name, to.directory.descriptor.number, to.name))
    }
  }

  /// False when the filesystem does not know RENAME_NOREPLACE. `invalidArgument` tells that, and also a directory that shall go
  /// into itself, for which the plain rename gives it again.
  private func renameWithoutReplacing(_ source: Parent, to target: Parent) throws(Errno) -> Bool {
    guard root.features.hasNoReplace else { return false }
    let result = unsafe linux_rename_no_replace(
      source.directory.descriptor.number, source.name, target.directory.descriptor.number, target.name)
    if result == -Errno.invalidArgument.rawValue || result == -Errno.notImplemented.rawValue { return false }
    try checked(result)
    return true
  }

  /// Where a name is to be made. The root's own name is taken.
  private func newName(_ path: BackingPath) throws(Errno) -> Parent {
    guard !path.components.isEmpty else { throw .exists }
    return try root.parent(of: path)
  }

  private func checkAbsence(of target: Parent) throws(Errno) {
    do {
      _ = try target.directory.descriptor.status(of: target.name)
    } catch {
      guard error == .noEntry else { throw error }
      return
    }
    throw .exists
  }

  package func list(_ path: BackingPath) throws(Errno) -> [BackingEntry] {
    let directory = try openDirectory(path)
    var entries: [BackingEntry] = []
    try directory.forEachEntry { (record) throws(Errno) in
      if let entry = try entry(record, in: directory) { entries.append(entry) }
    }
    return entries
  }

  /// For reading its names, without changing its access time where that is permitted.
  private func openDirectory(_ path: BackingPath) throws(Errno) -> Descriptor {
    let flags = linux_o_read_only | linux_o_directory
    do {
      return try root.open(path.components, flags: flags | linux_o_no_access_time)
    } catch {
      guard error == .notPermitted else { throw error }
      return try root.open(path.components, flags: flags)
    }
  }

  /// `nil` for an entry that was removed before its type could be asked for.
  private func entry(_ record: DirectoryRecord, in directory: borrowing Descriptor) throws(Errno) -> BackingEntry? {
    let name: EntryName
    do { name = try EntryName(validating: record.name) } catch {
      // A sick filesystem: a name that no system call could have made.
      throw error == .nameTooLong ? error : .inputOutput
    }
    if let kind = FileKind(entryType: record.type) { return BackingEntry(name: name, kind: kind) }
    do {
      return BackingEntry(name: name, kind: try FileKind(mode: directory.status(of: name.terminated).mode))
    } catch {
      guard error == .noEntry else { throw error }
      return nil
    }
  }
}
