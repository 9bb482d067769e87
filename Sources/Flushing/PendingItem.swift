import FilesystemModel

/// A change of names that is not in the backing directory yet: one node of the `PendingGraph`.
package struct PendingItem: Hashable, Sendable {
  /// Who the item is: its record, and for an exchange the stage. An item that was folded has the key of the latest of its
  /// records.
  package let key: Stage
  /// Never `writeContents`.
  package internal(set) var kind: PhysicalAction.Kind
  package internal(set) var inode: InodeNumber
  package internal(set) var fileKind: FileKind
  /// The name that goes: of a removal or a rename.
  package internal(set) var source: Location?
  /// The name that comes: of a creation, a link or a rename.
  package internal(set) var target: Location?
  /// Who has `target` in the backing directory and loses it.
  package internal(set) var replaced: InodeNumber?
  package internal(set) var replacedKind: FileKind?
  /// The namespace records that are written back with this item.
  package internal(set) var completes: [Stage]
  /// Contents that need no write-back any more once this item is written back: their inode lost its last name with it (R17).
  package internal(set) var discards: [ContentsCompletion]
  /// The record of the exchange that this item is a stage of.
  package internal(set) var exchange: LSN?
  /// Whether a directory is moved, by this rename or by the exchange that it is a stage of.
  package internal(set) var movesDirectory: Bool
  /// Both names of an exchange, claimed by all of its stages (R10).
  package internal(set) var claimedNames: [Location]
  /// Both inodes of an exchange, claimed by all of its stages (R10).
  package internal(set) var claimedInodes: [InodeNumber]
  /// The items that must be in the backing directory, durably, before this one.
  package internal(set) var dependencies: Set<Stage> = []
  /// Whether the item is an action of an open plan: then it is never rewritten (R3).
  package internal(set) var isPlanned = false
  /// Never less than that of an item that waits for this one.
  package internal(set) var urgency = Urgency.normal
  /// Whether the item is a dead letter: then it is in no further plan.
  package internal(set) var isParked = false
  /// Uptime when the first of its records entered, in milliseconds.
  package internal(set) var firstMilliseconds = 0
  /// Uptime when the last of its records entered, in milliseconds.
  package internal(set) var lastMilliseconds = 0

  init(
    key: Stage, kind: PhysicalAction.Kind, inode: InodeNumber, fileKind: FileKind, source: Location? = nil,
    target: Location? = nil, replaced: InodeNumber? = nil, replacedKind: FileKind? = nil, completes: [Stage],
    discards: [ContentsCompletion] = [], exchange: LSN? = nil, movesDirectory: Bool = false, claimedNames: [Location] = [],
    claimedInodes: [InodeNumber] = []
  ) {
    self.key = key
    self.kind = kind
    self.inode = inode
    self.fileKind = fileKind
    self.source = source
    self.target = target
    self.replaced = replaced
    self.replacedKind = replacedKind
    self.completes = completes
    self.discards = discards
    self.exchange = exchange
    self.movesDirectory = movesDirectory
    self.claimedNames = claimedNames
    self.claimedInodes = claimedInodes
  }

  /// The oldest record that is written back with this item.
  package var firstLSN: LSN { completes.reduce(key.lsn) { min($0, $1.lsn) } }

  /// Whether the item can be carried out once it waits for no other.
  var canBePlanned: Bool { !isPlanned && !isParked }

  /// The item as an action; of a link without the name that the inode has.
  package var action: PhysicalAction {
    PhysicalAction(
      kind: kind, inode: inode, fileKind: fileKind, source: source, target: target, replaced: replaced, completes: completes)
  }

  /// Whether an action was this item.
  func isSame(as other: PhysicalAction) -> Bool {
    var other = other
    if other.kind == .link { other.source = nil }
    other.contentsThrough = nil
    return other == action
  }

  /// Whether a directory gets another parent, or may get one on the way.
  var reparentsDirectory: Bool {
    kind == .rename && movesDirectory && (exchange != nil || source?.parent != target?.parent)
  }

  /// The change that it is, or is a stage of.
  package var change: Stage { exchange.map { Stage($0) } ?? key }

  /// All names that the item touches or claims, each once, ascending.
  var names: [Location] { distinct(source, target, claimedNames) }

  /// All inodes that the item moves, names, replaces or claims, each once, ascending.
  var inodes: [InodeNumber] { distinct(inode, replaced, claimedInodes) }

  /// The directories whose entries the item changes, each once, ascending.
  var parents: [InodeNumber] { distinct(source?.parent, target?.parent, []) }

  /// The directory that is gone afterwards: it must be empty before.
  var removedDirectory: InodeNumber? {
    switch kind {
    case .removeDirectory: inode
    case .rename where fileKind == .directory: replaced
    default: nil
    }
  }

  /// Asked for with every change: one or two values, which are all but those of an exchange, make one array.
  private func distinct<Value: Comparable>(_ first: Value?, _ second: Value?, _ others: [Value]) -> [Value] {
    guard others.isEmpty else {
      var result: [Value] = []
      for value in ([first, second].compactMap(\.self) + others).sorted() where value != result.last { result.append(value) }
      return result
    }
    guard let first, let second, first != second else { return (first ?? second).map { [$0] } ?? [] }
    return first < second ? [first, second] : [second, first]
  }
}
