import Control
import FilesystemModel

/// Why a connection of the control socket is of no more use.
enum ConnectionError: Error, Hashable, Sendable {
  case system(Errno)
  case message(MessageError)
  /// Somebody else than the user whose daemon it should be is at the other end.
  case stranger
  /// The caller's own bound.
  case outOfTime

  var message: String {
    switch self {
    case .stranger: "another user answers in its place"
    case .outOfTime: "it has not ended in the given time"
    case .system(.again): "it does not answer"
    case .system(let error): error.message
    case .message(.unknownVersion(let version)): "the other side speaks version \(version) of the control protocol"
    case .message: "the other side sent what cannot be understood"
    }
  }
}

/// One end of a control connection, closed with the value.
struct ControlConnection: ~Copyable {
  private let descriptor: Descriptor
  private var frames = FrameReader()

  init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }

  borrowing func peer() throws(Errno) -> PeerCredentials { try LocalSockets.peer(of: descriptor) }

  /// How long the other side may keep quiet, or not read, before an operation fails with `again`.
  borrowing func setTimeout(seconds: Int) { LocalSockets.setTimeout(descriptor, seconds: seconds) }

  borrowing func send(_ frame: [UInt8]) throws(ConnectionError) {
    do throws(Errno) {
      try LocalSockets.send(frame, to: descriptor)
    } catch {
      throw .system(error)
    }
  }

  /// The next message without its length; `nil` when the other side has closed.
  mutating func receive() throws(ConnectionError) -> [UInt8]? {
    while true {
      do throws(MessageError) {
        if let message = try frames.next() { return message }
      } catch {
        throw .message(error)
      }
      do throws(Errno) {
        let bytes = try descriptor.read(4096)
        if bytes.isEmpty { return nil }
        frames.append(bytes)
      } catch {
        throw .system(error)
      }
    }
  }

  /// Keeps the connection open until the process ends, so that the other side sees the end of the process.
  consuming func keepUntilExit() { _ = descriptor.release() }
}
