import FilesystemModel

/// Changes that somebody waits for.
extension WritebackQueue {
  /// Makes what is pending of an inode up to a record due at once, with all that it waits for.
  ///
  /// - Complexity: O(items of the inode, entries of a directory that change, open plans).
  package mutating func press(_ inode: InodeNumber, through lsn: LSN) {
    graph.raise(graph.pending(inode: inode).filter { $0.firstLSN <= lsn }.map(\.key), to: .pressed)
    if contents[inode].map({ $0.firstLSN <= lsn }) ?? true { pressContents(of: inode) }
    // R20: a directory's attributes wait for the earlier changes of its entries.
    if contents[inode]?.fileKind == .directory, contents[inode]?.urgency == .pressed {
      graph.raise(graph.keys(parent: inode) { $0.firstLSN <= lsn }, to: .pressed)
    }
  }

  /// Makes contents due at once; those that an open plan has sealed, if they are given back.
  mutating func pressContents(of inode: InodeNumber) {
    if claims.inodes[inode] != nil {
      for plan in openPlans.keys {
        for index in openPlans[plan]!.actions.indices where openPlans[plan]!.actions[index].inode == inode {
          openPlans[plan]!.contents[index]?.urgency = .pressed
        }
      }
    }
    attach(inode)
    contents[inode]?.urgency = .pressed
    contents[inode]?.isIdle = false
    contents[inode]?.mustBeWritten = true
    detach(inode)
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
