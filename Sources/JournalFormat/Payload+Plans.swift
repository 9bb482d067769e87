import FilesystemModel

extension FieldSink {
  mutating func put(_ actions: [PhysicalAction]) {
    put(count: actions.count)
    for action in actions { put(action) }
  }

  private mutating func put(_ action: PhysicalAction) {
    put(action.kind.rawValue)
    put(action.inode)
    put(action.fileKind.rawValue)
    put(optional: action.source)
    put(optional: action.target)
    put(optional: action.replaced)
    put(count: action.completes.count)
    for stage in action.completes { put(stage) }
    put(flag: action.contentsThrough != nil)
    if let through = action.contentsThrough { put(through) }
  }

  mutating func put(_ outcome: PlanOutcome) {
    put(outcome.plan)
    put(indexes: outcome.completedActions)
    put(indexes: outcome.abortedActions)
    put(count: outcome.completes.count)
    for stage in outcome.completes { put(stage) }
    put(count: outcome.contents.count)
    for completion in outcome.contents {
      put(completion.inode)
      put(completion.through)
    }
    put(outcome.bindings)
  }

  mutating func put(_ bindings: [Binding]) {
    put(count: bindings.count)
    for binding in bindings { put(binding) }
  }

  private mutating func put(indexes: [Int]) {
    put(count: indexes.count)
    for index in indexes { put(count: index) }
  }
}

extension FieldReader {
  mutating func takeActions() throws(RecordError) -> [PhysicalAction] {
    var actions: [PhysicalAction] = []
    for _ in 0..<(try takeCount(bytesEach: 18)) { actions.append(try takeAction()) }
    return actions
  }

  private mutating func takeAction() throws(RecordError) -> PhysicalAction {
    guard let kind = PhysicalAction.Kind(rawValue: try take(UInt8.self)) else { throw .badField }
    var action = PhysicalAction(kind: kind, inode: try takeInode(), fileKind: try takeKind())
    action.source = try takeOptionalLocation()
    action.target = try takeOptionalLocation()
    action.replaced = try takeOptionalInode()
    action.completes = try takeStages()
    action.contentsThrough = try takeFlag() ? try takeLSN() : nil
    return action
  }

  mutating func takeOutcome() throws(RecordError) -> PlanOutcome {
    var outcome = PlanOutcome(plan: try takeLSN())
    outcome.completedActions = try takeIndexes()
    outcome.abortedActions = try takeIndexes()
    outcome.completes = try takeStages()
    for _ in 0..<(try takeCount(bytesEach: 16)) {
      outcome.contents.append(ContentsCompletion(inode: try takeInode(), through: try takeLSN()))
    }
    outcome.bindings = try takeBindings()
    return outcome
  }

  mutating func takeBindings() throws(RecordError) -> [Binding] {
    var bindings: [Binding] = []
    for _ in 0..<(try takeCount(bytesEach: 14)) { bindings.append(try takeBinding()) }
    return bindings
  }

  private mutating func takeStages() throws(RecordError) -> [Stage] {
    var stages: [Stage] = []
    for _ in 0..<(try takeCount(bytesEach: 9)) { stages.append(try takeStage()) }
    return stages
  }

  private mutating func takeIndexes() throws(RecordError) -> [Int] {
    var indexes: [Int] = []
    for _ in 0..<(try takeCount(bytesEach: 4)) {
      let index = Int(try take(UInt32.self))
      guard index <= FieldLimits.countMax else { throw .badField }
      indexes.append(index)
    }
    return indexes
  }
}
