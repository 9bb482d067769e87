import FilesystemModel

extension FieldSink {
  mutating func put(_ actions: [PhysicalAction]) {
    put(count: actions.count)
    for action in actions { put(action) }
  }

  mutating func put(_ action: PhysicalAction) {
    put(action.kind.rawValue)
    put(action.inode)
    put(action.fileKind.rawValue)
    put(optional: action.source)
    put(optional: action.target)
    put(optional: action.replaced)
    put(action.completes)
    put(flag: action.contentsThrough != nil)
    if let through = action.contentsThrough { put(through) }
  }

  mutating func put(_ outcome: PlanOutcome) {
    put(outcome.plan)
    put(indexes: outcome.completedActions)
    put(indexes: outcome.abortedActions)
    put(outcome.completes)
    put(outcome.contents)
    put(outcome.bindings)
  }

  mutating func put(_ stages: [Stage]) {
    put(count: stages.count)
    for stage in stages { put(stage) }
  }

  mutating func put(_ completions: [ContentsCompletion]) {
    put(count: completions.count)
    for completion in completions {
      put(completion.inode)
      put(completion.through)
    }
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

  mutating func takeAction() throws(RecordError) -> PhysicalAction {
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
    outcome.contents = try takeContentsCompletions()
    outcome.bindings = try takeBindings()
    return outcome
  }

  mutating func takeBindings() throws(RecordError) -> [Binding] {
    var bindings: [Binding] = []
    for _ in 0..<(try takeCount(bytesEach: 14)) { bindings.append(try takeBinding()) }
    return bindings
  }

  mutating func takeContentsCompletions() throws(RecordError) -> [ContentsCompletion] {
    var completions: [ContentsCompletion] = []
    for _ in 0..<(try takeCount(bytesEach: 16)) {
      completions.append(ContentsCompletion(inode: try takeInode(), through: try takeLSN()))
    }
    return completions
  }

  mutating func takeStages() throws(RecordError) -> [Stage] {
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
