import Control
import FilesystemModel
import Glibc

/// Asks a daemon over its control socket.
struct ControlClient: Sendable {
  var stateDirectory: String

  /// Sends a request and reads replies up to the last.
  ///
  /// - Parameters:
  ///   - progress: is called for each progress message.
  ///   - untilGone: whether to return only when the daemon's process has ended.
  /// - Returns: the last reply, never `progress`; `nil` when the connection ended without one.
  func ask(
    _ request: ControlRequest, untilGone: Bool = false, progress: (ControlProgress) -> Void = { _ in }
  ) throws(ConnectionError) -> ControlReply? {
    var connection = try connect()
    let daemon = try? connection.peer()
    try connection.send(ControlCodec.encode(request))
    var last: ControlReply?
    while last == nil, let message = try connection.receive() {
      do throws(MessageError) {
        let reply = try ControlCodec.decodeReply(message)
        if case .progress(let left) = reply { progress(left) } else { last = reply }
      } catch {
        throw .message(error)
      }
    }
    guard untilGone, last == .done, let daemon else { return last }
    // The daemon keeps the connection until it ends; the kernel takes a moment more to take the process away.
    while (try? connection.receive()) ?? nil != nil {}
    let patience = Monotonic.milliseconds() + 5000
    while Processes.isRunning(Int(daemon.process)), Monotonic.milliseconds() < patience { Monotonic.sleep(milliseconds: 2) }
    return last
  }

  private func connect() throws(ConnectionError) -> ControlConnection {
    do throws(Errno) {
      return ControlConnection(try LocalSockets.connect(directory: stateDirectory, name: ControlServer.socketName))
    } catch {
      throw .system(error)
    }
  }
}
