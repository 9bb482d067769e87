import FilesystemModel
import Flushing
import StorageInterface

extension Engine {
  /// Gives dead letters up: from then on the mount shows what the backing directory has. Returns when that is durable; slow.
  ///
  /// - Parameters:
  ///   - subjects: Those that are no dead letters are passed over.
  ///   - withDependents: Whether what waits for them is given up too; else its being there is a refusal.
  /// - Returns: What the kernel is to be told to forget.
  package func discardDeadLetters(
    _ subjects: [WritebackSubject], withDependents: Bool
  ) throws(DiscardRefusal) -> Forgotten {
    if let failure = journal.failure { throw .journal(failure) }
    var forgotten = try withState { (state) throws(DiscardRefusal) in
      try state.discard(subjects, withDependents: withDependents)
    }
    do throws(Errno) { try commitDiscard() } catch { throw .journal(error) }
    metrics.changesDiscarded.add(forgotten.count)
    let missing = missing(among: forgotten.inodes)
    if !missing.isEmpty {
      let more = shared.withLock { shared in missing.map { shared.state.forgetMissing($0) } }
      do throws(Errno) { try commitDiscard() } catch { throw .journal(error) }
      forgotten = more.reduce(forgotten, +)
    }
    let (waiting, loads) = shared.withLock { shared in
      (shared.parking.takeWaitersOfPlanEnd() + shared.parking.takeWaitersOfRoom(), shared.parking.takeDelayedLoads())
    }
    for request in waiting { attempt(request) }
    for load in loads { start(load) }
    tick()
    return forgotten
  }

  private func withState<Result>(
    _ body: (inout EngineState) throws(DiscardRefusal) -> Result
  ) throws(DiscardRefusal) -> Result {
    try shared.withLock { shared -> Swift.Result<Result, DiscardRefusal> in
      do throws(DiscardRefusal) { return .success(try body(&shared.state)) } catch { return .failure(error) }
    }.get()
  }

  private func commitDiscard() throws(Errno) {
    guard (try? journal.commit()) != nil else { throw journal.failure ?? .inputOutput }
  }

  /// Inodes that should be in the backing directory and are not there, although that is well.
  private func missing(among inodes: [InodeNumber]) -> [InodeNumber] {
    let paths = shared.withLock { shared in
      inodes.compactMap { number -> (InodeNumber, BackingPath)? in
        guard let inode = shared.state.inodes[number], number != .root, !inode.isOrphan, !shared.state.isMoving(inode) else {
          return nil
        }
        return shared.state.path(of: inode).map { (number, $0) }
      }
    }
    let missing = paths.filter { _, path in
      do throws(Errno) {
        _ = try backing.status(path)
        return false
      } catch {
        return error == .noEntry
      }
    }
    return rootFailure() == nil ? missing.map(\.0) : []
  }
}
