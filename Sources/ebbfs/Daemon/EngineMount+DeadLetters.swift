import Control
import Engine
import FUSEBridge
import FilesystemModel

extension EngineMount {
  func deadLetters() -> [DeadLetterReport] { engine.deadLetters().map { DeadLetterReport($0) } }

  func retryDeadLetters(_ subjects: [WritebackSubject]?) throws(ControlFailure) -> Int {
    do throws(Errno) {
      return try engine.retryDeadLetters(subjects ?? engine.deadLetters().map(\.letter.subject))
    } catch {
      throw ControlFailure(reason: .failed, message: "the journal takes no changes: \(error.message)")
    }
  }

  func discardDeadLetters(_ subjects: [WritebackSubject]?, withDependents: Bool) throws(ControlFailure) -> Int {
    do throws(DiscardRefusal) {
      let forgotten = try engine.discardDeadLetters(
        subjects ?? engine.deadLetters().map(\.letter.subject), withDependents: withDependents)
      // What the kernel does not know it need not forget.
      for name in forgotten.names { try? session.invalidateEntry(name) }
      for inode in Set(forgotten.inodes).sorted() { try? session.invalidate(inode) }
      return forgotten.count
    } catch {
      throw ControlFailure(reason: .failed, message: error.message)
    }
  }
}

extension DiscardRefusal {
  /// One line for the operator.
  fileprivate var message: String {
    switch self {
    case .dependents(let count):
      "nothing was discarded: \(Quantity.count(count, "more change")) would have to go too; with --force they do"
    case .inDoubt(let path):
      "nothing was discarded: whether the backing directory has carried out \(TerminalText.path(path)) is not known; retry it"
    case .busy(let path):
      "nothing was discarded: \(TerminalText.path(path)) is being written back at the moment; try again"
    case .halfExchanged(let path):
      "nothing was discarded: half of the exchange of \(TerminalText.path(path)) is in the backing directory; only retry ends it"
    case .tooMany: "nothing was discarded: what would have to go at once is too much for one record; discard less at a time"
    case .journal(let errno): "the journal takes no changes: \(errno.message)"
    }
  }
}

extension DeadLetterReport {
  fileprivate init(_ status: DeadLetterStatus) {
    self.init()
    subject = status.letter.subject
    change = WaitingChangeReport(status.change)
    errno = Int(status.letter.errno.rawValue)
    error = status.letter.errno.message
    attempts = status.letter.attempts
    first = Int(status.letter.first.seconds)
    last = Int(status.letter.last.seconds)
    isInDoubt = status.isInDoubt
    dependents = status.dependents.map { WaitingChangeReport($0) }
  }
}

extension WaitingChangeReport {
  init(_ change: WaitingChange) {
    let kind =
      switch change.fileKind {
      case .regular: "file"
      case .directory: "directory"
      case .symlink: "symbolic link"
      case .fifo: "fifo"
      case .socket: "socket"
      case .characterDevice, .blockDevice: "device"
      }
    let operation =
      switch change.kind {
      case .create: "create \(kind)"
      case .link: "link"
      case .removeFile, .removeDirectory: "remove \(kind)"
      case .rename: "rename \(kind)"
      case .writeContents: change.fileKind == .regular ? "write" : "set attributes of \(kind)"
      }
    self.init(operation: operation, path: change.path, pathBefore: change.pathBefore)
  }
}
