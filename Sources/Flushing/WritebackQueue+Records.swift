import FilesystemModel

extension WritebackQueue {
  /// The stages of namespace records that are not in the backing directory for certain: of pending items, and of open plans of an
  /// earlier mount.
  ///
  /// - Complexity: O(pending records).
  package var pendingStages: Set<Stage> {
    var stages: Set<Stage> = []
    for item in graph.items.values { stages.formUnion(item.completes) }
    for open in openPlans.values where open.isRestored {
      for index in open.remaining { stages.formUnion(open.actions[index].completes) }
    }
    return stages
  }
}
