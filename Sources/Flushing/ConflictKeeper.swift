import FilesystemModel
import StorageInterface

/// Keeps what somebody else has put into the backing directory beside what is about to take its place (P5).
///
/// Every method may be cut short anywhere and done again: nothing of theirs is removed before it is durable under another name.
/// May hang as long as the backing directory does. The caller sees to it that nobody moves the directories on the way.
package struct ConflictKeeper: Sendable {
  private let storage: any BackingStorage
  /// The hidden name of an unfinished copy, one for each inode.
  private let temporaryName: EntryName
  private let chunkBytes: Int
  /// How many names are tried.
  private static let attemptsMax = 100

  package init(storage: any BackingStorage, temporaryName: EntryName, chunkBytes: Int = 1 << 20) {
    self.storage = storage
    self.temporaryName = temporaryName
    self.chunkBytes = chunkBytes
  }

  /// Moves theirs to the name beside it, durably.
  ///
  /// - Returns: its new name.
  package func setAside(_ path: BackingPath, _ status: BackingStatus) throws(Errno) -> EntryName {
    let name = try tryNames(path, status) { (beside, _) throws(Errno) in
      try storage.rename(path, to: beside, replacing: false)
    }
    try storage.synchronizeDirectory(path.parent)
    return name
  }

  /// Gives theirs a further name beside it, durably; a copy where there are no hard links.
  ///
  /// - Returns: the name.
  package func link(_ path: BackingPath, _ status: BackingStatus) throws(Errno) -> EntryName {
    guard storage.abilities.supportsHardLinks else { return try copy(path, status) }
    let name: EntryName
    do {
      name = try tryNames(path, status) { (beside, present) throws(Errno) in
        if let present, storage.abilities.hasStableInodes, present.identity.isSameFile(as: status.identity) { return }
        try storage.link(path, to: beside)
      }
    } catch {
      if error == .tooManyLinks || error == .notPermitted || error == .notSupported { return try copy(path, status) }
      throw error
    }
    try storage.synchronizeDirectory(path.parent)
    return name
  }

  /// Copies a regular file of theirs, with its attributes, durably.
  ///
  /// - Returns: the name of the copy.
  /// - Throws: `again` when the file is being written to meanwhile.
  package func copy(_ path: BackingPath, _ status: BackingStatus) throws(Errno) -> EntryName {
    guard status.attributes.kind == .regular else { return try copyOther(path, status) }
    let temporary = path.parent.appending(temporaryName)
    try writeCopy(of: path, status, to: temporary)
    let name = try tryNames(path, status) { (beside, present) throws(Errno) in
      if let present, present.known.version == status.known.version, present.attributes.kind == .regular {
        return try storage.removeFile(temporary)
      }
      try storage.rename(temporary, to: beside, replacing: false)
    }
    try storage.synchronizeDirectory(path.parent)
    return name
  }

  /// Moves all entries of a directory of ours that is to go into a new directory beside it, durably.
  ///
  /// - Returns: the new directory's name.
  package func moveEntries(of path: BackingPath, _ status: BackingStatus) throws(Errno) -> EntryName {
    let entries = try storage.list(path)
    let name = try tryNames(path, status) { (beside, _) throws(Errno) in
      try storage.make(beside, kind: .directory, device: 0, target: [])
    }
    let beside = path.parent.appending(name)
    try storage.setAttributes(
      beside, kind: .directory,
      AttributeChange(
        permissions: status.attributes.permissions,
        owner: storage.abilities.isPrivileged ? status.attributes.owner : nil,
        group: storage.abilities.isPrivileged ? status.attributes.group : nil))
    for entry in entries {
      try storage.rename(path.appending(entry.name), to: beside.appending(entry.name), replacing: false)
    }
    // The new places first: after a power cut between the two an entry is rather in both than in none.
    try storage.synchronizeDirectory(beside)
    try storage.synchronizeDirectory(path.parent)
    try storage.synchronizeDirectory(path)
    return name
  }

  /// Tries names beside `path` until one is free, or is found by `body` to be what it is to be already.
  private func tryNames(
    _ path: BackingPath, _ status: BackingStatus, _ body: (BackingPath, BackingStatus?) throws(Errno) -> Void
  ) throws(Errno) -> EntryName {
    guard let own = path.components.last else { throw .busy }
    for attempt in 1...Self.attemptsMax {
      let name = own.ofConflict(
        at: status.attributes.modified, attempt: attempt, bytesMax: storage.abilities.nameBytesMax)
      let beside = path.parent.appending(name)
      do throws(Errno) {
        try body(beside, try storage.statusIfThere(beside))
        return name
      } catch {
        if error != .exists { throw error }
      }
    }
    throw .exists
  }

  private func writeCopy(of path: BackingPath, _ status: BackingStatus, to temporary: BackingPath) throws(Errno) {
    let details = try storage.details(path)
    let source = try storage.open(path, writable: false)
    let copy = try openEmpty(temporary)
    var offset = 0
    while offset < status.attributes.size {
      let bytes = try source.read(at: offset, count: min(chunkBytes, status.attributes.size - offset))
      guard !bytes.isEmpty else { throw .again }
      try copy.write(bytes, at: offset)
      offset += bytes.count
    }
    for attribute in details.extendedAttributes {
      // What only the filesystem itself may set stays where it is.
      try? copy.setExtendedAttribute(ExtendedAttributeChange(name: attribute.name, value: attribute.value))
    }
    let attributes = status.attributes
    let isPrivileged = storage.abilities.isPrivileged
    try copy.setAttributes(
      AttributeChange(
        permissions: attributes.permissions, owner: isPrivileged ? attributes.owner : nil,
        group: isPrivileged ? attributes.group : nil, accessed: attributes.accessed, modified: attributes.modified))
    try copy.synchronize()
    guard try isUnchanged(source.status(), status), try isUnchanged(storage.status(path), status) else { throw .again }
  }

  private func isUnchanged(_ now: BackingStatus, _ before: BackingStatus) -> Bool {
    now.known.version == before.known.version
      && (now.identity.isSameFile(as: before.identity) || !storage.abilities.hasStableInodes)
  }

  /// An unfinished copy of an earlier attempt is written anew.
  private func openEmpty(_ temporary: BackingPath) throws(Errno) -> any BackingFile {
    do throws(Errno) {
      return try storage.createFile(temporary)
    } catch {
      guard error == .exists else { throw error }
      let file = try storage.open(temporary, writable: true)
      try file.resize(0)
      return file
    }
  }

  /// A symbolic link, fifo or device file is made anew.
  private func copyOther(_ path: BackingPath, _ status: BackingStatus) throws(Errno) -> EntryName {
    let details = try storage.details(path)
    let name = try tryNames(path, status) { (beside, _) throws(Errno) in
      try storage.make(beside, kind: status.attributes.kind, device: status.attributes.device, target: details.target)
    }
    try storage.synchronizeDirectory(path.parent)
    return name
  }
}

extension BackingPath {
  /// The directory that a path's last name is in.
  package var parent: BackingPath { BackingPath(Array(components.dropLast())) }
}
