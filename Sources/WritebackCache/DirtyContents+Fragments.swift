import FilesystemModel

/// Bytes that only the arena has in one piece.
package struct ArenaFragment: Hashable, Sendable {
  package let inode: InodeNumber
  package let offset: Int
  package let bytes: [UInt8]
}

extension DirtyContents {
  /// Bytes of current layers that keep blocks in the arena: so many small writes made them that nobody knows any more where in
  /// the journal they are. Journaled once more, as writes of the same bytes, their blocks can be evicted.
  ///
  /// - Parameter blocksMax: how many blocks' bytes are wanted.
  /// - Complexity: O(dirty blocks).
  package func arenaFragments(blocksMax: Int) -> [ArenaFragment] {
    var fragments: [ArenaFragment] = []
    var blocksLeft = blocksMax
    for (inode, layers) in inodes {
      for (index, block) in layers.current?.blocks ?? [:] {
        guard blocksLeft > 0 else { return fragments }
        guard let slot = block.slot, !block.segments.isWholeInJournal else { continue }
        blocksLeft -= 1
        for segment in block.segments.all where segment.position == nil {
          var bytes: [UInt8] = []
          memory.arena.append(slot, from: segment.range.lowerBound, count: segment.count, to: &bytes)
          fragments.append(
            ArenaFragment(inode: inode, offset: index * Self.blockBytes + segment.range.lowerBound, bytes: bytes))
        }
      }
    }
    return fragments
  }
}
