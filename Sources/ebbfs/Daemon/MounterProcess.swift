import CLinux
import FUSEBridge
import FilesystemModel
import Glibc
import Threading

// SAFETY: every C call gets arrays that live for the call with their own length, and local variables to fill.

/// A process that mounts and unmounts for a daemon which has given up the rights to: it knows one mountpoint and three words, and
/// ends with the daemon.
final class MounterProcess: Mounter {
  private enum Word: UInt8 { case mount, unmount, detach }

  private static let name = Array("ebbfs-mounter".utf8) + [0]
  private static let replyBytesMax = 4096

  private let socket: Descriptor
  private let turn = Lock(())

  /// Forks: only while there is one thread.
  init(_ mounter: DirectMounter) throws(Errno) {
    var end: Int32 = -1
    let process = unsafe linux_fork_with_socket(Self.name, &end)
    guard process >= 0 else { throw Errno(rawValue: -process) }
    socket = Descriptor(owning: end)
    if process == 0 { Self.serve(end, mounter) }
  }

  func mount() throws(MountError) -> Int32 {
    let (reply, descriptor) = ask(.mount)
    guard let descriptor else { throw MountError(reply ?? "the process that mounts is gone") }
    return descriptor
  }

  func unmount(lazily: Bool) throws(Errno) {
    // Without that process the operator's umount still works.
    let number = ask(lazily ? .detach : .unmount).reply.flatMap { Int32($0) } ?? ESRCH
    guard number == 0 else { throw Errno(rawValue: number) }
  }

  /// One question at a time. No reply when the process is gone.
  private func ask(_ word: Word) -> (reply: String?, descriptor: Int32?) {
    turn.withLock { _ in
      Self.send([word.rawValue], to: socket.number)
      return Self.receive(from: socket.number)
    }
  }
}

extension MounterProcess {
  private static func serve(_ socket: Int32, _ mounter: DirectMounter) -> Never {
    while let word = receive(from: socket).reply?.utf8.first.flatMap(Word.init) {
      switch word {
      case .mount: mount(mounter, for: socket)
      case .unmount: send(Array(unmount(mounter, lazily: false).utf8), to: socket)
      case .detach: send(Array(unmount(mounter, lazily: true).utf8), to: socket)
      }
    }
    // Not exit: what the daemon has registered for its end is the daemon's.
    _exit(0)
  }

  private static func mount(_ mounter: DirectMounter, for socket: Int32) {
    let (result, line) = StandardErrorCapture.collect { () -> Result<Int32, MountError> in
      do throws(MountError) { return .success(try mounter.mount()) } catch { return .failure(error) }
    }
    switch result {
    case .success(let descriptor): send([0], descriptor: descriptor, to: socket)
    // The reason of fusermount3's refusal is what that writes.
    case .failure(let error): send(Array((line.isEmpty ? error.description : line).utf8), to: socket)
    }
  }

  /// The error number as text.
  private static func unmount(_ mounter: DirectMounter, lazily: Bool) -> String {
    do throws(Errno) {
      try mounter.unmount(lazily: lazily)
      return "0"
    } catch {
      return "\(error.rawValue)"
    }
  }

  /// Takes the descriptor, whose copy the other side gets.
  private static func send(_ bytes: [UInt8], descriptor: Int32 = -1, to socket: Int32) {
    _ = unsafe linux_send_message(socket, bytes, min(bytes.count, replyBytesMax), descriptor)
    if descriptor >= 0 { close(descriptor) }
  }

  private static func receive(from socket: Int32) -> (reply: String?, descriptor: Int32?) {
    var bytes = [UInt8](repeating: 0, count: replyBytesMax)
    var descriptor: Int32 = -1
    let count = unsafe linux_receive_message(socket, &bytes, bytes.count, &descriptor)
    guard count > 0 else { return (nil, nil) }
    return (String(decoding: bytes.prefix(Int(count)), as: UTF8.self), descriptor >= 0 ? descriptor : nil)
  }
}
