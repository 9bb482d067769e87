import FilesystemModel

/// How far the write-back of one inode is.
package struct WritebackStanding: Sendable {
  /// Changes that are not in the backing directory.
  package var operations = 0
  /// Uptime at which the oldest of them came; `nil` when there is none.
  package var oldestMilliseconds: Int?
  /// Whether some of them are in an open plan.
  package var isBeingWrittenBack = false
  /// Failed attempts since something of it was last written back.
  package var failedAttempts = 0
  /// The dead letter among them.
  package var letter: DeadLetter?

  package init() {}

  package mutating func count(since milliseconds: Int?) {
    operations += 1
    oldestMilliseconds = [oldestMilliseconds, milliseconds].compactMap(\.self).min()
  }
}

extension WritebackQueue {
  /// How far an inode is: its contents, its names, those of the directories above it and, of a directory, its entries.
  ///
  /// - Complexity: O(changes of these, and actions of open plans if one of them has the inode).
  package func standing(of inode: InodeNumber, below directories: Set<InodeNumber>) -> WritebackStanding {
    var standing = WritebackStanding()
    if let dirty = contents[inode], !dirty.isIdle {
      standing.count(since: dirty.firstMilliseconds)
      take(.contents(inode), into: &standing)
    }
    let keys = directories.union([inode]).flatMap { graph.keysByInode[$0] ?? [] } + (graph.keysByParent[inode] ?? [])
    for item in Set(keys).compactMap({ graph[$0] }) {
      standing.count(since: item.firstMilliseconds)
      if item.isPlanned { standing.isBeingWrittenBack = true }
      take(.names(item.key), into: &standing)
    }
    addOpenPlans(inode, to: &standing)
    return standing
  }

  /// Sums over all inodes with contents that wait, by priority. - Complexity: O(these, and actions of open plans).
  package func sumsByPriority(_ amount: (InodeNumber) -> Int) -> [(priority: String, bytes: Int)] {
    var sums = CountsByUrgency()
    for (inode, dirty) in contents where !dirty.isIdle { sums[dirty.urgency] += amount(inode) }
    for open in openPlans.values {
      for index in open.remaining {
        let inode = open.actions[index].inode
        if let sealed = open.contents[index], contents[inode] == nil { sums[sealed.urgency] += amount(inode) }
      }
    }
    return Urgency.allCases.map { ($0.name, sums[$0]) }
  }

  /// What is in open plans and not in the graph: sealed contents, and the plans of an earlier mount.
  private func addOpenPlans(_ inode: InodeNumber, to standing: inout WritebackStanding) {
    guard claims.inodes[inode] != nil else { return }
    for open in openPlans.values {
      for index in open.remaining where open.actions[index].inode == inode || open.actions[index].replaced == inode {
        let sealed = open.contents[index]
        guard sealed != nil || open.isRestored else { continue }
        standing.count(since: sealed?.firstMilliseconds ?? open.restoredMilliseconds)
        standing.isBeingWrittenBack = true
        take(open.actions[index].subject, into: &standing)
      }
    }
  }

  private func take(_ subject: WritebackSubject, into standing: inout WritebackStanding) {
    standing.failedAttempts = max(standing.failedAttempts, failures[subject]?.attempts ?? 0)
    if let letter = deadLetters[subject] { standing.letter = letter }
  }
}
