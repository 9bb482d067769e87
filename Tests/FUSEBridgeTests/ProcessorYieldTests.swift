import Glibc
import Testing

@testable import FUSEBridge

/// On the test's own thread, which is an ordinary one again at the end.
@Suite(.serialized) struct ProcessorYieldTests {
  private let yield = ProcessorYield()

  /// Whether the calling thread is idle, as the kernel sees it.
  private var isIdle: Bool { sched_getscheduler(0) == Self.idle }
  /// SCHED_IDLE.
  private static let idle: Int32 = 5

  private func answer(othersWait: Bool = false) -> Bool {
    var isWatchWoken = false
    yield.beforeAnswer(othersWait: othersWait) { isWatchWoken = true }
    return isWatchWoken
  }

  private func look(since before: UInt64, othersWait: Bool = false) -> UInt64 {
    yield.look(since: before) { othersWait }.progress
  }

  @Test func aThreadYieldsFromAnAnswerUntilItSleeps() {
    yield.begin()
    defer { yield.beforeSleep() }
    #expect(answer() && isIdle)
    // The next request was there at once.
    yield.requestCame()
    #expect(!answer() && isIdle, "the watch knows")
    yield.beforeSleep()
    #expect(!isIdle)
    #expect(answer() && isIdle)
  }

  @Test func aThreadWithMoreToDoDoesNotYield() {
    yield.begin()
    defer { yield.beforeSleep() }
    #expect(!answer(othersWait: true) && !isIdle)
  }

  @Test func aThreadThatManyWaitForDoesNotYieldUntilTheyAreFew() {
    yield.begin()
    defer { yield.beforeSleep() }
    _ = answer()
    // A request that nobody waits for, as of a file that is closed, is no crowd.
    for _ in 0..<20 { #expect(!answer(othersWait: true) && !answer() && isIdle) }
    for _ in 0..<20 { _ = answer(othersWait: true) }
    #expect(!isIdle)
    for _ in 0..<12 { #expect(!answer() && !isIdle) }
    #expect(answer() && isIdle)
  }

  @Test func aThreadThatGoesOnStaysIdle() {
    yield.begin()
    defer { yield.beforeSleep() }
    _ = answer()
    var progress = look(since: 0)
    for _ in 0..<5 {
      yield.requestCame()
      progress = look(since: progress)
      _ = answer()
      progress = look(since: progress)
    }
    #expect(isIdle)
  }

  @Test(arguments: [true, false]) func aThreadThatStandsIsMadeOrdinary(othersWait: Bool) {
    yield.begin()
    defer { yield.beforeSleep() }
    _ = answer()
    let progress = look(since: 0)
    #expect(isIdle)
    #expect(look(since: progress, othersWait: othersWait) == progress)
    #expect(!isIdle)
    yield.beforeSleep()
    // Nobody is let go first for a second by a thread that kept somebody waiting.
    #expect(answer() != othersWait && isIdle != othersWait)
  }

  @Test func aThreadThatStandsWithARequestDoesNotYieldForAWhile() {
    yield.begin()
    defer { yield.beforeSleep() }
    _ = answer()
    yield.requestCame()
    var progress = look(since: look(since: 0))
    yield.beforeSleep()
    #expect(!answer() && !isIdle)
    var looks = 0
    while yield.look(since: progress, othersWait: { false }).isActive, looks < 1000 {
      progress = look(since: progress)
      looks += 2
    }
    #expect(looks > 100 && answer() && isIdle)
  }
}
