import Control
import FilesystemModel
import Threading

/// Answers the requests of the control socket.
struct ControlService: Sendable {
  let daemon: Daemon

  /// Answers one request; returns when the last reply is sent. Sending never fails here: whoever left needs no answer.
  ///
  /// - Returns: whether the connection must stay open until the process ends, so that the peer sees the end.
  func answer(_ request: ControlRequest, send: (ControlReply) -> Void) -> Bool {
    daemon.beginAnswer()
    defer { daemon.endAnswer() }
    switch request {
    case .ping: send(.done)
    case .status: send(.status(daemon.report()))
    case .flush: flush(send: send)
    case .unmount(let drain): return unmount(drain: drain, send: send)
    case .stop: return stop(send: send)
    }
    return false
  }

  private func flush(send: (ControlReply) -> Void) {
    let outcome = Lock<FlushOutcome?>(nil)
    daemon.filesystem.flush { failure in
      outcome.withLock { $0 = FlushOutcome(failure: failure) }
      outcome.wake()
    }
    while true {
      if let outcome = outcome.wait(milliseconds: 200, until: { $0 }) {
        return send(outcome.failure.map { .failed(ControlFailure(reason: .failed, message: $0)) } ?? .done)
      }
      let report = daemon.report()
      if report.phase == .stopping {
        return send(.failed(ControlFailure(reason: .incomplete, message: "the daemon ends before everything is written back")))
      }
      if let failure = report.journalFailure {
        return send(
          .failed(ControlFailure(reason: .failed, message: "the journal failed: \(failure); nothing more is written back")))
      }
      send(.progress(report.progress))
    }
  }

  private func unmount(drain: Bool, send: (ControlReply) -> Void) -> Bool {
    do throws(Errno) {
      if !daemon.isUnmounted { try daemon.filesystem.unmount(lazily: false) }
    } catch {
      let isBusy = error == .busy
      send(
        .failed(
          ControlFailure(reason: isBusy ? .busy : .failed, message: isBusy ? "files of the mount are in use" : error.message)))
      return false
    }
    guard drain else {
      send(.done)
      return false
    }
    awaitEnding(send: send)
    return true
  }

  private func stop(send: (ControlReply) -> Void) -> Bool {
    do throws(ControlFailure) {
      try daemon.requestStop()
    } catch {
      send(.failed(error))
      return false
    }
    // What is left is the next mount's business, so that this is success whatever it is.
    _ = daemon.awaitEnding { send(.progress(daemon.report().progress)) }
    send(.done)
    return true
  }

  private func awaitEnding(send: (ControlReply) -> Void) {
    switch daemon.awaitEnding(eachTime: { send(.progress(daemon.report().progress)) }) {
    case .complete: send(.done)
    case .incomplete(let left, let why):
      send(.failed(ControlFailure(reason: .incomplete, message: "\(ProgressText.left(left)) not yet written back: \(why)")))
    }
  }
}

private struct FlushOutcome: Sendable {
  var failure: String?
}
