import CLinux
import Glibc
import Testing
import Threading

@Suite struct ThreadTests {
  @Test func joinWaitsForTheBody() throws {
    let state = Lock(0)
    let thread = try Thread(name: "joined") {
      linux_sleep(50)
      state.withLock { $0 = 1 }
    }
    thread.join()
    #expect(state.withLock { $0 } == 1)
  }

  @Test func aThreadHasItsNameCutToFifteenBytes() throws {
    let mayEnd = Lock(false)
    let thread = try Thread(name: "sixteen-bytes-xy") { let _: Void? = mayEnd.wait { $0 ? () : nil } }
    #expect(eventually { threadCount("sixteen-bytes-x") == 1 })
    mayEnd.withLock { $0 = true }
    mayEnd.wake()
    thread.join()
  }

  @Test func signalsAreNotDeliveredToAThread() throws {
    let blocked = Lock<[Bool]>([])
    let thread = try Thread(name: "masked") {
      var mask = sigset_t()
      unsafe pthread_sigmask(SIG_BLOCK, nil, &mask)
      let members = [SIGTERM, SIGINT, SIGUSR1, SIGPIPE, SIGXFSZ, SIGSEGV].map { unsafe sigismember(&mask, $0) == 1 }
      blocked.withLock { $0 = members }
    }
    thread.join()
    #expect(blocked.withLock { $0 } == [true, true, true, true, true, false])
  }

  @Test func theMakersSignalMaskIsAsBefore() throws {
    var before = sigset_t()
    var after = sigset_t()
    unsafe pthread_sigmask(SIG_BLOCK, nil, &before)
    try Thread(name: "mask") {}.join()
    unsafe pthread_sigmask(SIG_BLOCK, nil, &after)
    for signal in [SIGTERM, SIGINT, SIGUSR1, SIGPIPE] {
      #expect(unsafe sigismember(&before, signal) == sigismember(&after, signal))
    }
  }

  @Test func whatTheBodyHoldsIsReleasedWithTheThread() throws {
    let witness = Lock(0)
    let token = ReleaseWitness(witness)
    let thread = try Thread(name: "holder") { [token] in _ = token }
    _ = consume token
    thread.join()
    #expect(witness.withLock { $0 } == 1)
  }

  @Test func tooSmallAStackIsAnErrorAndReleasesTheBody() {
    let witness = Lock(0)
    let token = ReleaseWitness(witness)
    #expect(throws: ThreadError.self) {
      try Thread(name: "small", stackBytes: 1) { [token] in _ = token }.join()
    }
    _ = consume token
    #expect(witness.withLock { $0 } == 1)
  }
}

@Suite struct LockTests {
  @Test func aWaitWithoutAResultEndsWithItsTime() {
    let lock = Lock(0)
    let began = linux_uptime_nanoseconds() / 1_000_000
    #expect(lock.wait(milliseconds: 60) { $0 == 1 ? true : nil } == nil)
    let took = linux_uptime_nanoseconds() / 1_000_000 - began
    #expect(took >= 55 && took < 10_000)
  }

  @Test func wakingOneIsEnoughForOne() throws {
    let lock = Lock((tokens: 0, taken: 0))
    let threads = try (0..<4).map { _ in
      JoinedThread(
        try Thread(name: "taker") {
          let _: Void? = lock.wait { state in
            guard state.tokens > 0 else { return nil }
            state.tokens -= 1
            state.taken += 1
            return ()
          }
        })
    }
    for _ in 0..<4 {
      lock.withLock { $0.tokens += 1 }
      lock.wakeOne()
    }
    for thread in threads { thread.join() }
    #expect(lock.withLock { $0.taken } == 4)
  }
}
