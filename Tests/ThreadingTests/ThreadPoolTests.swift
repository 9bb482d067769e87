import Testing
import Threading

@Suite struct ThreadPoolTests {
  @Test func oneThreadRunsJobsInTheirOrder() throws {
    let pool = try ThreadPool(name: "test", threadsMax: 1)
    let seen = Lock<[Int]>([])
    for number in 0..<1000 { pool.run { seen.withLock { $0.append(number) } } }
    #expect(pool.shutdown(waiting: nil))
    #expect(seen.withLock { $0 } == Array(0..<1000))
  }

  @Test func jobsFromManyThreadsAreEachRunOnce() throws {
    let pool = try ThreadPool(name: "test", threadsMax: 8)
    let counts = Lock([Int](repeating: 0, count: 4000))
    let producers = try (0..<4).map { producer in
      JoinedThread(
        try Thread(name: "producer") {
          for index in 0..<1000 {
            pool.run { counts.withLock { $0[producer * 1000 + index] += 1 } }
          }
        })
    }
    for producer in producers { producer.join() }
    #expect(pool.shutdown(waiting: nil))
    #expect(counts.withLock { $0.allSatisfy { $0 == 1 } })
  }

  @Test func asManyJobsAsThreadsRunAtTheSameTimeAndNoMore() throws {
    let pool = try ThreadPool(name: "test", threadsMax: 4)
    let running = Lock((now: 0, most: 0, mayEnd: false))
    for _ in 0..<12 {
      pool.run {
        running.withLock {
          $0.now += 1
          $0.most = max($0.most, $0.now)
        }
        running.wake()
        let _: Void? = running.wait { $0.mayEnd ? () : nil }
        running.withLock { $0.now -= 1 }
      }
    }
    #expect(running.wait(milliseconds: 10_000) { $0.now == 4 ? true : nil } == true)
    #expect(pool.jobs == 12)
    running.withLock { $0.mayEnd = true }
    running.wake()
    #expect(pool.shutdown(waiting: nil))
    #expect(running.withLock { $0.most } == 4)
    #expect(pool.jobs == 0)
  }

  @Test func shutdownLeavesAHangingJobAndDiscardsWhatWaitsBehindIt() throws {
    let pool = try ThreadPool(name: "test", threadsMax: 1)
    let state = Lock((mayEnd: false, later: false))
    let witness = Lock(0)
    pool.run { let _: Void? = state.wait { $0.mayEnd ? () : nil } }
    let token = ReleaseWitness(witness)
    pool.run { [token] in
      _ = token
      state.withLock { $0.later = true }
    }
    _ = consume token
    #expect(!pool.shutdown(waiting: 50))
    #expect(witness.withLock { $0 } == 1, "the discarded job is released")
    #expect(!pool.run {}, "no job is taken any more")
    state.withLock { $0.mayEnd = true }
    state.wake()
    #expect(pool.shutdown(waiting: nil))
    #expect(!state.withLock { $0.later })
  }

  @Test func whatAJobHoldsIsReleasedWhenShutdownReturns() throws {
    for _ in 0..<200 {
      let pool = try ThreadPool(name: "test", threadsMax: 2)
      let witness = Lock(0)
      let token = ReleaseWitness(witness)
      pool.run { [token] in _ = token }
      _ = consume token
      #expect(pool.shutdown(waiting: nil))
      #expect(witness.withLock { $0 } == 1)
    }
  }

  @Test func aPoolThatNobodyHoldsEndsItsThreads() throws {
    let before = threadCount("pool-gone")
    var pools: [ThreadPool] = []
    for _ in 0..<3 { pools.append(try ThreadPool(name: "pool-gone", threadsMax: 1)) }
    #expect(before == 0)
    #expect(eventually { threadCount("pool-gone") == 3 })
    pools = []
    #expect(eventually { threadCount("pool-gone") == 0 })
  }
}

/// Counts when it is released.
final class ReleaseWitness: Sendable {
  private let count: Lock<Int>
  init(_ count: Lock<Int>) { self.count = count }
  deinit { count.withLock { $0 += 1 } }
}
