import FilesystemModel

/// Changes that somebody waits for.
extension WritebackQueue {
  /// Makes what is pending of an inode up to a record due at once, with all that it waits for.
  ///
  /// - Complexity: O(items of the inode, entries of a directory that change, open plans).
  package mutating func press(_ inode: InodeNumber, through lsn: LSN) {
    graph.raise(graph.pending(inode: inode).filter { $0.firstLSN <= lsn }.map(\.key), to: .pressed)
    if claims.inodes[inode] != nil {
      // What is given back is still waited for.
      for plan in openPlans.keys {
        for index in openPlans[plan]!.actions.indices where openPlans[plan]!.actions[index].inode == inode {
          openPlans[plan]!.contents[index]?.urgency = .pressed
        }
      }
    }
    guard let dirty = contents[inode], dirty.firstLSN <= lsn else { return }
    attach(inode)
    contents[inode]?.urgency = .pressed
    detach(inode)
    // R20: a directory's attributes wait for the earlier changes of its entries.
    if dirty.fileKind == .directory { graph.raise(graph.keys(parent: inode) { $0.firstLSN <= lsn }, to: .pressed) }
  }

  /// Whether a change of the inode up to a record is not in the backing directory for certain: of its names, data or attributes.
  ///
  /// - Complexity: O(items of the inode), with open plans that have it O(their actions).
  package func isPending(_ inode: InodeNumber, through lsn: LSN) -> Bool {
    if let dirty = contents[inode], dirty.firstLSN <= lsn { return true }
    if graph.pending(inode: inode).contains(where: { $0.firstLSN <= lsn }) { return true }
    guard claims.inodes[inode] != nil else { return false }
    return openPlans.values.contains { open in
      open.remaining.contains { index in
        guard open.actions[index].inode == inode || open.actions[index].replaced == inode else { return false }
        return open.isRestored || open.contents[index].map { $0.firstLSN <= lsn } ?? false
      }
    }
  }
}
