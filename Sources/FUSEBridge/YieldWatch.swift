import CLinux
import Synchronization
import Threading

/// Looks every few milliseconds whether threads of rings that yield their processors get time, and sleeps while none yields.
final class YieldWatch: Sendable {
  static let milliseconds = 5
  /// Without a yield, before it sleeps.
  private static let looksBeforeSleep = 200

  private let queues: [RingQueue]
  /// Whether it ends.
  private let isStopped = Lock(false)
  /// Whether somebody looks, or will.
  private let isAwake = Atomic(false)

  private init(_ queues: [RingQueue]) { self.queues = queues }

  /// - Returns: `nil` where threads may not yield: there are no rings, or a thread that was idle could not become ordinary again
  ///   (without CAP_SYS_NICE).
  static func start(_ queues: [RingQueue]) -> YieldWatch? {
    guard !queues.isEmpty, linux_may_be_idle() != 0 else { return nil }
    let watch = YieldWatch(queues)
    guard let thread = try? Thread(name: "ebbfs-yield", body: { watch.run() }) else { return nil }
    thread.detach()
    return watch
  }

  /// A thread is about to yield.
  func wake() {
    guard !isAwake.load(ordering: .sequentiallyConsistent) else { return }
    isStopped.withLock { _ in isAwake.store(true, ordering: .sequentiallyConsistent) }
    isStopped.wake()
  }

  /// Ends the watch, soon.
  func stop() {
    isStopped.withLock { $0 = true }
    isStopped.wake()
  }

  private func run() {
    var progress = [UInt64](repeating: 0, count: queues.count)
    while !waits(milliseconds: nil) {
      var quietLooks = 0
      while quietLooks < Self.looksBeforeSleep {
        if waits(milliseconds: Self.milliseconds) { return }
        quietLooks = look(&progress) ? 0 : quietLooks + 1
      }
      isAwake.store(false, ordering: .sequentiallyConsistent)
      // A thread that yields from now on wakes us.
      if look(&progress) { isAwake.store(true, ordering: .sequentiallyConsistent) }
    }
  }

  /// - Parameter progress: of each ring's thread at the last look.
  /// - Returns: whether any may need another look soon.
  private func look(_ progress: inout [UInt64]) -> Bool {
    var isActive = false
    for index in queues.indices {
      let found = queues[index].lookAtYield(since: progress[index])
      progress[index] = found.progress
      isActive = isActive || found.isActive
    }
    return isActive
  }

  /// - Parameter milliseconds: `nil`, until a thread wakes us.
  /// - Returns: whether the watch ends.
  private func waits(milliseconds: Int?) -> Bool {
    let result = isStopped.wait(milliseconds: milliseconds) { isStopped in
      if isStopped { return true }
      return milliseconds == nil && isAwake.load(ordering: .sequentiallyConsistent) ? false : nil
    }
    return result ?? false
  }
}
