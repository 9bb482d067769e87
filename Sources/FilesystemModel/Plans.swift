/// One action of a write-back plan on the backing directory, as its INTENT record keeps it: redone verbatim after a crash.
package struct PhysicalAction: Hashable, Sendable {
  /// Raw values are written to the journal.
  package enum Kind: UInt8, Sendable, CaseIterable {
    /// Make the inode at `target`, with all contents through `contentsThrough`.
    case create = 1
    /// Give the inode the further name `target`; `source` is a name it has.
    case link = 2
    case removeFile = 3
    case removeDirectory = 4
    /// Move `source` to `target`, over `replaced` when there is one.
    case rename = 5
    /// Write data, size, attributes and extended attributes of an inode that is in the backing directory.
    case writeContents = 6
  }

  package var kind: Kind
  package var inode: InodeNumber
  package var fileKind: FileKind
  package var source: Location?
  package var target: Location?
  package var replaced: InodeNumber?
  /// The namespace records that are written back with this action.
  package var completes: [Stage]
  /// The inode's data and attributes are written back through this record, superseded ones included (R17).
  package var contentsThrough: LSN?

  /// Whether a name goes and nothing comes in its place.
  package var isRemoval: Bool { kind == .removeFile || kind == .removeDirectory }
  /// Whether a name of an inode that is there comes, goes or moves.
  package var movesNames: Bool { kind != .create && kind != .writeContents }

  package init(
    kind: Kind, inode: InodeNumber, fileKind: FileKind, source: Location? = nil, target: Location? = nil,
    replaced: InodeNumber? = nil, completes: [Stage] = [], contentsThrough: LSN? = nil
  ) {
    self.kind = kind
    self.inode = inode
    self.fileKind = fileKind
    self.source = source
    self.target = target
    self.replaced = replaced
    self.completes = completes
    self.contentsThrough = contentsThrough
  }
}

/// What became of some or all actions of a plan: a DONE record.
package struct PlanOutcome: Hashable, Sendable {
  /// The LSN of the plan's INTENT record; zero when records completed without one (cancelled, dropped with the last name).
  package var plan: LSN
  /// Indexes of actions that are in the backing directory and synced there.
  package var completedActions: [Int]
  /// Indexes of actions that had no effect and were given back.
  package var abortedActions: [Int]
  /// Namespace records that need no write-back any more.
  package var completes: [Stage]
  /// Inodes whose contents need no write-back any more, through the given record.
  package var contents: [ContentsCompletion]
  /// Where the touched inodes are now: all their names in the backing directory.
  package var bindings: [Binding]

  package init(
    plan: LSN, completedActions: [Int] = [], abortedActions: [Int] = [], completes: [Stage] = [],
    contents: [ContentsCompletion] = [], bindings: [Binding] = []
  ) {
    self.plan = plan
    self.completedActions = completedActions
    self.abortedActions = abortedActions
    self.completes = completes
    self.contents = contents
    self.bindings = bindings
  }
}

/// All of an inode's data and attribute records through `lsn` are written back or superseded.
package struct ContentsCompletion: Hashable, Sendable {
  package var inode: InodeNumber
  package var through: LSN

  package init(inode: InodeNumber, through: LSN) {
    self.inode = inode
    self.through = through
  }
}
