import FilesystemModel
import Inodes
import WriteAheadLog

/// How much is left of what somebody waits for.
package struct DrainLeft: Hashable, Sendable {
  package var bytes: Int
  package var operations: Int
}

extension Engine {
  /// Calls `completion` once everything acknowledged before the call that concerns the given inodes is in the backing directory
  /// and synced there: their contents and names, those of everything below a directory, and what these must wait for. Numbers
  /// that nobody knows have nothing to be written back. Dead letters among it, and what waits for them, are left: `completion`
  /// is told how many letters they are.
  ///
  /// - Parameter isHastened: Whether it is written back before all else; or it has its turn, and is only waited for.
  /// - Returns: what `left(ofDrain:)` knows the wait by.
  /// - Complexity: O(n log n) in what is pending.
  package func drain(
    _ inodes: Set<InodeNumber>, isHastened: Bool = true, completion: @escaping @Sendable (Int) -> Void
  ) -> Int {
    let number = shared.withLock { shared in
      if isHastened { shared.state.queue.forgetDelays() }
      let number = shared.state.followPart(below: inodes, isHastened: isHastened)
      let around = shared.state.writesAround(below: inodes)
      shared.drains.append(Drain(extent: .part(number), around: around, completion: completion))
      return number
    }
    tick()
    return number
  }

  /// What is left of a part that is waited for; nothing once it is written back.
  package func left(ofDrain number: Int) -> DrainLeft {
    shared.withLock { shared in
      guard let left = shared.state.queue.left(ofUrgentPart: number) else { return DrainLeft(bytes: 0, operations: 0) }
      let bytes = left.inodes.reduce(0) { $0 + shared.state.cache.dirtyBytes(of: $1) }
      return DrainLeft(bytes: bytes, operations: left.operations)
    }
  }
}

extension EngineState {
  /// Follows, and may make urgent, what is pending of inodes and of everything below them, and of the names of the directories
  /// above.
  fileprivate mutating func followPart(below tops: Set<InodeNumber>, isHastened: Bool) -> Int {
    var subtree = Subtree(tops: tops)
    var contents: [InodeNumber: LSN] = [:]
    for number in cache.dirtyInodes where subtree.contains(number, inodes) && inodes[number]?.isKept == true {
      contents[number] = cache.lastLSN(of: number)
    }
    let above = Set(tops.compactMap { inodes[$0] }.flatMap { directories(above: $0) })
    return queue.followPart(contents: contents, isHastened: isHastened) { [inodes] touched in
      touched.inodes.contains { above.contains($0) || subtree.contains($0, inodes) }
        || touched.parents.contains { subtree.contains($0, inodes) }
    }
  }

  /// What was written around the journal of inodes and of everything below them.
  fileprivate func writesAround(below tops: Set<InodeNumber>) -> [InodeNumber: Int] {
    var subtree = Subtree(tops: tops)
    return around.unsynchronized.filter { subtree.contains($0.key, inodes) }
  }

  /// The directories above all names of an inode.
  func directories(above inode: Inode) -> Set<InodeNumber> {
    var above: Set<InodeNumber> = []
    var waiting = inode.names.map(\.parent)
    while let directory = waiting.popLast() {
      if above.insert(directory).inserted { waiting += inodes[directory]?.names.map(\.parent) ?? [] }
    }
    return above
  }
}

/// Some inodes and all that lies below them on the mount.
private struct Subtree {
  let tops: Set<InodeNumber>
  /// Whether directories that were asked about lie in it.
  private var known: [InodeNumber: Bool] = [:]

  init(tops: Set<InodeNumber>) { self.tops = tops }

  /// - Complexity: O(names × depth), less for what lies in directories that were asked about.
  mutating func contains(_ number: InodeNumber, _ inodes: InodeTable) -> Bool {
    if tops.contains(number) { return true }
    guard let inode = inodes[number] else { return false }
    return inode.names.contains { hasDirectory($0.parent, inodes) }
  }

  private mutating func hasDirectory(_ number: InodeNumber, _ inodes: InodeTable) -> Bool {
    var passed: [InodeNumber] = []
    var next: InodeNumber? = number
    var isInside = false
    while let directory = next {
      isInside = known[directory] ?? tops.contains(directory)
      if isInside || known[directory] != nil { break }
      passed.append(directory)
      next = inodes[directory]?.names.first?.parent
    }
    for directory in passed { known[directory] = isInside }
    return isInside
  }
}
