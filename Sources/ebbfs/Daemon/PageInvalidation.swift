import FUSEBridge
import FilesystemModel
import Threading

/// Drops from the kernel's cache what was written around ours, so that it takes no memory and the next read fetches it.
///
/// On a thread of its own: the kernel waits for other requests of the same pages.
final class PageInvalidation: Sendable {
  private let session: MountSession
  private let pool: ThreadPool
  /// What is to be dropped: one range for each inode.
  private let waiting = Lock<[InodeNumber: ByteRange]>([:])

  init(_ session: MountSession) throws(CommandFailure) {
    self.session = session
    do throws(ThreadError) {
      pool = try ThreadPool(name: "ebbfs-pages", threadsMax: 1)
    } catch {
      throw CommandFailure(.failed, "threads cannot be started: \(Errno(rawValue: error.errorNumber).message)")
    }
  }

  /// Has a range dropped soon. Never waits.
  func add(_ inode: InodeNumber, _ range: ByteRange) {
    let isFirst = waiting.withLock { waiting in
      guard let known = waiting[inode] else {
        waiting[inode] = range
        return true
      }
      waiting[inode] = min(known.lowerBound, range.lowerBound)..<max(known.upperBound, range.upperBound)
      return false
    }
    guard isFirst else { return }
    pool.run { [self] in
      // An inode that the kernel has forgotten has nothing to drop.
      if let range = waiting.withLock({ $0.removeValue(forKey: inode) }) { try? session.invalidate(inode, range) }
    }
  }
}
