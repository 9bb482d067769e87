import Engine
import FUSEBridge
import FilesystemModel
import Threading

/// Tells the kernel what others have changed, on a thread of its own: the kernel may wait for requests that it has sent, and
/// these for the threads that noticed the change.
final class KernelInvalidation: Sendable {
  private let session: MountSession
  private let waiting = Lock<[Invalidation]>([])
  /// Above this many the rest is left to the kernel's timeouts.
  private static let waitingMax = 100_000

  init(_ session: MountSession) {
    self.session = session
    // Without the thread the kernel goes by its timeouts.
    try? Threads.start("ebbfs-kernel") { [weak self] in
      while let self, let next = self.next() { self.carryOut(next) }
    }
  }

  /// Returns at once. May be called from any thread.
  func tell(_ invalidations: [Invalidation]) {
    waiting.withLock { $0 += invalidations.prefix(max(0, Self.waitingMax - $0.count)) }
    waiting.wake()
  }

  /// What is to be told next, in pieces of at most a second's wait; `nil` once the mount is gone.
  private func next() -> [Invalidation]? {
    if session.isEnded { return nil }
    let taken = waiting.wait(milliseconds: 1000) { (waiting) -> [Invalidation]? in
      defer { waiting = [] }
      return waiting.isEmpty ? nil : waiting
    }
    return taken ?? []
  }

  private func carryOut(_ invalidations: [Invalidation]) {
    for invalidation in invalidations {
      // What the kernel does not know it need not forget.
      switch invalidation {
      case .inode(let inode): try? session.invalidate(inode)
      case .entry(let location): try? session.invalidateEntry(location)
      }
    }
  }
}
