import CLinux
import FilesystemModel

/// The result of a call of `CLinux`, or the error it tells.
@discardableResult
func checked(_ result: Int32) throws(Errno) -> Int32 {
  guard result >= 0 else { throw Errno(rawValue: -result) }
  return result
}

@discardableResult
func checked(_ result: Int64) throws(Errno) -> Int {
  guard result >= 0 else { throw Errno(rawValue: Int32(-result)) }
  return Int(result)
}

/// The empty name: with it, the `*at` calls mean the descriptor itself.
let emptyName: [UInt8] = [0]

/// An open file descriptor, closed with its owner.
struct Descriptor: ~Copyable, Sendable {
  let number: Int32

  /// Takes over the result of an opening call.
  init(_ result: Int32) throws(Errno) { number = try checked(result) }

  deinit { linux_close(number) }

  /// The corresponding C function is `openat`. `name` must not be longer than PATH_MAX.
  init(at directory: borrowing Descriptor, _ name: [UInt8], flags: Int32, mode: UInt32 = 0) throws(Errno) {
    try self.init(unsafe linux_open_at(directory.number, name, flags, mode))
  }
}

extension Descriptor {
  /// `statx(2)` of what the descriptor refers to.
  borrowing func status() throws(Errno) -> linux_status {
    var found = linux_status()
    try checked(unsafe linux_status_at(number, emptyName, &found))
    return found
  }

  /// `statx(2)` of an entry of this directory; a symbolic link is not followed.
  borrowing func status(of name: [UInt8]) throws(Errno) -> linux_status {
    var found = linux_status()
    try checked(unsafe linux_status_at(number, name, &found))
    return found
  }

  /// `fstatvfs(3)`.
  borrowing func filesystem() throws(Errno) -> linux_filesystem {
    var found = linux_filesystem()
    try checked(unsafe linux_filesystem_of(number, &found))
    return found
  }

  /// `fsync(2)`.
  borrowing func synchronize() throws(Errno) { try checked(linux_synchronize(number)) }

  /// Reads until `count` bytes are there or the file ends.
  borrowing func read(at offset: Int, count: Int) throws(Errno) -> [UInt8] {
    var failure: Errno?
    let number = number
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: max(count, 0)) { buffer, filled in
      // SAFETY: the capacity is at least `count`, and as many bytes as the answer says are initialized.
      filled = unsafe Self.fill(UnsafeMutableRawBufferPointer(buffer), count, from: number, at: offset, &failure)
    }
    if let failure { throw failure }
    return bytes
  }

  /// The same, to behind the first `kept` bytes of a buffer that is used again and again: memory that is new at each call costs
  /// more than the reading. The buffer then ends with what was read.
  borrowing func read(at offset: Int, count: Int, into buffer: inout [UInt8], behind kept: Int) throws(Errno) {
    precondition(kept >= 0 && kept <= buffer.count && count >= 0)
    if buffer.count < kept + count { buffer += repeatElement(0, count: kept + count - buffer.count) }
    var failure: Errno?
    let number = number
    let filled = unsafe buffer.withUnsafeMutableBytes { all in
      // SAFETY: the buffer has `kept + count` bytes at least.
      unsafe Self.fill(UnsafeMutableRawBufferPointer(rebasing: all[kept...]), count, from: number, at: offset, &failure)
    }
    buffer.removeLast(buffer.count - kept - filled)
    if let failure { throw failure }
  }

  /// Reads up to `count` bytes, which the buffer has room for, and answers how many were there.
  private static func fill(
    _ buffer: UnsafeMutableRawBufferPointer, _ count: Int, from number: Int32, at offset: Int, _ failure: inout Errno?
  ) -> Int {
    var filled = 0
    while filled < count {
      // SAFETY: `filled` is below `count`, and at most the rest is written.
      let result = unsafe linux_read_at(number, buffer.baseAddress! + filled, count - filled, Int64(offset + filled))
      guard result > 0 else {
        failure = result < 0 ? Errno(rawValue: Int32(-result)) : nil
        break
      }
      filled += Int(result)
    }
    return filled
  }

  /// Writes all bytes.
  borrowing func write(_ bytes: [UInt8], at offset: Int) throws(Errno) {
    var failure: Errno?
    let number = number
    unsafe bytes.withUnsafeBytes { buffer in
      var written = 0
      while written < buffer.count {
        // SAFETY: the rest of the buffer is read, not more.
        let result = unsafe linux_write_at(
          number, buffer.baseAddress! + written, buffer.count - written, Int64(offset + written))
        guard result > 0 else {
          failure = result < 0 ? Errno(rawValue: Int32(-result)) : .inputOutput
          return
        }
        written += Int(result)
      }
    }
    if let failure { throw failure }
  }

  /// Writes zeros, `piece` bytes at a time.
  borrowing func writeZeros(_ range: Range<Int>, piece: Int) throws(Errno) {
    var zeros = [UInt8](repeating: 0, count: min(piece, range.count))
    for offset in stride(from: range.lowerBound, to: range.upperBound, by: piece) {
      if range.upperBound - offset < zeros.count { zeros.removeLast(zeros.count - (range.upperBound - offset)) }
      try write(zeros, at: offset)
    }
  }

  /// All that `read(2)` gives until the end: for small files of /proc, whose sizes are not told.
  borrowing func readToEnd() throws(Errno) -> [UInt8] {
    var all: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = try checked(unsafe linux_read(number, &piece, piece.count))
      guard count > 0 else { return all }
      all += piece.prefix(count)
    }
  }
}

/// The message of an error number, for a line to people.
func message(_ error: Errno) -> String {
  var buffer = [UInt8](repeating: 0, count: 128)
  unsafe linux_error_text(error.rawValue, &buffer, buffer.count)
  return String(decoding: buffer.prefix { $0 != 0 }, as: UTF8.self)
}
