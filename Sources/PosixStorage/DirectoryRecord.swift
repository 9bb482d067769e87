import CLinux
import FilesystemModel

// SAFETY: every C call gets arrays that live for the call, with their own length or a NUL at their end, and local structures to
// fill.

/// One `struct linux_dirent64` of `getdents64(2)`.
struct DirectoryRecord {
  let bytes: Int
  let type: UInt8
  let name: [UInt8]

  /// The record at `offset`, which the kernel wrote whole: d_ino and d_off, 8 bytes each, then d_reclen in the machine's byte
  /// order, d_type, and d_name ended by NUL.
  init(_ buffer: [UInt8], at offset: Int) {
    let length = UInt16(buffer[offset + 16]) | UInt16(buffer[offset + 17]) << 8
    bytes = Int(UInt16(littleEndian: length))  // on a big-endian machine this swaps the two bytes
    type = buffer[offset + 18]
    name = Array(buffer[(offset + 19)..<(offset + bytes)].prefix { $0 != 0 })
  }
}

extension Descriptor {
  /// Calls `body` with all entries of this directory but `.` and `..`, in its own order, from its reading position on.
  borrowing func forEachEntry(_ body: (DirectoryRecord) throws(Errno) -> Void) throws(Errno) {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = try checked(unsafe linux_read_entries(number, &buffer, buffer.count))
      guard count > 0 else { return }
      var offset = 0
      while offset < count {
        let record = DirectoryRecord(buffer, at: offset)
        offset += record.bytes
        if record.name != [UInt8(ascii: ".")], record.name != [UInt8(ascii: "."), UInt8(ascii: ".")] { try body(record) }
      }
    }
  }
}
