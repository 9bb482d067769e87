import Control
import Engine
import FilesystemModel

extension EngineEvent {
  /// What counts as the same again and again.
  var kind: DiagnosticLimiter.Kind {
    let (name, level, errno): (String, Diagnostic.Level, Errno?) =
      switch self {
      case .opened: ("journal", .info, nil)
      // What goes on to fail is in the status; that it does is told once.
      case .writeBackFailed(_, let errno, let attempt): ("write-back", attempt <= 1 ? .warning : .debug, errno)
      case .deadLetter(_, let errno, _): ("dead letter", .error, errno)
      case .wroteBack: ("write-back", .debug, nil)
      case .conflict: ("conflict", .warning, nil)
      case .conflictRemains(_, let errno): ("conflict", .warning, errno)
      case .lost(_, let errno): ("fsync", .error, errno)
      case .backingIsAway(let errno): ("backing directory", .warning, errno)
      case .backingIsBack: ("backing directory", .info, nil)
      case .journalFailed(let errno): ("journal", .error, errno)
      }
    return .init(name: name, level: level, errno: errno.map { Int($0.rawValue) }, error: errno?.message)
  }
}

extension Diagnostic {
  init(_ event: EngineEvent) {
    let kind = event.kind
    self.init(kind.level, event.text)
    (operation, errno, error) = (kind.name, kind.errno, kind.error)
    switch event {
    case .writeBackFailed(let change, _, _), .deadLetter(let change, _, _):
      (operation, path) = (WaitingChangeReport(change).operation, change.path)
    case .conflict(let conflict): (operation, path) = (conflict.kind.name, conflict.path)
    case .conflictRemains(let place, _), .lost(let place, _): path = place
    case .opened, .wroteBack, .backingIsAway, .backingIsBack, .journalFailed: break
    }
  }
}

extension EngineEvent {
  /// What became of it.
  fileprivate var text: String {
    switch self {
    case .opened(let pending, let plansInDoubt, let deadLetters, let tornTail):
      "opened: "
        + ([
          pending == 0 ? "nothing to recover" : "\(Quantity.count(pending, "operation")) recovered",
          plansInDoubt == 0 ? nil : "\(Quantity.count(plansInDoubt, "batch", "batches")) in doubt carried out again",
          deadLetters == 0 ? nil : "\(Quantity.count(deadLetters, "dead letter"))", tornTail?.description,
        ].compactMap(\.self).joined(separator: ", "))
    case .writeBackFailed(_, _, let attempt): "attempt \(max(1, attempt)) failed, tried again"
    case .deadLetter(_, _, let attempts):
      "a dead letter after \(Quantity.count(attempts, "attempt")); see `ebbfs dead-letters`"
    case .wroteBack(let operations, let milliseconds):
      "\(Quantity.count(operations, "operation")) in \(Quantity.time(milliseconds: milliseconds))"
    case .conflict(let conflict): "a conflict with a change of somebody else, \(conflict.resolution.text)"
    case .conflictRemains: "nothing could be done about a conflict, tried again"
    case .lost: "data written around the cache may be lost"
    case .backingIsAway: "away, write-back waits"
    case .backingIsBack: "there again"
    case .journalFailed: "failed, the mount takes no more changes: mend its disk, then mount again"
    }
  }
}

extension Conflict.Resolution {
  fileprivate var text: String {
    switch self {
    case .kept(let name): "theirs is kept as \(TerminalText.path(name.bytes))"
    case .ours: "ours has won"
    case .theirs: "theirs has won"
    }
  }
}
