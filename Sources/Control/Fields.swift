import FilesystemModel

/// Why bytes are not a message.
package enum MessageError: Error, Hashable, Sendable {
  /// The message ends before its last field.
  case truncated
  /// The message goes on after its last field.
  case trailingBytes
  /// A kind, reason or flag that this version does not know.
  case unknownValue
  /// The peer speaks another version of the protocol.
  case unknownVersion(UInt8)
  /// A frame longer than `ControlCodec.frameBytesMax`.
  case tooLong
}

/// Writes the fields of one message, little-endian.
struct FieldWriter {
  private(set) var bytes: [UInt8] = []

  mutating func put(_ value: UInt8) { bytes.append(value) }

  mutating func put(_ value: UInt16) { bytes += [UInt8(truncatingIfNeeded: value), UInt8(truncatingIfNeeded: value >> 8)] }

  mutating func put(_ value: UInt32) {
    for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> UInt32(shift))) }
  }

  mutating func put(_ value: UInt64) {
    for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(shift))) }
  }

  mutating func put(_ value: Int) { put(UInt64(bitPattern: Int64(value))) }

  /// Length as 8 bytes, then UTF-8, cut at `ControlCodec.stringBytesMax`.
  mutating func put(_ value: String) { put(Array(value.utf8)) }

  /// Length as 8 bytes, then the bytes, cut at `ControlCodec.stringBytesMax`.
  mutating func put(_ value: [UInt8]) {
    put(min(value.count, ControlCodec.stringBytesMax))
    bytes += value.prefix(ControlCodec.stringBytesMax)
  }

  mutating func put(_ inodes: [UInt64]) {
    put(inodes.count)
    for inode in inodes { put(inode) }
  }

  mutating func put(_ subjects: [WritebackSubject]) {
    put(subjects.count)
    for subject in subjects { put(subject) }
  }

  mutating func put(_ subject: WritebackSubject) {
    switch subject {
    case .names(let key):
      put(1 as UInt8)
      put(key.lsn.rawValue)
      put(key.stage)
    case .contents(let inode):
      put(2 as UInt8)
      put(inode.rawValue)
    }
  }

  /// One byte, 0 or 1, and then the value if there is one.
  mutating func put<Value>(_ value: Value?, _ putValue: (inout FieldWriter, Value) -> Void) {
    put(UInt8(value == nil ? 0 : 1))
    if let value { putValue(&self, value) }
  }
}

/// Reads the fields of one message. Never traps and never allocates more than the message is long.
struct FieldReader {
  private let message: [UInt8]
  private var position = 0

  init(_ message: [UInt8]) { self.message = message }

  private mutating func take(_ count: Int) throws(MessageError) -> ArraySlice<UInt8> {
    guard count >= 0, count <= message.count - position else { throw .truncated }
    defer { position += count }
    return message[position..<position + count]
  }

  mutating func byte() throws(MessageError) -> UInt8 {
    let field = try take(1)
    return field[field.startIndex]
  }

  mutating func short() throws(MessageError) -> UInt16 {
    let low = UInt16(try byte())
    return UInt16(try byte()) << 8 | low
  }

  mutating func word() throws(MessageError) -> UInt32 {
    try take(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }

  mutating func unsigned() throws(MessageError) -> UInt64 {
    var value: UInt64 = 0
    for byte in try take(8).reversed() { value = value << 8 | UInt64(byte) }
    return value
  }

  mutating func integer() throws(MessageError) -> Int { Int(Int64(bitPattern: try unsigned())) }

  /// How many elements follow: at most `max`, else `tooLong`.
  mutating func count(max: Int) throws(MessageError) -> Int {
    let count = try integer()
    guard 0...max ~= count else { throw .tooLong }
    return count
  }

  /// Bytes that are no UTF-8 become U+FFFD.
  mutating func string() throws(MessageError) -> String { String(decoding: try bytes(), as: UTF8.self) }

  mutating func bytes() throws(MessageError) -> [UInt8] {
    let count = try integer()
    guard count <= ControlCodec.stringBytesMax else { throw .tooLong }
    return Array(try take(count))
  }

  mutating func flag() throws(MessageError) -> Bool {
    switch try byte() {
    case 0: false
    case 1: true
    default: throw .unknownValue
    }
  }

  mutating func inodes() throws(MessageError) -> [UInt64] {
    var inodes: [UInt64] = []
    for _ in 0..<(try count(max: ControlCodec.inodesMax)) { inodes.append(try unsigned()) }
    return inodes
  }

  mutating func subjects() throws(MessageError) -> [WritebackSubject] {
    let count = try integer()
    guard count >= 0, count <= ControlCodec.subjectsMax else { throw .tooLong }
    var subjects: [WritebackSubject] = []
    for _ in 0..<count { subjects.append(try subject()) }
    return subjects
  }

  mutating func subject() throws(MessageError) -> WritebackSubject {
    switch try byte() {
    case 1:
      let lsn = LSN(try unsigned())
      return .names(Stage(lsn, stage: try byte()))
    case 2: return .contents(InodeNumber(try unsigned()))
    default: throw .unknownValue
    }
  }

  /// Bytes that are no UTF-8 are refused.
  mutating func text() throws(MessageError) -> String {
    let count = try integer()
    guard count <= ControlCodec.stringBytesMax else { throw .tooLong }
    guard let text = String(validating: try take(count), as: UTF8.self) else { throw .unknownValue }
    return text
  }

  mutating func optional<Value>(_ value: (inout FieldReader) throws(MessageError) -> Value) throws(MessageError) -> Value? {
    switch try byte() {
    case 0: return nil
    case 1: return try value(&self)
    default: throw .unknownValue
    }
  }

  /// The message must be over.
  func end() throws(MessageError) {
    guard position == message.count else { throw .trailingBytes }
  }
}
