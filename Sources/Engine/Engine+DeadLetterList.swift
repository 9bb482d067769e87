import FilesystemModel
import Flushing
import Inodes

/// A change that waits, as an operator knows it. Paths are those that the mount shows, from its root, `a/b`; the root is empty.
package struct WaitingChange: Hashable, Sendable {
  package var kind: PhysicalAction.Kind
  package var fileKind: FileKind
  package var path: [UInt8]
  /// The name before, of a renaming.
  package var pathBefore: [UInt8]?

  package init(kind: PhysicalAction.Kind, fileKind: FileKind, path: [UInt8], pathBefore: [UInt8]? = nil) {
    self.kind = kind
    self.fileKind = fileKind
    self.path = path
    self.pathBefore = pathBefore
  }
}

/// A dead letter with what an operator wants to know of it.
package struct DeadLetterStatus: Hashable, Sendable {
  package var letter: DeadLetter
  package var change: WaitingChange
  /// Whether nobody knows if the backing directory has carried it out.
  package var isInDoubt: Bool
  /// What cannot be written back before it.
  package var dependents: [WaitingChange]

  package var path: [UInt8] { change.path }
}

extension Engine {
  /// All dead letters, by age. - Complexity: O(letters and what waits for them).
  package func deadLetters() -> [DeadLetterStatus] {
    shared.withLock { shared in
      let state = shared.state
      return state.queue.sortedDeadLetters.map { letter in
        var dependents: [PendingItem] = []
        if case .names(let key) = letter.subject {
          let change = state.queue.graph[key]?.change
          dependents = state.queue.withDependents([key]).filter { $0.change != change && $0.key == $0.change }
        }
        return DeadLetterStatus(
          letter: letter, change: state.waitingChange(letter.action), isInDoubt: state.queue.isInDoubt(letter),
          dependents: dependents.map { state.waitingChange($0.action) })
      }
    }
  }
}

extension EngineState {
  func waitingChange(_ action: PhysicalAction) -> WaitingChange {
    WaitingChange(
      kind: action.kind, fileKind: action.fileKind, path: shownPath(of: action),
      pathBefore: action.kind == .rename ? action.source.map { shownPath(of: $0) } : nil)
  }

  /// Where the mount shows what an action makes or writes; where it was, of a removal.
  func shownPath(of action: PhysicalAction) -> [UInt8] {
    guard let target = action.target, inodes.inode(at: target)?.number != action.inode else {
      return (action.target ?? (action.kind == .writeContents ? nil : action.source)).map { shownPath(of: $0) }
        ?? shownPath(of: action.inode)
    }
    return inodes[action.inode].flatMap { $0.names.first }.map { shownPath(of: $0) } ?? shownPath(of: target)
  }

  func shownPath(of number: InodeNumber) -> [UInt8] {
    guard let inode = inodes[number], number != .root else { return [] }
    return (inode.names.first ?? inode.backingNames.first).map { shownPath(of: $0) } ?? []
  }

  private func shownPath(of location: Location) -> [UInt8] {
    var names = [location.name]
    var parent = location.parent
    while parent != .root, let above = inodes[parent].flatMap({ $0.names.first ?? $0.backingNames.first }) {
      names.append(above.name)
      parent = above.parent
    }
    return names.reversed().relativePathBytes
  }
}
