import FilesystemModel
import StorageInterface

extension Engine {
  /// Asks the backing directory in the background how much is free there, if it is time for that: at most once a second while
  /// something is pending, and at once after each plan while a change does not fit. No request waits for a call that hangs.
  package func measureSpaceIfDue() {
    let now = clock.uptimeMilliseconds()
    let isBegun = shared.withLock { shared in
      guard !shared.isStopping else { return false }
      let hasPending = shared.state.space.reservedBytes > 0 || shared.state.queue.graph.creationsCount > 0
      return shared.state.space.begin(nowMilliseconds: now, hasPending: hasPending)
    }
    guard isBegun else { return }
    runner.run(.load) { [self] in
      let statistics = rootFailure() == nil ? try? backing.statistics() : nil
      let waiting = shared.withLock { shared in
        shared.state.space.end(statistics)
        return shared.parking.takeWaitersOfRoom()
      }
      for request in waiting { attempt(request) }
    }
  }
}
