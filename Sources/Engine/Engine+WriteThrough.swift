import FilesystemModel
import Inodes

/// A change that is answered once it is in the backing directory.
struct WriteThrough {
  let request: Request
  let reply: Reply
  let lsn: LSN
  /// The inodes that it changed or named.
  let inodes: [InodeNumber]
}

/// Mode `write-through`. The change is journaled as always, so that order, recovery and rewriting are as always; its answer waits
/// until nothing of its inodes up to its record is pending, which pressing makes due at once.
///
/// What fails is tried again as always, and the caller waits, as one of a hard NFS mount does: to answer an error would be half
/// an acknowledgement, since the change is journaled and seen by others. A signal ends the wait with EINTR, and write-back goes
/// on. When the change is given up, or waits for one that was, the caller gets the errno of that dead letter.
extension Engine {
  /// Parks a change that has been carried out.
  ///
  /// - Parameter named: the inodes that the operation named before it was carried out.
  func writeThrough(_ request: Request, _ reply: Reply, after lsn: LSN, _ named: [Inode], _ shared: inout Shared) {
    var inodes = Set((named + shared.state.named(by: request.operation)).map(\.number))
    if case .makeTemporary(let parent, _) = request.operation { inodes.remove(parent) }
    for inode in inodes.sorted() { shared.state.queue.press(inode, through: lsn) }
    shared.parking.parkForBacking(request)
    shared.writeThroughs.append(WriteThrough(request: request, reply: reply, lsn: lsn, inodes: inodes.sorted()))
  }

  /// Answers changes that have arrived in the backing directory. With the journal failed none will.
  func completeWriteThroughs() {
    let hasFailed = journal.failure != nil
    let finished = shared.withLock { shared -> [(WriteThrough, Errno?)] in
      guard !shared.writeThroughs.isEmpty else { return [] }
      let queue = shared.state.queue
      var finished: [(WriteThrough, Errno?)] = []
      shared.writeThroughs.removeAll { wait in
        let pending = wait.inodes.filter { queue.isPending($0, through: wait.lsn) }
        let errno = hasFailed ? .inputOutput : pending.lazy.compactMap { queue.refusal(of: $0, through: wait.lsn) }.first
        guard pending.isEmpty || errno != nil else { return false }
        finished.append((wait, errno))
        return true
      }
      return finished.filter { shared.parking.take($0.0.request.number) != nil }
    }
    for (wait, errno) in finished {
      if let errno {
        wait.request.answer(.failure(errno))
      } else {
        // What was undone before it was written back is never there: that it was is durable then.
        var request = wait.request
        request.policy.durability = .always
        answer(request, wait.reply, after: wait.lsn)
      }
    }
  }
}
