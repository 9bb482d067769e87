import FilesystemModel

/// What the pending graph must know of a change and cannot see in its record. True after the change.
package struct ChangeFacts {
  /// The kind of the inode that the change names first.
  package var fileKind: FileKind
  /// The kind of the replaced inode of a rename, or of the other inode of an exchange.
  package var otherKind: FileKind?
  /// The removed or replaced inode has no name left: none in the logical tree, and its link count leaves no room for unknown
  /// names.
  package var losesLastName: Bool
  /// The contents of the inode that lost its last name were discarded through this record, open handles or not; `nil` when there
  /// were none. They complete with the removal.
  package var discardedThrough: LSN?
  /// The record that created the inode without a name (`O_TMPFILE`): a `link` then enters as the creation at its location and
  /// completes both records.
  package var unnamedCreation: LSN?
  /// How many stages of an exchange are durable in the backing directory or belong to an open plan, at recovery: 0, 1 or 2.
  package var stagesDone: Int
  /// How soon the change is to be written back.
  package var urgency: Urgency
  /// Whether a directory is another one or lies below it, in the logical tree: `isBelow(directory, top)`.
  package var isBelow: (_ directory: InodeNumber, _ top: InodeNumber) -> Bool

  package init(
    fileKind: FileKind, otherKind: FileKind? = nil, losesLastName: Bool = false, discardedThrough: LSN? = nil,
    unnamedCreation: LSN? = nil, stagesDone: Int = 0, urgency: Urgency = .normal,
    isBelow: @escaping (_ directory: InodeNumber, _ top: InodeNumber) -> Bool = { _, _ in false }
  ) {
    self.fileKind = fileKind
    self.otherKind = otherKind
    self.losesLastName = losesLastName
    self.discardedThrough = discardedThrough
    self.unnamedCreation = unnamedCreation
    self.stagesDone = stagesDone
    self.urgency = urgency
    self.isBelow = isBelow
  }
}

/// Records that were found to need no write-back any more: the engine appends an outcome (DONE without a plan) that names them.
package struct AddResult: Hashable, Sendable {
  package var completed: [Stage]
  package var contents: [ContentsCompletion]

  package init(completed: [Stage] = [], contents: [ContentsCompletion] = []) {
    self.completed = completed
    self.contents = contents
  }

  package var isEmpty: Bool { completed.isEmpty && contents.isEmpty }
}
