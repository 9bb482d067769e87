import FilesystemModel

/// What planning must know of the world outside the queue. Asked only inside `WritebackQueue` calls that take it, under the
/// engine's lock, and must not call back.
package protocol PlanningWorld {
  /// A name that the inode has in the backing directory now; `nil` when it is not there. Not asked of the root.
  func backingLocation(of inode: InodeNumber) -> Location?
  /// The directories above a directory, along backing locations, nearest first, the root last. Empty for the root.
  /// `nil` when the directory is not in the backing directory.
  func ancestors(of directory: InodeNumber) -> [InodeNumber]?
  /// The changes of contents that a seal would take now; `nil` when there are none.
  func contents(of inode: InodeNumber) -> PendingContents?
  /// Whether the link count tells of names that are not known: then contents are written before the last known name goes (R16).
  func hasUnknownNames(_ inode: InodeNumber) -> Bool
}

/// An inode's changes of data and attributes that are not written back and not sealed.
package struct PendingContents: Hashable, Sendable {
  package var firstLSN: LSN
  package var lastLSN: LSN
  /// How much is to be written.
  package var bytes: Int

  package init(firstLSN: LSN, lastLSN: LSN, bytes: Int) {
    self.firstLSN = firstLSN
    self.lastLSN = lastLSN
    self.bytes = bytes
  }
}

/// A batch that can be carried out now: disjoint in names and inodes from itself and from all open plans (R8).
///
/// The engine seals the contents that the actions name, appends the INTENT record with `actions`, and tells
/// `WritebackQueue.opened` its LSN, all under one hold of its lock; else the proposal is void.
package struct PlanProposal: Hashable, Sendable {
  /// In an order that works when carried out one after the other: a directory's creation before those inside it.
  package var actions: [PhysicalAction]
  /// The pending item of each action; `nil` for `writeContents`.
  package var items: [Stage?]
  /// Whether the action creates something in a directory that an earlier action of the plan creates (R23).
  package var isInsideNewDirectory: [Bool]
  /// How much data the actions write.
  package var bytes: Int

  package init(actions: [PhysicalAction] = [], items: [Stage?] = [], isInsideNewDirectory: [Bool] = [], bytes: Int = 0) {
    self.actions = actions
    self.items = items
    self.isInsideNewDirectory = isInsideNewDirectory
    self.bytes = bytes
  }
}

/// When and how much is written back at once.
package struct WritebackSettings: Hashable, Sendable {
  /// A change waits this long for further ones, counted from the last.
  package var delayMilliseconds: Int
  /// No change waits longer than this, counted from the first (P6).
  package var deadlineMilliseconds: Int
  package var batchOperations: Int
  package var batchBytes: Int
  package var retry: RetryPolicy

  package init(
    delayMilliseconds: Int = 5_000, deadlineMilliseconds: Int = 30_000, batchOperations: Int = 64, batchBytes: Int = 32 << 20,
    retry: RetryPolicy = RetryPolicy()
  ) {
    self.delayMilliseconds = delayMilliseconds
    self.deadlineMilliseconds = deadlineMilliseconds
    self.batchOperations = batchOperations
    self.batchBytes = batchBytes
    self.retry = retry
  }
}
