import FilesystemModel

extension WritebackQueue {
  /// What was given back because of a conflict that is resolved now is tried again at once.
  package mutating func hasten(_ action: PhysicalAction) {
    if action.kind == .writeContents {
      contentsDelays[action.inode]?.untilMilliseconds = 0
    } else if let key = action.completes.max() {
      itemDelays[key]?.untilMilliseconds = 0
    }
  }

  /// An item needs no write-back any more: what somebody else has made of its names stays.
  ///
  /// - Returns: What the journal is to be told; `nil` when the item is not there, or a plan carries it out again.
  package mutating func giveUp(_ action: PhysicalAction) -> (completes: [Stage], contents: [ContentsCompletion])? {
    guard let key = action.completes.max(), let item = graph[key], !item.isPlanned, item.exchange == nil else { return nil }
    itemDelays[key] = nil
    graph.complete([key])
    return (item.completes, item.discards)
  }
}
