import FilesystemModel

/// What a crash leaves of the changes that were not synchronized.
package enum PowerCut: Sendable {
  case nothing
  case all
  /// The first so many pending effects, in the order in which they happened.
  case prefix(Int)
  /// Those pending effects, by their place in the order in which they happened.
  case only(Set<Int>)
  /// Any subset.
  case random(seed: UInt64)
}

/// How a machine or process stops.
package enum Crash: Sendable {
  /// The daemon is gone, the kernel keeps everything.
  case processDeath
  case powerCut(keep: PowerCut)
}

/// A filesystem in memory and the older one on its disk, with the effects that lead from the second to the first.
struct SimulatedDisk: Sendable {
  struct PendingEffect: Sendable {
    let sequence: Int
    let effect: SimulatedEffect
    /// A half of a rename that must not be kept without its other half: the file would be gone.
    let needs: Int?
  }

  private(set) var live: SimulatedTree
  private(set) var durable: SimulatedTree
  private var pendingContents: [InodeNumber: [PendingEffect]] = [:]
  private var pendingNames: [PendingEffect] = []
  private var pendingNameCounts: [InodeNumber: Int] = [:]
  private var nextSequence = 0
  private var nextNode = InodeNumber.root.next
  private var nextShownNumber: UInt64 = 2
  private var freeShownNumbers: [UInt64] = []
  private var openCounts: [InodeNumber: Int] = [:]
  /// Raised by each crash: descriptors of before are dead.
  private(set) var generation = 0

  private(set) var versions = DiskVersions()
  /// How often dirty bytes were lost in a failed synchronization.
  private(set) var losses = 0
  private var unreportedLosses: Set<InodeNumber> = []

  private let reusesInodeNumbers: Bool

  init(root: Attributes, reusesInodeNumbers: Bool) {
    self.reusesInodeNumbers = reusesInodeNumbers
    live = SimulatedTree(root: SimulatedNode(attributes: root, target: [], shownNumber: 1))
    durable = live
  }

  // MARK: Changes

  /// Makes a file without a name, durable only as an empty one.
  mutating func add(_ attributes: Attributes, target: [UInt8]) -> InodeNumber {
    let number = nextNode
    nextNode = number.next
    let shown = freeShownNumbers.popLast() ?? nextShownNumber
    if shown == nextShownNumber { nextShownNumber += 1 }
    let node = SimulatedNode(attributes: attributes, target: target, shownNumber: shown)
    live.add(number, node)
    durable.add(number, node)
    return number
  }

  /// Carries out a change in memory; it becomes durable when its file, or one of its directories, is synchronized.
  ///
  /// - Returns: the effect's place in the order of all.
  @discardableResult
  mutating func perform(_ effect: SimulatedEffect, needs: Int? = nil) -> Int {
    live.apply(effect)
    versions.change()
    let pending = PendingEffect(sequence: nextSequence, effect: effect, needs: needs)
    if let node = effect.contentsOf {
      pendingContents[node, default: []].append(pending)
    } else {
      pendingNames.append(pending)
      pendingNameCounts[effect.naming!.node, default: 0] += 1
    }
    nextSequence += 1
    return pending.sequence
  }

  // MARK: Open files

  mutating func retain(_ node: InodeNumber) { openCounts[node, default: 0] += 1 }

  mutating func release(_ node: InodeNumber, generation opened: Int) {
    guard opened == generation, let count = openCounts[node] else { return }
    openCounts[node] = count == 1 ? nil : count - 1
    removeIfUnused(node)
  }

  /// Frees a file that lost its last name and its last descriptor.
  mutating func removeIfUnused(_ number: InodeNumber) {
    guard openCounts[number] == nil, live.nodes[number]?.nameCount == 0 else { return }
    live.forget(number)
    dropFromDisk(number)
  }

  private mutating func dropFromDisk(_ number: InodeNumber) {
    guard live.nodes[number] == nil, let node = durable.nodes[number], node.nameCount == 0 else { return }
    guard pendingNameCounts[number] == nil else { return }
    if reusesInodeNumbers { freeShownNumbers.append(node.shownNumber) }
    durable.forget(number)
    pendingContents[number] = nil
  }

  // MARK: Becoming durable

  /// fsync(2) of a file, or of a directory with its entries.
  mutating func synchronize(_ node: InodeNumber) {
    var chosen = pendingContents.removeValue(forKey: node) ?? []
    if live.nodes[node]?.isDirectory == true { chosen += takeNames(of: node) }
    makeDurable(chosen)
  }

  /// The changes of names that fsync of a directory makes durable: its own, and what they build upon, namely earlier changes
  /// of the same places, the other half of a rename and, where something was moved into a directory, that directory's own
  /// way from the root.
  private mutating func takeNames(of directory: InodeNumber) -> [PendingEffect] {
    var locations: Set<Location> = []
    var needed: Set<Int> = []
    var mustBeReachable: Set<InodeNumber> = []
    var taken: [PendingEffect] = []
    var left: [PendingEffect] = []
    for pending in pendingNames.reversed() {
      let naming = pending.effect.naming!
      let isWanted =
        naming.locations.contains { $0.parent == directory || locations.contains($0) } || needed.contains(pending.sequence)
        || mustBeReachable.contains(naming.node)
      guard isWanted else {
        left.append(pending)
        continue
      }
      taken.append(pending)
      countDown(naming.node)
      locations.formUnion(naming.locations)
      if let other = pending.needs { needed.insert(other) }
      if naming.locations.count == 2 || mustBeReachable.contains(naming.node) {
        mustBeReachable.insert(naming.locations.last!.parent)
      }
    }
    pendingNames = left.reversed()
    return taken
  }

  private mutating func countDown(_ node: InodeNumber) {
    let count = pendingNameCounts[node]!
    pendingNameCounts[node] = count == 1 ? nil : count - 1
  }

  mutating func synchronizeAll() {
    let all = takeAllPending()
    makeDurable(all)
  }

  private mutating func takeAllPending() -> [PendingEffect] {
    let all = pendingContents.values.flatMap { $0 } + pendingNames
    pendingContents = [:]
    pendingNames = []
    pendingNameCounts = [:]
    return all.sorted { $0.sequence < $1.sequence }
  }

  private mutating func makeDurable(_ effects: [PendingEffect]) {
    let ordered = effects.sorted { $0.sequence < $1.sequence }
    var replaced: Set<InodeNumber> = []
    for pending in ordered {
      if let naming = pending.effect.naming {
        replaced.formUnion(naming.locations.compactMap { durable.nodes[$0.parent]?.entries[$0.name] })
        replaced.insert(naming.node)
      }
      durable.apply(pending.effect)
    }
    for number in replaced.sorted() { dropFromDisk(number) }
    if !effects.isEmpty { versions.save(all: pendingCount == 0) }
  }

  /// What a failed fsync does on Linux: the written bytes are marked clean without being on disk, size and attributes stay
  /// pending. Source: Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020.
  mutating func dropDirtyBytes(of node: InodeNumber) {
    guard pendingContents[node]?.contains(where: { $0.effect.isWrittenSector }) == true else { return }
    pendingContents[node]?.removeAll { $0.effect.isWrittenSector }
    losses += 1
    versions.change()
  }

  /// The same for all files; the next fsync of each of them tells of it.
  mutating func dropAllDirtyBytes() {
    for node in pendingContents.keys.sorted() {
      let before = losses
      dropDirtyBytes(of: node)
      if losses > before { unreportedLosses.insert(node) }
    }
  }

  /// Fails once when bytes of the file were lost in a synchronization that was not its own.
  mutating func reportLoss(of node: InodeNumber) throws(Errno) {
    if unreportedLosses.remove(node) != nil { throw .inputOutput }
  }

  var pendingCount: Int { pendingContents.values.reduce(pendingNames.count) { $0 + $1.count } }

  // MARK: Crash

  mutating func crash(_ crash: Crash) {
    generation += 1
    openCounts = [:]
    versions.changeBoth()
    if case .powerCut(let keep) = crash {
      let all = takeAllPending()
      let pending = Set(all.map(\.sequence))
      var kept: Set<Int> = []
      for chosen in Self.choose(all, keep) {
        if let other = chosen.needs, pending.contains(other), !kept.contains(other) { continue }
        kept.insert(chosen.sequence)
        durable.apply(chosen.effect)
      }
      durable.removeUnreachable()
      live = durable
      let used = Set(live.nodes.values.map(\.shownNumber))
      freeShownNumbers = (1..<nextShownNumber).filter { !used.contains($0) }.reversed()
    } else {
      for number in live.nodes.keys.sorted() where number != .root { removeIfUnused(number) }
    }
  }

  private static func choose(_ effects: [PendingEffect], _ keep: PowerCut) -> [PendingEffect] {
    switch keep {
    case .nothing: return []
    case .all: return effects
    case .prefix(let count): return Array(effects.prefix(count))
    case .only(let places): return effects.enumerated().filter { places.contains($0.offset) }.map(\.element)
    case .random(let seed):
      var generator = SeededGenerator(seed: seed)
      let percent = [10, 50, 50, 90].randomElement(using: &generator)!
      return effects.filter { _ in Int.random(in: 0..<100, using: &generator) < percent }
    }
  }
}
