import CLinux
import FilesystemModel
import StorageInterface
import Testing
import Threading

@testable import PosixStorage

@Suite struct ClockAndRunnerTests {
  @Test func theTimeOfDayIsThatOfTheFilesystem() throws {
    let directory = TestDirectory()
    let clock = SystemClock()
    let before = clock.now()
    let made = try directory.storage().put("x", at: at("f")).status().attributes.modified
    let after = clock.now()
    // A filesystem's time is that of the kernel's last tick.
    #expect(before.seconds - 1 <= made.seconds && made <= after)
  }

  @Test func uptimeCountsMilliseconds() {
    let clock = SystemClock()
    let before = clock.uptimeMilliseconds()
    linux_sleep(30)
    let took = clock.uptimeMilliseconds() - before
    #expect(took >= 29 && took < 10_000)
  }

  @Test func hangingJobsOfOneKindDoNotStopTheOthers() throws {
    let runner = try ThreadedJobRunner(loadThreads: 2, writeBackThreads: 3, journalThreads: 1)
    let state = Lock((hanging: 0, mayEnd: false, done: Set<JobKind>()))
    for _ in 0..<10 {
      runner.run(.writeBack) {
        state.withLock { $0.hanging += 1 }
        state.wake()
        let _: Void? = state.wait { $0.mayEnd ? () : nil }
      }
    }
    for kind in [JobKind.load, .journal] {
      runner.run(kind) {
        state.withLock { _ = $0.done.insert(kind) }
        state.wake()
      }
    }
    #expect(state.wait(milliseconds: 10_000) { $0.done.count == 2 && $0.hanging == 3 ? true : nil } == true)
    #expect(runner.jobs(.writeBack) == 10)
    #expect(!runner.shutdown(waiting: 20))
    state.withLock { $0.mayEnd = true }
    state.wake()
    #expect(runner.shutdown(waiting: nil))
    #expect(state.withLock { $0.hanging } == 3, "what had not begun was discarded")
  }

  @Test func aJobIsNeverRunInsideOfRun() throws {
    let runner = try ThreadedJobRunner()
    let lock = Lock(0)
    for kind in JobKind.allCases {
      // Would wait for itself for ever.
      lock.withLock { _ in runner.run(kind) { lock.withLock { $0 += 1 } } }
    }
    #expect(runner.shutdown(waiting: nil))
    #expect(lock.withLock { $0 } == JobKind.allCases.count)
  }
}
