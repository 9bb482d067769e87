import FilesystemModel

/// Changes of names that wait for write-back, and which of them must wait for which (PROTOCOL.md R10-R15).
///
/// Pure logic: no clock, no storage, no lock; it belongs to whoever holds the engine's lock. Adding costs in proportion to the
/// conflicting items, not to all items.
package struct PendingGraph {
  let rules: ProtocolRules
  let temporaryName: @Sendable (LSN) -> EntryName
  var items: [Stage: PendingItem] = [:]
  /// The inverse of the items' `dependencies`.
  var dependents: [Stage: Set<Stage>] = [:]
  var keysByName: [Location: [Stage]] = [:]
  var keysByInode: [InodeNumber: [Stage]] = [:]
  var keysByParent: [InodeNumber: Set<Stage>] = [:]
  /// Directories that got their first item, or lost their last one, since somebody asked.
  var settledParents: [InodeNumber] = []
  var creations: [InodeNumber: Stage] = [:]
  /// Items that give a directory another parent.
  var directoryRenames = SortedKeys<Stage>()
  /// Items without dependencies that are in no open plan and no dead letters.
  var readyKeys = KeysByUrgency<Stage>()
  var oldestFirst = OldestFirst()
  /// Items by urgency.
  var counts = CountsByUrgency()
  /// Items that were undone by later ones, or are carried out together with them, since the graph was made.
  package internal(set) var cancelledCount = 0
  /// Dead letters that were rewritten: what they were is not to be done any more.
  var rewrittenLetters: [Stage] = []

  /// An empty graph.
  ///
  /// - Parameter temporaryName: The hidden name of the exchange with the given record.
  package init(rules: ProtocolRules, temporaryName: @escaping @Sendable (LSN) -> EntryName) {
    self.rules = rules
    self.temporaryName = temporaryName
  }

  /// Items that together stand for more records than this are not merged: its action must fit in an INTENT record, and
  /// merging costs in proportion to them. Reached where a name is replaced again and again while the backing directory is away.
  static let mergedRecordsMax = 2000

  package var count: Int { items.count }
  package var isEmpty: Bool { items.isEmpty }

  package subscript(key: Stage) -> PendingItem? { items[key] }

  /// All items by key. For status and tests. - Complexity: O(n log n).
  package var allItems: [PendingItem] { items.values.sorted { $0.key < $1.key } }

  /// Items without dependencies that are in no open plan and no dead letters, by key.
  package var ready: [Stage] { readyKeys.all }

  /// The oldest record that is not written back: the journal must keep it and all after it (R6). - Complexity: O(1).
  package var oldestLSN: LSN? { oldestFirst.first?.lsn }

  /// The item that is to be written back longest ago, by its oldest record.
  var oldestItem: PendingItem? { oldestFirst.first.flatMap { items[$0.key] } }

  /// Gives back the room of items that are gone. O(n) in those that are left.
  mutating func shrink() {
    items.shrink()
    dependents.shrink()
    keysByName.shrink()
    keysByInode.shrink()
    keysByParent.shrink()
    settledParents.shrink()
    creations.shrink()
    readyKeys.shrink()
    oldestFirst.shrink()
  }

  /// All items that move, name, replace or claim the inode, by key.
  package func pending(inode: InodeNumber) -> [PendingItem] { (keysByInode[inode] ?? []).sorted().compactMap { items[$0] } }

  /// All items that change an entry of the directory, by key. - Complexity: O(k log k) in their number.
  package func pending(parent: InodeNumber) -> [PendingItem] { (keysByParent[parent] ?? []).sorted().compactMap { items[$0] } }

  /// Whether an item changes an entry of the directory.
  func hasPending(parent: InodeNumber) -> Bool { keysByParent[parent] != nil }

  /// Directories that got their first item, or lost their last one, since the last call; some of them more than once.
  mutating func takeSettledParents() -> [InodeNumber] {
    defer { settledParents.removeAll(keepingCapacity: true) }
    return settledParents
  }

  /// The items that change an entry of the directory and satisfy the condition, in no order. - Complexity: O(k) in their number.
  func keys(parent: InodeNumber, where condition: (PendingItem) -> Bool) -> [Stage] {
    (keysByParent[parent] ?? []).filter { items[$0].map(condition) ?? false }
  }

  /// Whether the directory's entries will be changed by an item that satisfies the condition.
  func hasPending(parent: InodeNumber, where condition: (PendingItem) -> Bool) -> Bool {
    keysByParent[parent]?.contains { items[$0].map(condition) ?? false } ?? false
  }

  /// The item that creates the inode, while that is pending.
  package func creation(of inode: InodeNumber) -> PendingItem? { creations[inode].flatMap { items[$0] } }

  /// How many creations are pending.
  package var creationsCount: Int { creations.count }

  /// Whether a pending item touches or claims the name.
  package func isNameClaimed(_ location: Location) -> Bool { keysByName[location] != nil }

  /// The items that wait for the given one, by key.
  package func dependents(of key: Stage) -> [Stage] { (dependents[key] ?? []).sorted() }

  func hasDependents(_ key: Stage) -> Bool { dependents[key] != nil }

  /// Takes items into a plan: they are not proposed again and never rewritten, until `unplan` or `complete`.
  package mutating func markPlanned(_ keys: [Stage]) {
    for key in keys { items[key]?.isPlanned = true }
    for (urgency, keys) in byUrgency(keys) { readyKeys.remove(contentsOf: keys, urgency) }
  }

  /// Gives items of an aborted action back.
  package mutating func unplan(_ keys: [Stage]) {
    for key in keys { items[key]?.isPlanned = false }
    addReady(keys)
  }

  /// Lets an item wait as a dead letter, or no longer.
  mutating func setParked(_ key: Stage, _ isParked: Bool) {
    items[key]?.isParked = isParked
    updateReadiness(key)
  }

  /// Takes out items that are in the backing directory, durably, with a durable DONE (R5). What waited for them is ready.
  package mutating func complete(_ keys: [Stage]) {
    var unblocked: [Stage] = []
    for key in keys {
      for dependent in takeOut(key)?.waiting ?? [] {
        items[dependent]?.dependencies.remove(key)
        if items[dependent]?.dependencies.isEmpty == true { unblocked.append(dependent) }
      }
    }
    addReady(unblocked)
    dropOutdatedAges()
  }

  private mutating func addReady(_ keys: [Stage]) {
    let ready = keys.filter { items[$0].map { $0.dependencies.isEmpty && $0.canBePlanned } ?? false }
    for (urgency, keys) in byUrgency(ready) { readyKeys.insert(contentsOf: keys, urgency) }
  }

  private func byUrgency(_ keys: [Stage]) -> [Urgency: [Stage]] {
    Dictionary(grouping: keys.filter { items[$0] != nil }) { items[$0]?.urgency ?? .normal }
  }

  /// Makes items, and all that they wait for, at least so urgent.
  ///
  /// - Complexity: O(items and edges that become more urgent).
  mutating func raise(_ keys: some Sequence<Stage>, to urgency: Urgency) {
    var waiting = Array(keys)
    while let key = waiting.popLast() {
      guard let item = items[key], urgency < item.urgency else { continue }
      readyKeys.remove(key, item.urgency)
      counts[item.urgency] -= 1
      counts[urgency] += 1
      items[key]?.urgency = urgency
      updateReadiness(key)
      waiting += item.dependencies
    }
  }

  mutating func updateReadiness(_ key: Stage) {
    guard let item = items[key] else { return }
    guard item.dependencies.isEmpty, item.canBePlanned else { return readyKeys.remove(key, item.urgency) }
    readyKeys.insert(key, item.urgency)
  }

  mutating func removeDependent(_ key: Stage, of dependency: Stage) {
    _ = dependents.remove(key, from: dependency)
  }

  mutating func dropOutdatedAges() {
    let items = items
    oldestFirst.removeOutdated(liveCount: items.count) { entry in items[entry.key]?.firstLSN == entry.lsn }
  }
}
