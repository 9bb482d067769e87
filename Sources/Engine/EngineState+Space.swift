import FilesystemModel
import Inodes
import StorageInterface
import WritebackCache

extension EngineState {
  /// Refuses a change that needs space which the backing directory does not have. Before that it waits a while for what is being
  /// written back, which may free some, and for a measurement after that.
  func admitSpace(bytes: Int, files: Int = 0, _ request: Request) throws(Interruption) {
    guard bytes > 0 || files > 0, !space.hasRoom(bytes: bytes, files: files, pendingCreations: queue.graph.creationsCount) else {
      return
    }
    let now = clock.uptimeMilliseconds()
    let shortage = request.shortage ?? Shortage(through: journal.lastLSN, sinceMilliseconds: now)
    let isWrittenBack = queue.oldestLSN.map { $0 > shortage.through } ?? true
    let isOver = now - shortage.sinceMilliseconds >= SpaceReservation.patienceMilliseconds
    guard isOver || isWrittenBack && space.isCurrent(nowMilliseconds: now) else { throw .needsRoom(.backing(shortage)) }
    throw .failure(.noSpace)
  }

  /// statfs: what can really be written.
  func statistics() -> Outcome {
    .ask(
      Question { [space, pendingCreations = queue.graph.creationsCount] (backing) throws(Errno) in
        .statistics(space.remaining(of: try backing.statistics(), pendingCreations: pendingCreations))
      })
  }

  /// How many bytes more than reserved a write needs.
  func bytesNeeded(by inode: Inode, writing range: ByteRange, before: Attributes) -> Int {
    let change = DataChange.write(offset: range.lowerBound, count: range.count)
    let after = Self.estimatedBlocks(before, after: change, size: max(before.size, range.upperBound))
    let touched = Self.blocks(through: range.upperBound) - range.lowerBound / DirtyContents.blockBytes
    let growth = growth(of: inode, blocks512: after, dirtyBlocks: cache.dirtyBlocks(of: inode.number) + touched)
    return max(0, growth - inode.reservedBytes)
  }

  /// Reserves what the inode's pending changes will take, no less and no more.
  mutating func reserve(_ inode: Inode) {
    let bytes = bytesReserved(for: inode)
    space.reservedBytes += bytes - inode.reservedBytes
    inode.reservedBytes = bytes
  }

  private func bytesReserved(for inode: Inode) -> Int {
    guard inode.isKept else { return 0 }
    if inode.kind == .directory { return inode.isInBacking ? 0 : DirtyContents.blockBytes }
    let dirty = cache.dirtyBlocks(of: inode.number)
    guard dirty > 0, let attributes = inode.attributes else { return dirty * DirtyContents.blockBytes }
    return growth(of: inode, blocks512: attributes.blocks512, dirtyBlocks: dirty)
  }

  /// What a file will take in the backing directory besides what it has there, in bytes: no more than its dirty blocks.
  private func growth(of inode: Inode, blocks512: Int, dirtyBlocks: Int) -> Int {
    512 * max(0, min(blocks512 - inode.backingBlocks512, dirtyBlocks * Self.blocks512PerBlock))
  }

  private static let blocks512PerBlock = DirtyContents.blockBytes / 512

  /// The inode's attributes were read: what the backing directory has of it needs no space, what is pending may.
  mutating func noteLoaded(_ inode: Inode) {
    guard let attributes = inode.attributes, inode.kind == .regular else { return }
    inode.backingBlocks512 = attributes.blocks512
    let dirty = cache.dirtyBlocks(of: inode.number)
    let full = Self.blocks(through: attributes.size)
    if dirty > 0, attributes.blocks512 / Self.blocks512PerBlock < full {
      let pending = min(full, attributes.blocks512 / Self.blocks512PerBlock + dirty)
      inode.attributes?.blocks512 = max(attributes.blocks512, pending * Self.blocks512PerBlock)
    }
    reserve(inode)
  }

  /// The inode's sealed contents are in the backing directory: what they took is reserved no more.
  ///
  /// - Returns: how many bytes that was.
  mutating func noteWritten(_ inode: Inode) -> Int {
    let before = inode.reservedBytes
    if inode.kind == .regular, let blocks512 = inode.attributes?.blocks512 {
      let left = cache.dirtyBlocks(of: inode.number) * Self.blocks512PerBlock
      inode.backingBlocks512 = min(blocks512, max(inode.backingBlocks512, blocks512 - left))
    }
    reserve(inode)
    return max(0, before - inode.reservedBytes)
  }

  /// Reserves for everything that recovery found pending: contents, and directories that are not there yet. Other new files need
  /// no space of their own.
  mutating func reserveAll(_ recovery: Recovery) {
    for number in cache.dirtyInodes { inodes[number].map { reserve($0) } }
    for creation in recovery.created.values where creation.inode.attributes.kind == .directory {
      inodes[creation.inode.number].map { reserve($0) }
    }
  }
}
