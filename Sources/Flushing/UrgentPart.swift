import FilesystemModel

/// Changes of some files that somebody waits for, with all that these must wait for: where they are hastened they have the
/// greatest urgency.
struct UrgentPart {
  /// Keys of pending items, and the records that they complete.
  var stages: Set<Stage> = []
  /// The record through which the contents of each inode are wanted.
  var contents: [InodeNumber: LSN] = [:]

  var isEmpty: Bool { stages.isEmpty && contents.isEmpty }

  /// Forgets what is in the backing directory, or needs no write-back any more.
  mutating func settle(_ completed: some Sequence<Stage>, _ completions: [ContentsCompletion]) {
    stages.subtract(completed)
    for completion in completions where contents[completion.inode].map({ $0 <= completion.through }) ?? false {
      contents[completion.inode] = nil
    }
  }
}

/// Inodes and directories, as a change of names touches them.
package struct TouchedInodes {
  /// Moved, named, replaced or removed.
  package var inodes: [InodeNumber]
  /// Directories whose entries change.
  package var parents: [InodeNumber]
}

/// How much of an urgent part is left.
package struct UrgentPartLeft: Hashable, Sendable {
  package var operations: Int
  /// Inodes whose contents are not written back yet.
  package var inodes: [InodeNumber]
}

extension WritebackQueue {
  /// Follows pending changes, together with what they must wait for, until they are written back.
  ///
  /// - Parameters:
  ///   - contents: The inodes whose contents are wanted, with the last record of each.
  ///   - isHastened: Whether they become due at once and come before all others; those of open plans are only waited for.
  ///   - isWanted: Whether a change of names is.
  /// - Returns: a number by which `left(ofUrgentPart:)` knows the part.
  /// - Complexity: O(n log n) in the number of pending items.
  package mutating func followPart(
    contents: [InodeNumber: LSN], isHastened: Bool = true, where isWanted: (TouchedInodes) -> Bool
  ) -> Int {
    let contents = contents.filter { self.contents[$0.key]?.isIdle != true }
    var part = UrgentPart(contents: contents)
    var wanted = graph.items.values.filter { isWanted(TouchedInodes(inodes: $0.inodes, parents: $0.parents)) }.map(\.key)
    wanted += contents.keys.compactMap { graph.creation(of: $0)?.key }
    insert(wanted, into: &part)
    for open in openPlans.values where open.isRestored {
      for action in open.remaining.map({ open.actions[$0] }) {
        let inodes = [action.inode] + [action.replaced].compactMap(\.self)
        let parents = [action.source?.parent, action.target?.parent].compactMap(\.self)
        if isWanted(TouchedInodes(inodes: inodes, parents: parents)) { part.stages.formUnion(action.completes) }
      }
    }
    if isHastened { graph.raise(part.stages, to: .pressed) }
    for inode in contents.keys {
      // Times that became idle would never be written, and the wait would never end.
      if isHastened { pressContents(of: inode) } else { self.contents[inode]?.mustBeWritten = true }
    }
    urgentPartsCount += 1
    if !part.isEmpty { urgentParts[urgentPartsCount] = part }
    return urgentPartsCount
  }

  /// What is left of a part; `nil` once all of it is in the backing directory, durably.
  ///
  /// - Complexity: O(its inodes).
  package func left(ofUrgentPart number: Int) -> UrgentPartLeft? {
    urgentParts[number].map { part in
      UrgentPartLeft(operations: part.stages.count + part.contents.count, inodes: part.contents.keys.sorted())
    }
  }

  /// The numbers of the parts that are not written back yet.
  package var urgentPartNumbers: Set<Int> { Set(urgentParts.keys) }

  /// Adds items and what they must wait for.
  private func insert(_ keys: [Stage], into part: inout UrgentPart) {
    var waiting = keys
    while let key = waiting.popLast() {
      guard let item = graph[key], part.stages.insert(key).inserted else { continue }
      part.stages.formUnion(item.completes)
      waiting += item.dependencies
    }
  }

  /// Tells all parts what needs no write-back any more.
  mutating func settleUrgent(_ completed: [Stage], _ contents: [ContentsCompletion]) {
    for (number, part) in urgentParts {
      var left = part
      left.settle(completed, contents)
      urgentParts[number] = left.isEmpty ? nil : left
    }
  }

  /// A change was rewritten to include urgent ones: what it waits for is urgent too.
  mutating func extendUrgent(by key: Stage) {
    guard let item = graph[key] else { return }
    for (number, part) in urgentParts where item.completes.contains(where: { part.stages.contains($0) }) {
      var extended = part
      insert([key], into: &extended)
      urgentParts[number] = extended
    }
  }
}
