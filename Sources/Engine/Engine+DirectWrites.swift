import FilesystemModel
import Flushing
import StorageInterface

/// A change of a cut off file, to be answered when it is written.
struct DirectWrite {
  let request: Request
  let reply: Reply
}

/// A file that is open on the mount, whose last known name is gone while it has others in the backing directory that nobody has
/// looked up: after a crash nothing would lead to it. What changes is written to the held descriptor, and synced, before it is
/// acknowledged (P1); the journal before it is durable by then (P3). A crash meanwhile may find half of one such change.
extension Engine {
  func writeDirectly(_ write: DirectWrite, _ inode: InodeNumber) {
    let isFirst = shared.withLock { shared in
      shared.directWrites[inode, default: []].append(write)
      return shared.directWrites[inode]?.count == 1
    }
    if isFirst { runner.run(.writeBack) { [self] in writeDirectly(inode) } }
  }

  private func writeDirectly(_ inode: InodeNumber) {
    let (writes, image) = shared.withLock { shared in
      _ = shared.state.cache.seal(inode)
      return (shared.directWrites[inode] ?? [], shared.state.cache.sealed(inode).map { ContentsImage($0) })
    }
    let failure = image.flatMap { (try? journal.commit()) == nil ? .inputOutput : write($0, of: inode) }
    let status = failure == nil ? nil : try? files.held(inode)?.status()
    let isMore = shared.withLock { shared in
      shared.state.cache.release(inode)
      if let status { shared.state.inodes[inode]?.attributes = status.attributes }
      shared.directWrites[inode]?.removeFirst(writes.count)
      if shared.directWrites[inode]?.isEmpty == true { shared.directWrites[inode] = nil }
      return shared.directWrites[inode] != nil
    }
    for write in writes { write.request.answer(failure.map { .failure($0) } ?? .success(write.reply)) }
    if isMore { runner.run(.writeBack) { [self] in writeDirectly(inode) } }
  }

  /// Why the image could not be written; `nil` when it is in the backing file, synced.
  private func write(_ image: ContentsImage, of inode: InodeNumber) -> Errno? {
    guard let file = files.held(inode) else { return .stale }
    let executor = PlanExecutor(storage: backing, actions: [], rules: configuration.rules)
    do throws(Errno) {
      try executor.write(image, to: file) { range throws(Errno) in try readSealed(inode, range) }
      return nil
    } catch {
      return error
    }
  }
}
