import CLinux
import Synchronization

/// Lets the program that a ring's thread answers go on at once, on the processor that they share.
///
/// The kernel moves a thread that is woken to an idle processor, which has to be woken first, rather than leave it where its
/// waker still runs. While the waker has the policy SCHED_IDLE, its own processor counts as idle (`select_idle_sibling` of
/// `kernel/sched/fair.c`). A ring's thread has it from an answer on, as long as one request follows the other, and is an
/// ordinary thread again before it sleeps, so that it wakes as any other does.
///
/// Where several programs wait for the thread's answers it is ordinary: each would otherwise go on before the next is answered,
/// and the thread come and go with each answer.
///
/// Beside a program that computes, an idle thread gets hardly any time once it has had its share: `YieldWatch` makes an ordinary
/// one of it then.
final class ProcessorYield: Sendable {
  /// How far the thread is: it changes with each step of a thread that yields.
  private struct Progress {
    var yields: Bool
    /// It has a request in hand, not only what comes after an answer.
    var isServing: Bool
    var step: UInt64

    init(yields: Bool, isServing: Bool, step: UInt64) {
      self.yields = yields
      self.isServing = isServing
      self.step = step
    }

    init(_ value: UInt64) { self.init(yields: value & 1 != 0, isServing: value & 2 != 0, step: value >> 2) }

    var value: UInt64 { step << 2 | (isServing ? 2 : 0) | (yields ? 1 : 0) }
  }

  /// Written by the thread alone.
  private let progress = Atomic<UInt64>(0)
  /// For so many looks of the watch the thread does not yield. Written by the watch alone.
  private let looksHeld = Atomic<Int>(0)
  /// One more with each answer while others wait, one less with each while none does. The thread's own.
  private let crowd = Atomic<Int>(0)
  /// The thread's number.
  private let thread = Atomic<Int32>(0)

  /// A second: whoever computes beside the thread costs it two looks of that at most.
  private static let looksAfterStanding = 1000 / YieldWatch.milliseconds

  /// From here on the thread does not yield.
  private static let crowdSize = 4
  private static let crowdMax = 16

  /// Takes the calling thread as the one that yields.
  func begin() { thread.store(linux_thread(), ordering: .relaxed) }

  private func step(yields: Bool, isServing: Bool) {
    let step = Progress(progress.load(ordering: .relaxed)).step
    progress.store(Progress(yields: yields, isServing: isServing, step: step + 1).value, ordering: .sequentiallyConsistent)
  }

  private var yields: Bool { Progress(progress.load(ordering: .relaxed)).yields }

  /// Before the answer goes to the kernel.
  ///
  /// - Parameters:
  ///   - othersWait: more requests do, so that the thread had better go on itself.
  ///   - wakeWatch: called before a thread begins to yield.
  func beforeAnswer(othersWait: Bool, _ wakeWatch: () -> Void) {
    let crowd = min(max(crowd.load(ordering: .relaxed) + (othersWait ? 1 : -1), 0), Self.crowdMax)
    self.crowd.store(crowd, ordering: .relaxed)
    let isCrowded = crowd >= Self.crowdSize
    if yields { return isCrowded ? becomeOrdinary() : step(yields: true, isServing: false) }
    guard !othersWait, !isCrowded, looksHeld.load(ordering: .relaxed) == 0 else { return }
    step(yields: true, isServing: false)
    // First, for the thread may get no time to say so afterwards.
    wakeWatch()
    linux_set_idle(0, 1)
  }

  /// Before the thread sleeps.
  func beforeSleep() { if yields { becomeOrdinary() } }

  private func becomeOrdinary() {
    linux_set_idle(0, 0)
    step(yields: false, isServing: false)
  }

  /// A request has come.
  func requestCame() {
    if yields { step(yields: true, isServing: true) }
  }

  /// Makes a thread ordinary that has made no step since the last look. On the watch's thread, while this one lives.
  ///
  /// - Parameters:
  ///   - before: what the last look gave.
  ///   - othersWait: a request waits for this thread.
  /// - Returns: how far the thread is, and whether it may need another look soon.
  func look(since before: UInt64, othersWait: () -> Bool) -> (progress: UInt64, isActive: Bool) {
    let value = progress.load(ordering: .sequentiallyConsistent)
    let now = Progress(value)
    let held = looksHeld.load(ordering: .relaxed)
    if held > 0 { looksHeld.store(held - 1, ordering: .relaxed) }
    if now.yields, value == before {
      linux_set_idle(thread.load(ordering: .relaxed), 0)
      if now.isServing || othersWait() { looksHeld.store(Self.looksAfterStanding, ordering: .relaxed) }
    }
    return (value, now.yields || held > 0 || value != before)
  }
}
