import Control
import FilesystemModel
import Glibc
import Threading

/// Listens on the control socket, one thread for each connection.
final class ControlServer: Sendable {
  static let socketName = "control"
  /// More connections at a time are closed at once.
  private static let connectionsMax = 32
  /// How long a peer may take to send its request or to read a reply.
  private static let patienceSeconds = 10

  private let service: ControlService
  private let listener: Int32
  private let connections = Lock(0)

  /// Listens in the state directory; the socket can be used by its owner and root only.
  init(stateDirectory: String, service: ControlService) throws(Errno) {
    self.service = service
    listener = try LocalSockets.listen(directory: stateDirectory, name: Self.socketName).release()
  }

  deinit { close(listener) }

  /// Starts accepting connections, for as long as the process lives or until `stop`.
  func start() throws(Errno) {
    try Threads.start("ebbfs-control") { [self] in
      while let number = nextConnection() { start(number) }
    }
  }

  /// Accepts no more connections.
  func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

  private func nextConnection() -> Int32? {
    while true {
      do throws(Errno) {
        return try LocalSockets.accept(listener).release()
      } catch .invalidArgument, .badDescriptor {
        return nil
      } catch {
        // Out of descriptors, or a peer that left again.
        Monotonic.sleep(milliseconds: 20)
      }
    }
  }

  private func start(_ number: Int32) {
    let isAdmitted = connections.withLock { count in
      guard count < Self.connectionsMax else { return false }
      count += 1
      return true
    }
    guard isAdmitted else {
      close(number)
      return
    }
    do throws(Errno) {
      try Threads.start("ebbfs-command") { [self] in
        serve(ControlConnection(Descriptor(owning: number)))
        connections.withLock { $0 -= 1 }
      }
    } catch {
      close(number)
      connections.withLock { $0 -= 1 }
    }
  }

  private func serve(_ connection: consuming ControlConnection) {
    var connection = connection
    connection.setTimeout(seconds: Self.patienceSeconds)
    do throws(ControlFailure) {
      try checkPeer(connection)
      let request = try receiveRequest(&connection)
      let mustStay = service.answer(request) { reply in (try? connection.send(ControlCodec.encode(reply))) != nil }
      if mustStay { connection.keepUntilExit() }
    } catch {
      try? connection.send(ControlCodec.encode(.failed(error)))
    }
  }

  private func checkPeer(_ connection: borrowing ControlConnection) throws(ControlFailure) {
    guard let peer = try? connection.peer(), peer.user == 0 || peer.user == getuid() else {
      throw ControlFailure(reason: .notPermitted, message: "only root and the user who mounted may do this")
    }
  }

  private func receiveRequest(_ connection: inout ControlConnection) throws(ControlFailure) -> ControlRequest {
    do throws(ConnectionError) {
      guard let message = try connection.receive() else { throw .message(.truncated) }
      do throws(MessageError) {
        return try ControlCodec.decodeRequest(message)
      } catch {
        throw ConnectionError.message(error)
      }
    } catch {
      throw ControlFailure(reason: .notUnderstood, message: error.message)
    }
  }
}
