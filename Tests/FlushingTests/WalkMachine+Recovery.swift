import FilesystemModel
import StorageInterface
import Support

@testable import Flushing

extension WalkMachine {
  /// What the journal tells.
  private struct Scan {
    var bindings: [InodeNumber: Set<Location>]
    var done: Set<Stage> = []
    var contentsThrough: [InodeNumber: LSN] = [:]
    var plans: [LSN: [PhysicalAction]] = [:]
  }

  /// The daemon starts again with the first `kept` records, and the storage as it is (R3, R4).
  func recover(keeping kept: Int) throws(WalkFailure) {
    transcript.append("RECOVER with \(kept) of \(records.count), backing \(storage.snapshot().paths)")
    records.removeSubrange(kept...)
    history.removeSubrange((kept + 1)...)
    durableCount = kept
    nextInode = InodeNumber(nextInode.rawValue + 50)
    var scan = scan()
    if !rules.plansAreRedone { scan.plans = [:] }
    bindings = scan.bindings
    queue = Self.emptyQueue(rules)
    dirty = [:]
    plans = []
    let planned = scan.plans.keys.sorted().flatMap { scan.plans[$0]! }
    let (afterPlans, _) = locations(after: planned, from: bindings)
    let sealed = sealedChanges(scan)
    for lsn in scan.plans.keys.sorted() {
      queue.restoreOpen(plan: lsn, actions: scan.plans[lsn]!, world: world, nowMilliseconds: 0)
    }
    try replay(scan, onto: afterPlans, planned: planned)
    for lsn in scan.plans.keys.sorted() {
      let actions = scan.plans[lsn]!
      let changes = actions.map { action in
        action.contentsThrough.map { through in sealed[action.inode]!.filter { $0.lsn <= through } } ?? []
      }
      let executables = zip(actions, changes).map { executable($0, sealed: $1, plan: actions) }
      plans.append(OpenPlan(lsn: lsn, actions: executables, sealed: changes, isRedo: true))
    }
  }

  private func scan() -> Scan {
    var scan = Scan(bindings: firstBindings)
    for (index, record) in records.enumerated() {
      switch record {
      case .names, .content: break
      case .intent(let actions): scan.plans[LSN(UInt64(index) + 1)] = actions
      case .done(let outcome):
        scan.plans[outcome.plan] = nil
        scan.done.formUnion(outcome.completes)
        for contents in outcome.contents {
          scan.contentsThrough[contents.inode] = max(scan.contentsThrough[contents.inode] ?? .zero, contents.through)
        }
        for binding in outcome.bindings { scan.bindings[binding.inode] = Set(binding.locations) }
      }
    }
    scan.bindings = scan.bindings.filter { !$0.value.isEmpty }
    return scan
  }

  /// The uncompleted changes of contents, those of open plans included.
  private func sealedChanges(_ scan: Scan) -> [InodeNumber: [DirtyChange]] {
    var result: [InodeNumber: [DirtyChange]] = [:]
    for (index, record) in records.enumerated() {
      let lsn = LSN(UInt64(index) + 1)
      if case .content(let inode, let change) = record, lsn > scan.contentsThrough[inode] ?? .zero {
        result[inode, default: []].append(DirtyChange(lsn: lsn, change: change))
      }
    }
    return result
  }

  /// All records of names with absolute meaning, the uncompleted ones and uncompleted contents into the queue.
  private func replay(
    _ scan: Scan, onto locations: [InodeNumber: Set<Location>], planned: [PhysicalAction]
  ) throws(WalkFailure) {
    let done = scan.done.union(planned.flatMap(\.completes))
    var through = scan.contentsThrough
    for action in planned {
      if let lsn = action.contentsThrough { through[action.inode] = max(through[action.inode] ?? .zero, lsn) }
    }
    var replayed = LogicalTree(nodes: tree.nodes)
    for (inode, names) in locations {
      for name in names where !name.name.bytes.starts(with: [UInt8(ascii: "."), UInt8(ascii: "e")]) {
        replayed.entries[name] = inode
      }
    }
    for (index, record) in records.enumerated() {
      let lsn = LSN(UInt64(index) + 1)
      switch record {
      case .names(let change):
        replayed.apply(change)
        guard !done.contains(Stage(lsn)) else { continue }
        let stages = done.contains(Stage(lsn, stage: 2)) ? 2 : done.contains(Stage(lsn, stage: 1)) ? 1 : 0
        enter(change, lsn: lsn, tree: replayed, stagesDone: stages)
      case .content(let inode, let change):
        if lsn > through[inode] ?? .zero { enter(change, of: inode, lsn: lsn) }
      case .intent, .done: continue
      }
    }
    guard replayed.entries == tree.entries else {
      throw WalkFailure(description: "view after recovery \(replayed.entries) is not \(tree.entries)")
    }
    for inode in dirty.keys.sorted() where !tree.hasName(inode) && inode != .root {
      let last = dirty.removeValue(forKey: inode)!.last!.lsn
      queue.contentsGone(inode)
      append(.done(PlanOutcome(plan: .zero, contents: [ContentsCompletion(inode: inode, through: last)])))
    }
  }
}
