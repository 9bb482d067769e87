import FilesystemModel

/// Times of directories whose changed entries have all cancelled each other: there is nothing that they would follow in the
/// backing directory. Idle, they stay in the journal and on the mount, and are no work: nobody waits for them and they grow no
/// older. They are written with the next entry that changes, or when they are asked for by name.
extension WritebackQueue {
  /// The directories with idle times, in no order.
  package var idleDirectories: Set<InodeNumber> { contents.idle }

  /// Makes all idle times due at once: the mount ends, or the journal needs the room of their records.
  package mutating func pressIdleTimes() {
    for directory in contents.idle { pressContents(of: directory) }
  }

  /// Entries of directories were changed by a record, and what that cancels is gone.
  mutating func settleTimes(of directories: some Sequence<InodeNumber>, lsn: LSN, nowMilliseconds now: Int) {
    for directory in directories {
      guard var dirty = contents[directory] else { continue }
      let isInBacking = graph.creation(of: directory) == nil
      let isIdle = hasIdleTimes && !dirty.mustBeWritten && isInBacking && !graph.hasPending(parent: directory)
      guard isIdle != dirty.isIdle else { continue }
      attach(directory)
      dirty.isIdle = isIdle
      if !isIdle { (dirty.firstLSN, dirty.firstMilliseconds) = (lsn, now) }
      contents[directory] = dirty
      detach(directory)
    }
  }

  /// An entry was changed in the backing directory, too: the times of its directory follow.
  mutating func timesFollow(_ action: PhysicalAction) {
    for directory in [action.source?.parent, action.target?.parent].compactMap(\.self) {
      contents[directory]?.mustBeWritten = true
    }
  }
}
