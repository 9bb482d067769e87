import FilesystemModel

extension WritebackQueue {
  /// What was given back because of a conflict that is resolved now is tried again at once, as for the first time.
  package mutating func hasten(_ action: PhysicalAction) { failures[action.subject] = nil }

  /// An item needs no write-back any more: what somebody else has made of its name stays.
  ///
  /// - Returns: What the journal is to be told; `nil` when the item is not there, or a plan carries it out again.
  package mutating func giveUp(_ action: PhysicalAction) -> (completes: [Stage], contents: [ContentsCompletion])? {
    guard let key = action.completes.max(), let item = graph[key], !item.isPlanned, item.exchange == nil else { return nil }
    failures[.names(key)] = nil
    graph.complete([key])
    return (item.completes, item.discards)
  }
}
