import FilesystemModel
import StorageInterface
import Support

@testable import Flushing

extension WalkMachine {
  var world: WalkWorld { WalkWorld(bindings: bindings, dirty: dirty) }

  /// Opens the next plan. `held` items and inodes are left out, so that any subset of what is ready can be a batch.
  ///
  /// - Returns: `false` when there is nothing to plan.
  func openPlan(heldItems: Set<Stage> = [], heldInodes: Set<InodeNumber> = [], operations: Int = 4) -> Bool {
    queue.settings.batchOperations = operations
    for key in heldItems { queue.failures[.names(key)] = .init(untilMilliseconds: .max) }
    for inode in heldInodes { queue.failures[.contents(inode)] = .init(untilMilliseconds: .max) }
    defer {
      queue.failures = [:]
    }
    guard let proposal = queue.nextPlan(nowMilliseconds: now, world: world) else { return false }
    let lsn = append(.intent(proposal.actions))
    durableCount = records.count
    transcript.append("\(lsn.rawValue): PLAN \(proposal.actions.map(Self.text))")
    let world = world
    let sealed = proposal.actions.map { action in
      action.contentsThrough == nil ? [] : dirty.removeValue(forKey: action.inode) ?? []
    }
    let actions = zip(proposal.actions, sealed).map { executable($0, sealed: $1, plan: proposal.actions) }
    queue.opened(proposal, plan: lsn, world: world)
    plans.append(OpenPlan(lsn: lsn, actions: actions, sealed: sealed, isRedo: false))
    return true
  }

  static func text(_ action: PhysicalAction) -> String {
    func text(_ location: Location?) -> String { location.map { "\($0.parent.rawValue)/\($0.name)" } ?? "" }
    let completes = action.completes.map { "\($0.lsn.rawValue).\($0.stage)" }.joined(separator: " ")
    return "\(action.kind) \(action.inode.rawValue) \(text(action.source)) -> \(text(action.target))"
      + (action.replaced.map { " over \($0.rawValue)" } ?? "") + " (\(completes))"
      + (action.contentsThrough.map { " through \($0.rawValue)" } ?? "")
  }

  func path(of inode: InodeNumber, plan: [PhysicalAction]) -> BackingPath? {
    if inode == .root { return .root }
    let location = bindings[inode]?.min() ?? plan.first { $0.kind == .create && $0.inode == inode }?.target
    return location.flatMap { path(at: $0, plan: plan) }
  }

  func path(at location: Location, plan: [PhysicalAction]) -> BackingPath? {
    path(of: location.parent, plan: plan)?.appending(location.name)
  }

  func executable(_ action: PhysicalAction, sealed: [DirtyChange], plan: [PhysicalAction]) -> ExecutableAction {
    let (image, bytes) = coalesced(sealed)
    let source =
      action.kind == .writeContents ? path(of: action.inode, plan: plan) : action.source.flatMap { path(at: $0, plan: plan) }
    return ExecutableAction(
      action: action, source: source, target: action.target.flatMap { path(at: $0, plan: plan) }, newInode: born[action.inode],
      contents: image,
      read: { range throws(Errno) in
        var result: [UInt8] = []
        for offset in range {
          guard let byte = bytes[offset] else { throw .inputOutput }
          result.append(byte)
        }
        return result
      })
  }

  /// The last version of each byte, the smallest size, the last size and permissions (R18).
  private func coalesced(_ changes: [DirtyChange]) -> (ContentsImage, [Int: UInt8]) {
    var image = ContentsImage()
    var bytes: [Int: UInt8] = [:]
    for change in changes {
      switch change.change {
      case .write(let offset, let byte):
        bytes[offset] = byte
        if let size = image.sizeAfter { image.sizeAfter = max(size, offset + 1) }
      case .resize(let size):
        bytes = bytes.filter { $0.key < size }
        if rules.keepsSmallestSize { image.smallestSize = min(size, image.smallestSize ?? size) }
        image.sizeAfter = size
      case .permissions(let permissions): image.attributes.permissions = permissions
      }
      image.attributes.modified = Timestamp(seconds: Int64(change.lsn.rawValue))
    }
    image.extents = bytes.keys.sorted().map { $0..<$0 + 1 }
    return (image, bytes)
  }

  /// Carries a plan out, again after failures, and appends its DONE record.
  ///
  /// - Returns: `false` when the storage died meanwhile.
  func carryOut(_ index: Int, diesAt: Int? = nil) throws(WalkFailure) -> Bool {
    let plan = plans[index]
    let executor = PlanExecutor(storage: storage, actions: plan.actions.map(\.action))
    if let diesAt { storage.die(atCall: diesAt) }
    func isDead() -> Bool { diesAt.map { storage.nextCallIndex > $0 } ?? false }
    var pending = Array(plan.actions.indices)
    var aborted: [Int] = []
    var isRedo = plan.isRedo
    while !pending.isEmpty {
      var failed: [Int] = []
      for action in pending {
        switch executor.apply(plan.actions[action], isRedo: isRedo) {
        case .done: break
        case .retry: failed.append(action)
        case .aborted(.accessDenied, .refused): aborted.append(action)
        case .aborted(.noEntry, .targetParentMissing) where !aborted.isEmpty: aborted.append(action)
        case .aborted(let errno, let reason):
          if isDead() { return false }
          throw WalkFailure(description: "aborted: \(reason) \(errno) \(Self.text(plan.actions[action].action)) redo \(isRedo)")
        }
        if isDead() { return false }
        // Creations inside a new directory wait for it.
        if !failed.isEmpty { break }
      }
      if failed.isEmpty {
        let applied = plan.actions.indices.filter { !aborted.contains($0) }
        let outcomes = executor.synchronize(applied.map { plan.actions[$0] })
        if isDead() { return false }
        pending = zip(applied, outcomes).filter { $0.1 != .done }.map(\.0)
      } else {
        pending = plan.actions.indices.filter { !aborted.contains($0) }
      }
      isRedo = true
    }
    storage.revive()
    complete(index, aborted: aborted)
    return true
  }

  /// Appends DONE; locations change in the same step (R5).
  private func complete(_ index: Int, aborted: [Int]) {
    let plan = plans[index]
    let completed = plan.actions.indices.filter { !aborted.contains($0) }
    var outcome = queue.outcome(of: plan.lsn, completed: completed, aborted: aborted)
    let (after, changed) = locations(after: completed.map { plan.actions[$0].action }, from: bindings)
    outcome.bindings = changed.sorted().map { inode in
      Binding(inode: inode, kind: tree.nodes[inode]?.kind ?? .regular, locations: (after[inode] ?? []).sorted())
    }
    bindings = after
    let lsn = append(.done(outcome))
    plans[index].isDone = true
    plans[index].aborted = aborted
    transcript.append("\(lsn.rawValue): DONE of \(plan.lsn.rawValue), aborted \(aborted)")
  }

  /// DONE is durable: names and inodes are free. Contents of aborted actions are dirty again.
  func release(_ index: Int) {
    durableCount = records.count
    let plan = plans.remove(at: index)
    let completed = plan.actions.indices.filter { !plan.aborted.contains($0) }
    for index in plan.aborted {
      let inode = plan.actions[index].action.inode
      guard !plan.sealed[index].isEmpty, tree.hasName(inode) else { continue }
      dirty[inode] = plan.sealed[index] + (dirty[inode] ?? [])
    }
    queue.finished(plan: plan.lsn, completed: completed, aborted: plan.aborted, nowMilliseconds: now)
    // The queue does not know what a plan of an earlier mount had sealed.
    for inode in plan.aborted.map({ plan.actions[$0].action.inode }) {
      guard let first = dirty[inode]?.first?.lsn else { continue }
      queue.contentsChanged(inode, fileKind: tree.nodes[inode]?.kind ?? .regular, lsn: first, nowMilliseconds: now)
    }
    transcript.append("released \(plan.lsn.rawValue)")
  }

  func locations(
    after actions: [PhysicalAction], from bindings: [InodeNumber: Set<Location>]
  ) -> ([InodeNumber: Set<Location>], changed: Set<InodeNumber>) {
    var result = bindings
    var changed: Set<InodeNumber> = []
    for action in actions where action.kind != .writeContents {
      changed.insert(action.inode)
      if action.kind != .link, let source = action.source { result[action.inode]?.remove(source) }
      if let target = action.target {
        if let replaced = action.replaced {
          result[replaced]?.remove(target)
          changed.insert(replaced)
        }
        result[action.inode, default: []].insert(target)
      }
    }
    return (result.filter { !$0.value.isEmpty }, changed)
  }
}
