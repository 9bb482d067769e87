import FilesystemModel

extension DirtyContents {
  /// Whether an inode has changes that are not yet written back.
  package func hasContents(_ inode: InodeNumber) -> Bool { inodes[inode] != nil }

  /// Whether an inode has changes that write-back is not yet working on.
  package func hasCurrent(_ inode: InodeNumber) -> Bool { inodes[inode]?.current != nil }

  /// The size of the file as far as its dirty contents tell; `nil` leaves it to the backing file.
  package func size(of inode: InodeNumber) -> Int? {
    guard let layers = inodes[inode] else { return nil }
    return layers.current?.sizeAfter ?? layers.sealed?.sizeAfter
  }

  /// The changes of attributes of both layers, merged.
  package func attributes(of inode: InodeNumber) -> AttributeChange {
    guard let layers = inodes[inode] else { return AttributeChange() }
    var attributes = layers.sealed?.attributes ?? AttributeChange()
    if let current = layers.current { attributes.merge(current.attributes) }
    return attributes
  }

  /// The last change of each changed extended attribute, sorted by name.
  package func extendedAttributes(of inode: InodeNumber) -> [ExtendedAttributeChange] {
    guard let layers = inodes[inode] else { return [] }
    var changes = layers.sealed?.extendedAttributes ?? []
    for change in layers.current?.extendedAttributes ?? [] { changes.merge(change) }
    return changes
  }

  /// The oldest and the newest record of the sealed layer; `nil` when nothing is sealed.
  package func sealedLSNs(of inode: InodeNumber) -> ClosedRange<LSN>? {
    inodes[inode]?.sealed.map { $0.firstLSN...$0.lastLSN }
  }

  /// The first record of an inode that is not yet written back.
  package func firstLSN(of inode: InodeNumber) -> LSN? {
    guard let layers = inodes[inode] else { return nil }
    return (layers.sealed ?? layers.current)?.firstLSN
  }

  /// The last record of an inode's contents.
  package func lastLSN(of inode: InodeNumber) -> LSN? {
    guard let layers = inodes[inode] else { return nil }
    return (layers.current ?? layers.sealed)?.lastLSN
  }

  /// The oldest record that is still needed: a low-water mark for contents (R6). All journal positions are of records from
  /// there on.
  package func oldestLSN() -> LSN? { age.oldest?.firstLSN }

  /// The inode whose write-back lets `oldestLSN` advance.
  package func oldestInode() -> InodeNumber? { age.oldest?.inode }

  /// All inodes with changes, in the order of their numbers. O(n log n).
  package var dirtyInodes: [InodeNumber] { inodes.keys.sorted() }
  package var dirtyInodeCount: Int { inodes.count }

  /// Bytes of an inode that are not yet written back; those that both layers have count twice.
  package func dirtyBytes(of inode: InodeNumber) -> Int {
    (inodes[inode]?.current?.byteCount ?? 0) + (inodes[inode]?.sealed?.byteCount ?? 0)
  }

  /// Blocks of an inode with bytes that are not yet written back; those that both layers have count twice.
  package func dirtyBlocks(of inode: InodeNumber) -> Int {
    (inodes[inode]?.current?.blocks.count ?? 0) + (inodes[inode]?.sealed?.blocks.count ?? 0)
  }

  /// Blocks in memory with bytes that are not yet written back.
  package var arenaBlocksUsed: Int { memory.arena.slotsUsed - memory.order.cleanCount }
  package var arenaBlocksTotal: Int { memory.arena.slotsTotal }
}

/// Writes that need no write of their own in the backing directory, and bytes that are never written there, because later ones
/// came before write-back.
package struct Coalesced: Hashable, Sendable {
  /// Writes that touched only blocks with bytes that wait for write-back and are not being written back yet.
  package private(set) var writes = 0
  /// Bytes that were overwritten before write-back.
  package private(set) var bytes = 0

  mutating func count(written: Int, newBytes: Int, newBlocks: Int) {
    if newBlocks == 0, written > 0 { writes += 1 }
    bytes += written - newBytes
  }
}
