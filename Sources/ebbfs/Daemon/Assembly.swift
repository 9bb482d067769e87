import FilesystemModel

/// Builds the mounted filesystem out of journal, engine, backing directory and FUSE session.
enum Assembly {
  /// Opens or makes the journal, recovers, and mounts; requests wait until `serve`.
  ///
  /// Throws `journal`, `backingDirectory` or `mount` with one line; nothing is mounted then.
  static func assemble(_ mount: ValidMount) throws(CommandFailure) -> any MountedFilesystem {
    throw CommandFailure(.failed, "not assembled")
  }
}
