import FilesystemModel
import StorageInterface
import Support

@testable import Flushing

/// Why a walk failed.
struct WalkFailure: Error, CustomStringConvertible {
  var description: String
}

/// The smallest engine around a real `WritebackQueue` and `PlanExecutor`: journal in memory, logical tree, backing locations.
final class WalkMachine {
  enum Record {
    case names(NamespaceChange)
    case content(InodeNumber, WalkContent)
    case intent([PhysicalAction])
    case done(PlanOutcome)
  }

  struct DirtyChange {
    var lsn: LSN
    var change: WalkContent
  }

  struct OpenPlan {
    var lsn: LSN
    var actions: [ExecutableAction]
    /// What each action writes.
    var sealed: [[DirtyChange]]
    var isRedo: Bool
    var aborted: [Int] = []
    /// Whether its DONE record is appended and waits to be durable.
    var isDone = false
  }

  let rules: ProtocolRules
  let storage: SimulatedBackingStorage
  let firstBindings: [InodeNumber: Set<Location>]
  var records: [Record] = []
  /// How many records are durable.
  var durableCount = 0
  /// The logical tree before the first record and after each.
  var history: [LogicalTree]
  var tree: LogicalTree { history.last! }
  var bindings: [InodeNumber: Set<Location>]
  var born: [InodeNumber: NewInode] = [:]
  var dirty: [InodeNumber: [DirtyChange]] = [:]
  var queue: WritebackQueue
  var plans: [OpenPlan] = []
  var nextInode = InodeNumber(10)
  var now = 0
  var transcript: [String] = []

  var nextLSN: LSN { LSN(UInt64(records.count) + 1) }

  /// a = 'A', b = 'BB', d/x = 'X'; with a hard link also h = a.
  init(
    rules: ProtocolRules, hardLink: Bool = false, abilities: BackingAbilities = BackingAbilities(), renamesAreAtomic: Bool = true
  )
    throws(Errno)
  {
    self.rules = rules
    storage = SimulatedBackingStorage(
      clock: SimulatedClock(), options: .init(abilities: abilities, renamesAreAtomic: renamesAreAtomic))
    var tree = LogicalTree()
    tree.nodes[.root] = .init(kind: .directory, permissions: 0o755)
    let bystander = storage.bystander
    func file(_ number: UInt64, _ parent: InodeNumber, _ name: EntryName, _ path: BackingPath, _ text: String) throws(Errno) {
      let inode = InodeNumber(number)
      tree.nodes[inode] = .init(kind: .regular, bytes: Array(text.utf8), permissions: 0o600)
      tree.entries[Location(parent, name)] = inode
      let file = try bystander.createFile(path)
      try file.write(Array(text.utf8), at: 0)
      try file.synchronize()
    }
    try file(2, .root, "a", "a", "A")
    try file(3, .root, "b", "b", "BB")
    tree.nodes[InodeNumber(4)] = .init(kind: .directory, permissions: 0o700)
    tree.entries[Location(.root, "d")] = InodeNumber(4)
    try bystander.make("d", kind: .directory, device: 0, target: [])
    try file(5, InodeNumber(4), "x", "d/x", "X")
    if hardLink {
      tree.entries[Location(.root, "h")] = InodeNumber(2)
      try bystander.link("a", to: "h")
    }
    for directory: BackingPath in ["d", .root] { try bystander.synchronize(directory) }
    history = [tree]
    firstBindings = Dictionary(grouping: tree.entries.keys) { tree.entries[$0]! }.mapValues { Set($0) }
    bindings = firstBindings
    queue = Self.emptyQueue(rules)
  }

  static func emptyQueue(_ rules: ProtocolRules) -> WritebackQueue {
    WritebackQueue(
      rules: rules, settings: WritebackSettings(delayMilliseconds: 0, deadlineMilliseconds: 0, batchOperations: 4),
      temporaryName: { EntryName(unchecked: Array(".e\($0.rawValue)".utf8)) })
  }

  /// Appends a record that does not change what the mount shows.
  @discardableResult
  func append(_ record: Record) -> LSN {
    records.append(record)
    history.append(tree)
    return LSN(UInt64(records.count))
  }

  /// Carries out a call; `false` when it fails, as it would on the mount.
  func call(_ call: WalkCall) -> Bool {
    guard let change = call.change(in: tree, newInode: nextInode, tag: UInt8(truncatingIfNeeded: records.count + 48)) else {
      return false
    }
    transcript.append("\(nextLSN.rawValue): \(call)")
    now += 1
    switch change {
    case .names(let change):
      if case .create(let inode, _) = change {
        nextInode = nextInode.next
        born[inode.number] = inode
      }
      let lsn = append(.names(change))
      history[history.count - 1].apply(change)
      enter(change, lsn: lsn, tree: tree)
    case .content(let inode, let change):
      let lsn = append(.content(inode, change))
      history[history.count - 1].apply(change, to: inode)
      enter(change, of: inode, lsn: lsn)
    }
    return true
  }

  func enter(_ change: WalkContent, of inode: InodeNumber, lsn: LSN) {
    dirty[inode, default: []].append(DirtyChange(lsn: lsn, change: change))
    queue.contentsChanged(inode, fileKind: tree.nodes[inode]?.kind ?? .regular, lsn: lsn, nowMilliseconds: now)
  }

  /// - Parameter tree: the logical tree after the change, as far as known at replay.
  func enter(_ change: NamespaceChange, lsn: LSN, tree: LogicalTree, stagesDone: Int = 0) {
    func kind(_ inode: InodeNumber) -> FileKind { tree.nodes[inode]?.kind ?? .regular }
    var facts: ChangeFacts
    var gone: InodeNumber?
    switch change {
    case .create(let inode, _): facts = ChangeFacts(fileKind: inode.attributes.kind)
    case .link(let inode, _): facts = ChangeFacts(fileKind: kind(inode))
    case .remove(let inode, _):
      facts = ChangeFacts(fileKind: kind(inode))
      gone = inode
    case .rename(let inode, _, _, let replaced):
      facts = ChangeFacts(fileKind: kind(inode), otherKind: replaced.map(kind))
      gone = replaced
    case .exchange(let one, _, let other, _): facts = ChangeFacts(fileKind: kind(one), otherKind: kind(other))
    }
    facts.stagesDone = stagesDone
    facts.isBelow = { tree.isBelow($0, $1) }
    if let gone, !tree.hasName(gone) || !rules.dataDropsWithLastName {
      facts.losesLastName = !tree.hasName(gone)
      facts.discardedThrough = dirty.removeValue(forKey: gone)?.last?.lsn
    }
    let result = queue.add(change, lsn: lsn, facts: facts, nowMilliseconds: now)
    if !result.isEmpty { append(.done(PlanOutcome(plan: .zero, completes: result.completed, contents: result.contents))) }
  }
}

/// What the queue asks of the machine.
struct WalkWorld: PlanningWorld {
  var bindings: [InodeNumber: Set<Location>]
  var dirty: [InodeNumber: [WalkMachine.DirtyChange]]

  func backingLocation(of inode: InodeNumber) -> Location? { bindings[inode]?.min() }

  func ancestors(of directory: InodeNumber) -> [InodeNumber]? {
    var result: [InodeNumber] = []
    var inode = directory
    while inode != .root {
      guard let parent = backingLocation(of: inode)?.parent, result.count < 20 else { return nil }
      result.append(parent)
      inode = parent
    }
    return result
  }

  func contents(of inode: InodeNumber) -> PendingContents? {
    guard let changes = dirty[inode], let first = changes.first, let last = changes.last else { return nil }
    return PendingContents(firstLSN: first.lsn, lastLSN: last.lsn, bytes: changes.count)
  }

  func hasUnknownNames(_ inode: InodeNumber) -> Bool { false }
}
