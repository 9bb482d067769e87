import Control
import FilesystemModel
import Glibc

/// Asks a daemon over its control socket.
struct ControlClient: Sendable {
  var stateDirectory: String
  /// Who must answer.
  var user: UInt32

  /// How long a daemon may keep quiet; it tells of its progress several times a second.
  private static let patienceSeconds = 30

  /// Sends a request and reads replies up to the last.
  ///
  /// - Parameters:
  ///   - partial: is called for each reply before the last.
  ///   - untilGone: whether to return only when the daemon's process has ended.
  ///   - deadline: an uptime in milliseconds; behind it a reply that is not the last ends the wait with `outOfTime`.
  /// - Returns: the last reply; `nil` when the connection ended without one.
  func ask(
    _ request: ControlRequest, untilGone: Bool = false, deadline: Int? = nil, partial: (ControlReply) -> Void = { _ in }
  ) throws(ConnectionError) -> ControlReply? {
    var connection = try connect()
    let daemon = try peer(of: connection)
    try connection.send(ControlCodec.encode(request))
    var last: ControlReply?
    while last == nil, let message = try connection.receive() {
      do throws(MessageError) {
        let reply = try ControlCodec.decodeReply(message)
        if reply.isLast { last = reply } else { partial(reply) }
      } catch {
        throw .message(error)
      }
      if last == nil, let deadline, Monotonic.milliseconds() >= deadline { throw .outOfTime }
    }
    guard untilGone, let last, tellsTheEnd(last) else { return last }
    // The daemon keeps the connection until it ends; the kernel takes a moment more to take the process away.
    while (try? connection.receive()) ?? nil != nil {}
    let patience = Monotonic.milliseconds() + 5000
    while Processes.isRunning(Int(daemon.process)), Monotonic.milliseconds() < patience { Monotonic.sleep(milliseconds: 2) }
    return last
  }

  /// Whether the daemon ends after this answer to a request that takes the mount away.
  private func tellsTheEnd(_ reply: ControlReply) -> Bool {
    switch reply {
    case .done: true
    case .failed(let failure): failure.reason == .incomplete || failure.reason == .deadLetters
    default: false
    }
  }

  private func connect() throws(ConnectionError) -> ControlConnection {
    do throws(Errno) {
      let connection = ControlConnection(
        try LocalSockets.connect(directory: stateDirectory, name: ControlServer.socketName))
      connection.setTimeout(seconds: Self.patienceSeconds)
      return connection
    } catch {
      throw .system(error)
    }
  }

  private func peer(of connection: borrowing ControlConnection) throws(ConnectionError) -> PeerCredentials {
    guard let peer = try? connection.peer(), peer.user == user else { throw .stranger }
    return peer
  }
}
