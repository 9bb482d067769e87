import FilesystemModel
import Flushing
import Inodes
import Policies

/// Where policies come from, the nearest first: extended attributes of the file and of the directories above it, rules for paths,
/// the mount.
struct PolicySources {
  var base: Policy
  var rules: RuleList
  /// Whether an extended attribute that settles a policy was ever seen.
  var hasAttributes = false
  /// What was found for an inode holds within one generation.
  var generation: UInt64 = 1
  /// The shortest `durability=batch=MS` in an extended attribute that was ever seen.
  var shortestAttributeBatchMilliseconds: Int?

  /// Whether the same holds for every file.
  var isUniform: Bool { !hasAttributes && rules.isEmpty }

  /// Whether there may be files whose changes wait for the backing directory.
  var mayWriteThrough: Bool { !isUniform || base.mode.waitsForBacking }

  /// The shortest time in which a batch of the journal must be synced; `nil` when no file has such a policy.
  var shortestBatchMilliseconds: Int? {
    [base.durability.batchMilliseconds, rules.shortestBatchMilliseconds, shortestAttributeBatchMilliseconds]
      .compactMap(\.self).min()
  }
}

extension EngineState {
  /// What holds for an inode. One that lost its last name keeps what it had.
  ///
  /// Directories above it are known with their extended attributes: the kernel has looked each of them up. After a crash they are
  /// not until it does, and say nothing.
  ///
  /// - Complexity: O(1), but O(depth · rules) after a change of a policy or a rename of a directory.
  func policy(of inode: Inode) -> Policy {
    if policies.isUniform { return policies.base }
    if let known = inode.policy, known.generation == policies.generation || inode.isOrphan { return known.value }
    var settings = Self.settings(inode)
    var path: [EntryName] = []
    var current = inode
    while current.number != .root, let name = current.names.first, let parent = inodes[name.parent] {
      path.append(name.name)
      current = parent
      if !settings.isComplete { settings.complete(with: Self.settings(parent)) }
    }
    if !settings.isComplete {
      settings.complete(with: policies.rules.settings(of: path.reversed(), isDirectory: inode.kind == .directory))
    }
    let policy = settings.applied(to: policies.base)
    inode.policy = FoundPolicy(policy, generation: policies.generation)
    return policy
  }

  /// What the inode's own extended attributes say.
  private static func settings(_ inode: Inode) -> PolicySettings {
    var settings = PolicySettings()
    if inode.extendedAttributes.isEmpty { return settings }
    for key in PolicyKey.allCases {
      if let value = inode.extendedAttributes[key.attributeName] { settings.take(attribute: key.attributeName, value) }
    }
    return settings
  }

  /// What an operation promises: the stricter of all that it names, as far as that is known. Asked before it and after it, it
  /// tells of names that go and of those that come.
  func policy(for operation: Operation) -> Policy {
    if policies.isUniform { return policies.base }
    let directories = operation.locations.compactMap { inodes[$0.parent] }
    let found = (named(by: operation) + directories).map { policy(of: $0) }
    return found.dropFirst().reduce(found.first ?? policies.base) { $0.joined(with: $1) }
  }

  /// The inodes that an operation names itself, and those at its names.
  func named(by operation: Operation) -> [Inode] {
    operation.inodes.compactMap { inodes[$0] } + operation.locations.compactMap { inodes.inode(at: $0) }
  }

  func urgency(of inode: Inode?) -> Urgency {
    switch inode.map({ policy(of: $0).priority }) ?? policies.base.priority {
    case .high: .high
    case .normal: .normal
    case .low: .low
    }
  }

  /// An extended attribute came, changed or went.
  mutating func policyChanged(byAttribute name: [UInt8], _ value: [UInt8]?) {
    guard PolicyKey(attributeName: name) != nil else { return }
    var settings = PolicySettings()
    if let value { settings.take(attribute: name, value) }
    let shortest = [policies.shortestAttributeBatchMilliseconds, settings.durability?.batchMilliseconds]
    policies.shortestAttributeBatchMilliseconds = shortest.compactMap(\.self).min()
    policies.hasAttributes = true
    policies.generation += 1
  }

  /// Names have changed: paths, and the directories that policies are inherited from.
  mutating func policiesChanged(by change: NamespaceChange) {
    if policies.isUniform { return }
    switch change {
    case .create: return
    case .link(let inode, _): inodes[inode]?.policy = nil
    case .remove(let inode, _): forgetPolicy(inode)
    case .rename(let inode, _, _, let replaced):
      forgetPolicy(inode)
      if let replaced { forgetPolicy(replaced) }
      if inodes[inode]?.kind == .directory { policies.generation += 1 }
    case .exchange(let inode, _, let other, _):
      for number in [inode, other] {
        forgetPolicy(number)
        if inodes[number]?.kind == .directory { policies.generation += 1 }
      }
    }
  }

  private func forgetPolicy(_ number: InodeNumber) {
    guard let inode = inodes[number], !inode.isOrphan else { return }
    inode.policy = nil
  }

  /// Refuses an extended attribute that settles a policy and has no value for it.
  func checkPolicyAttribute(_ attribute: ExtendedAttribute) throws(Interruption) {
    guard let key = PolicyKey(attributeName: attribute.name) else { return }
    var settings = PolicySettings()
    guard let text = String(validating: attribute.value, as: UTF8.self), (try? settings.set(key, to: text)) != nil else {
      throw .failure(.invalidArgument)
    }
  }
}
