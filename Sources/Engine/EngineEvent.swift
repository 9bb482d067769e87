import FilesystemModel
import WriteAheadLog

/// What operators are told of at the moment it happens.
package enum EngineEvent: Sendable {
  /// The journal was opened, with what earlier mounts had left in it.
  case opened(pending: Int, plansInDoubt: Int, deadLetters: Int, tornTail: TornTail?)
  /// A change could not be written back and waits to be tried again. `attempt` counts from 1.
  case writeBackFailed(WaitingChange, Errno, attempt: Int)
  /// A change is not tried any more.
  case deadLetter(WaitingChange, Errno, attempts: Int)
  case wroteBack(operations: Int, milliseconds: Int)
  case conflict(Conflict)
  /// What was to be done about a conflict failed, and is tried again.
  case conflictRemains(path: [UInt8], Errno)
  /// Data that was written around the cache may be lost.
  case lost(path: [UInt8], Errno)
  case backingIsAway(Errno)
  case backingIsBack
  case journalFailed(Errno)
}

/// Is told of events, by any thread, and under the engine's lock: it must not wait, and must not call the engine.
package typealias EngineObserver = @Sendable (EngineEvent) -> Void

extension Engine {
  /// Notes whether the backing directory is there, and tells when that changes.
  func noteBacking(_ failure: Errno?) {
    shared.withLock { shared in
      let before = shared.backingFailure
      shared.backingFailure = failure
      if let failure, before == nil { observe(.backingIsAway(failure)) }
      if failure == nil, before != nil { observe(.backingIsBack) }
    }
  }

  /// Tells once that the journal takes no more changes.
  func noteJournal(_ failure: Errno) {
    let isFirst = shared.withLock { shared in
      defer { shared.isJournalFailureTold = true }
      return !shared.isJournalFailureTold
    }
    if isFirst { observe(.journalFailed(failure)) }
  }
}
