import FilesystemModel
import Glibc

// SAFETY: the address structure is local and filled within its own size; lengths given to the kernel are those of the structures
// beside them; `PeerCredentials` has the layout of `struct ucred` (unix(7)).

/// Who is at the other end of a local socket, as the kernel knows it.
struct PeerCredentials: Hashable, Sendable {
  var process: Int32 = 0
  var user: UInt32 = 0
  var group: UInt32 = 0
}

/// Sockets in the filesystem. The corresponding manual page is `unix(7)`.
enum LocalSockets {
  /// An address is at most 107 bytes long, a state directory's path may be longer: the directory is named by an open descriptor.
  private static func address(of name: String, in directory: borrowing Descriptor) -> String {
    "/proc/self/fd/\(directory.number)/\(name)"
  }

  /// Listens on a socket in a directory that only its owner may connect to, replacing what is left of a former one.
  static func listen(directory path: String, name: String) throws(Errno) -> Descriptor {
    let directory = try Descriptor(path: path, flags: O_RDONLY | O_DIRECTORY)
    let listener = try make(SOCK_STREAM)
    // The socket file gets these permissions, less the umask, when it is bound.
    guard fchmod(listener.number, 0o600) == 0 else { throw Errno.current }
    Files.remove(PathText.joined(path, name))
    try unsafe withAddress(address(of: name, in: directory)) { address, length in unsafe bind(listener.number, address, length) }
    guard Glibc.listen(listener.number, 64) == 0 else { throw Errno.current }
    return listener
  }

  /// Connects to the socket of a daemon.
  static func connect(directory path: String, name: String) throws(Errno) -> Descriptor {
    let directory = try Descriptor(path: path, flags: O_RDONLY | O_DIRECTORY)
    let connection = try make(SOCK_STREAM)
    try unsafe withAddress(address(of: name, in: directory)) { address, length in unsafe Glibc.connect(connection.number, address, length) }
    return connection
  }

  /// Sends one datagram to a socket by its path, or its abstract name after an `@`.
  static func sendDatagram(_ text: String, to path: String) throws(Errno) {
    let sender = try make(SOCK_DGRAM)
    try unsafe withAddress(path) { address, length in
      let bytes = Array(text.utf8)
      return unsafe sendto(sender.number, bytes, bytes.count, Int32(MSG_NOSIGNAL), address, length) == bytes.count ? 0 : -1
    }
  }

  /// Sends all bytes; a peer that has left is an error, not a signal. The corresponding C function is `send`.
  static func send(_ bytes: [UInt8], to connection: borrowing Descriptor) throws(Errno) {
    var sent = 0
    while sent < bytes.count {
      let result = unsafe bytes[sent...].withUnsafeBytes {
        unsafe Glibc.send(connection.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if result >= 0 {
        sent += result
      } else if Errno.current != .interrupted {
        throw Errno.current
      }
    }
  }

  /// Waits for the next connection.
  static func accept(_ listener: Int32) throws(Errno) -> Descriptor {
    let number = Glibc.accept(listener, nil, nil)
    guard number >= 0 else { throw Errno.current }
    _ = fcntl(number, F_SETFD, FD_CLOEXEC)
    return Descriptor(owning: number)
  }

  static func peer(of connection: borrowing Descriptor) throws(Errno) -> PeerCredentials {
    var credentials = PeerCredentials()
    var length = socklen_t(MemoryLayout<PeerCredentials>.size)
    guard unsafe getsockopt(connection.number, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0 else { throw Errno.current }
    return credentials
  }

  /// Reading and writing fail with `again` when the peer keeps quiet for so long.
  static func setTimeout(_ connection: borrowing Descriptor, seconds: Int) {
    var time = timeval(tv_sec: seconds, tv_usec: 0)
    let length = socklen_t(MemoryLayout<timeval>.size)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] { _ = unsafe setsockopt(connection.number, SOL_SOCKET, option, &time, length) }
  }

  private static func make(_ type: __socket_type) throws(Errno) -> Descriptor {
    let number = socket(AF_UNIX, Int32(type.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard number >= 0 else { throw Errno.current }
    return Descriptor(owning: number)
  }

  /// Runs `body`, which returns 0 or fails with errno, with the address of a path.
  private static func withAddress(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) throws(Errno) {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var bytes = Array(path.utf8)
    if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 }
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { throw .nameTooLong }
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
    // An abstract name has no end but its length.
    let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count + (bytes.first == 0 ? 0 : 1))
    let result = unsafe withUnsafePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, length) }
    }
    guard result == 0 else { throw Errno.current }
  }
}
