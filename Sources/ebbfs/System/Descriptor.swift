import FilesystemModel
import Glibc

// SAFETY: every `unsafe` of this file passes buffers whose length is given along with them and that outlive the call.

/// An open file descriptor, closed exactly once.
struct Descriptor: ~Copyable {
  let number: Int32

  /// Takes over an open descriptor.
  init(owning number: Int32) { self.number = number }

  deinit { Glibc.close(number) }

  /// Opens a file, always close-on-exec. The corresponding C function is `open`.
  init(path: String, flags: Int32, permissions: UInt32 = 0o600) throws(Errno) {
    let number = unsafe Glibc.open(path, flags | O_CLOEXEC, permissions)
    guard number >= 0 else { throw Errno.current }
    self.number = number
  }

  /// Gives the descriptor up without closing it.
  consuming func release() -> Int32 {
    let number = number
    discard self
    return number
  }

  /// Up to `count` bytes; empty at the end. The corresponding C function is `read`.
  borrowing func read(_ count: Int) throws(Errno) -> [UInt8] {
    var failure: Errno?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      var result: Int
      repeat { unsafe result = Glibc.read(number, buffer.baseAddress, count) } while result < 0 && Errno.current == .interrupted
      if result < 0 { failure = Errno.current }
      initialized = max(0, result)
    }
    if let failure { throw failure }
    return bytes
  }

  /// Writes all bytes. The corresponding C function is `write`.
  borrowing func write(_ bytes: [UInt8]) throws(Errno) {
    var written = 0
    while written < bytes.count {
      let result = unsafe bytes[written...].withUnsafeBytes { unsafe Glibc.write(number, $0.baseAddress, $0.count) }
      if result >= 0 {
        written += result
      } else if Errno.current != .interrupted {
        throw Errno.current
      }
    }
  }

  /// Goes on behind `count` bytes that are not written. The corresponding C function is `lseek`.
  borrowing func skip(_ count: Int) throws(Errno) {
    guard lseek(number, count, SEEK_CUR) >= 0 else { throw Errno.current }
  }

  /// The corresponding C function is `ftruncate`.
  borrowing func resize(_ bytes: Int) throws(Errno) {
    guard ftruncate(number, bytes) == 0 else { throw Errno.current }
  }

  /// Everything up to the end, at most `limit` bytes.
  borrowing func readAll(limit: Int) throws(Errno) -> [UInt8] {
    var all: [UInt8] = []
    while all.count < limit {
      let bytes = try read(min(65_536, limit - all.count))
      if bytes.isEmpty { break }
      all += bytes
    }
    return all
  }
}

/// Descriptors 0, 1 and 2.
enum StandardDescriptors {
  /// Opens `/dev/null` where whoever started the program left one closed: what is opened next, a lock or a journal, would get its
  /// number and be written to as standard error.
  static func open() {
    for number in STDIN_FILENO...STDERR_FILENO where fcntl(number, F_GETFD) < 0 {
      // The lowest free number is this one.
      _ = unsafe Glibc.open("/dev/null", O_RDWR)
    }
  }
}

extension StandardDescriptors {
  /// Writes to standard output, past the buffer of `print`.
  static func print(_ text: String) throws(Errno) {
    let output = Descriptor(owning: STDOUT_FILENO)
    let result = Result { () throws(Errno) in try output.write(Array(text.utf8)) }
    _ = output.release()
    try result.get()
  }
}

/// Both ends of a pipe.
struct Pipe: ~Copyable {
  let readEnd: Descriptor
  let writeEnd: Descriptor

  /// Makes a pipe, close-on-exec. The corresponding C function is `pipe`.
  init() throws(Errno) {
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else { throw Errno.current }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    readEnd = Descriptor(owning: ends[0])
    writeEnd = Descriptor(owning: ends[1])
  }

  /// Gives up both ends: the one to read from and the one to write to.
  consuming func release() -> (readEnd: Int32, writeEnd: Int32) {
    (readEnd.release(), writeEnd.release())
  }
}
