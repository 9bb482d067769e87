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

  /// Or a pool would work on one processor, in what the programs on it leave, because of who gave it its job.
  @Test func aThreadIsNotTiedAsItsMakerIs() throws {
    let found = Lock<[[String]]>([])
    let maker = try Thread(name: "maker") {
      guard linux_tie_thread(0) == 0, linux_set_idle(0, 1) == 0 else { return }
      found.withLock { $0.append(placement(of: linux_thread())) }
      try? Thread(name: "made") { found.withLock { $0.append(placement(of: linux_thread())) } }.join()
    }
    maker.join()
    #expect(found.withLock { $0 } == [["5", "0"], placement(of: getpid())])
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

/// A thread's policy, and its processors as the kernel writes them.
private func placement(of thread: Int32) -> [String] {
  var text = [UInt8](repeating: 0, count: 8192)
  let file = unsafe open("/proc/\(thread)/status", O_RDONLY)
  defer { close(file) }
  let count = unsafe read(file, &text, text.count)
  let lines = String(decoding: text.prefix(max(0, count)), as: UTF8.self).split(separator: "\n")
  let processors = lines.first { $0.hasPrefix("Cpus_allowed_list:") }?.split(separator: "\t").last.map(String.init)
  return [String(sched_getscheduler(thread)), processors ?? ""]
}
