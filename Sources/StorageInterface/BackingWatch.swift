import FilesystemModel

/// Something that others, or this daemon, did in a directory that is watched.
package enum BackingEvent: Hashable, Sendable {
  /// The entry came, went, or the file behind it was changed.
  case entry(EntryName, in: InodeNumber)
  /// The watch has ended: the directory is gone.
  case ended(InodeNumber)
  /// Events were lost: anything may have happened.
  case overflow
}

/// Tells of what happens in directories, as far as the kernel of this machine sees it.
package protocol BackingWatch: AnyObject, Sendable {
  /// Watches a directory from now on. What happened before is not told.
  ///
  /// - Parameter directory: What its events name. A directory that is watched already gets the new name.
  func add(_ path: BackingPath, as directory: InodeNumber) throws(Errno)
}
