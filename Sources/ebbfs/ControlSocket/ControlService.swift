import Control
import FilesystemModel
import Threading

/// Answers the requests of the control socket.
struct ControlService: Sendable {
  let daemon: Daemon

  /// Answers one request; returns when the last reply is sent, or when whoever asked has left.
  ///
  /// - Parameter send: answers whether the peer is still there.
  /// - Returns: whether the connection must stay open until the process ends, so that the peer sees the end.
  func answer(_ request: ControlRequest, send: (ControlReply) -> Bool) -> Bool {
    daemon.beginAnswer()
    defer { daemon.endAnswer() }
    switch request {
    case .ping: _ = send(.done)
    case .status: _ = send(.status(daemon.report()))
    case .statistics: _ = send(.statistics(daemon.statistics()))
    case .history: _ = send(.history(daemon.historyReport()))
    case .activity: _ = send(.activity(daemon.filesystem.activity()))
    case .file(let inode): _ = send(.file(daemon.filesystem.file(inode)))
    case .flush(let inodes): _ = send(awaitFlush(of: inodes, isHastened: true) { send(.progress($0)) })
    case .wait(let inodes): _ = send(awaitFlush(of: inodes, isHastened: false) { send(.progress($0)) })
    case .unmount(let options): return unmount(options, send: send)
    case .stop: return stop(send: send)
    case .set(let settings): _ = send(change { () throws(CommandFailure) in try daemon.set(settings) })
    case .reloadRules: _ = send(change { () throws(CommandFailure) in try daemon.filesystem.reloadRules() })
    case .deadLetters: tellDeadLetters(send: send)
    case .retryDeadLetters(let subjects):
      _ = send(counted { () throws(ControlFailure) in try daemon.filesystem.retryDeadLetters(subjects) })
    case .discardDeadLetters(let subjects, let withDependents):
      _ = send(
        counted { () throws(ControlFailure) in
          try daemon.filesystem.discardDeadLetters(subjects, withDependents: withDependents)
        })
    }
    return false
  }

  private func tellDeadLetters(send: (ControlReply) -> Bool) {
    for report in daemon.filesystem.deadLetters() {
      guard send(.deadLetter(report)) else { return }
      for change in report.dependents where !send(.dependent(change)) { return }
    }
    _ = send(.done)
  }

  private func counted(_ body: () throws(ControlFailure) -> Int) -> ControlReply {
    do throws(ControlFailure) { return .count(try body()) } catch { return .failed(error) }
  }

  /// Returns early, with whatever, when `isAwaited` says no.
  private func awaitFlush(
    of inodes: [UInt64], isHastened: Bool, isAwaited: (ControlProgress) -> Bool
  ) -> ControlReply {
    let outcome = Lock<FlushOutcome?>(nil)
    let left = daemon.filesystem.flush(inodes, isHastened: isHastened) { end in
      outcome.withLock { $0 = end }
      outcome.wake()
    }
    repeat {
      switch outcome.wait(milliseconds: 200, until: { $0 }) {
      case .done?: return .done
      case .deadLetters(let count)?:
        return .failed(ControlFailure(reason: .deadLetters, message: ProgressText.deadLetters(count)))
      case .failed(let why)?: return .failed(ControlFailure(reason: .failed, message: why))
      case nil: break
      }
      let report = daemon.report()
      if report.phase == .stopping {
        return .failed(ControlFailure(reason: .incomplete, message: "the daemon ends before everything is written back"))
      }
      if let failure = report.journalFailure {
        return .failed(ControlFailure(reason: .failed, message: "the journal failed: \(failure); nothing more is written back"))
      }
    } while isAwaited(left())
    return .done
  }

  private func unmount(_ options: UnmountOptions, send: (ControlReply) -> Bool) -> Bool {
    do throws(Errno) {
      try daemon.unmount(options)
    } catch {
      let isBusy = error == .busy
      _ = send(
        .failed(
          ControlFailure(reason: isBusy ? .busy : .failed, message: isBusy ? "files of the mount are in use" : error.message)))
      return false
    }
    let isAwaited = { send(daemon.isUnmounted ? .progress(daemon.report().progress) : .waitingForUsers) }
    switch daemon.awaitEnding(isAwaited: isAwaited) {
    case .complete: return send(.done)
    case .incomplete(let left, _) where options.keepsJournal && daemon.filesystem.status().journalFailure == nil:
      return send(.progress(left)) && send(.done)
    case .incomplete(let left, let why):
      return send(
        .failed(ControlFailure(reason: .incomplete, message: "\(ProgressText.left(left)) not yet written back: \(why)")))
    case .deadLetters(let count):
      return send(.failed(ControlFailure(reason: .deadLetters, message: ProgressText.deadLetters(count))))
    case nil: return false
    }
  }

  private func change(_ body: () throws(CommandFailure) -> Void) -> ControlReply {
    do throws(CommandFailure) {
      try body()
      return .done
    } catch {
      return .failed(ControlFailure(reason: error.status == .usage ? .unusable : .failed, message: error.message))
    }
  }

  private func stop(send: (ControlReply) -> Bool) -> Bool {
    do throws(ControlFailure) {
      try daemon.requestStop()
    } catch {
      _ = send(.failed(error))
      return false
    }
    // What is left is the next mount's business, so that this is success whatever it is.
    guard daemon.awaitEnding(isAwaited: { send(.progress(daemon.report().progress)) }) != nil else { return false }
    return send(.done)
  }
}
