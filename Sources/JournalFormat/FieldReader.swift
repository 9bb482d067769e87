import FilesystemModel

/// Takes fields from bytes that nobody vouches for: every read is checked, nothing traps, nothing is allocated for a count that
/// the remaining bytes cannot hold.
struct FieldReader {
  private let bytes: [UInt8]
  private(set) var position: Int
  let end: Int

  /// Reads `range` of `bytes`, which must lie inside.
  init(_ bytes: [UInt8], in range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
    self.bytes = bytes
    position = range.lowerBound
    end = range.upperBound
  }

  var bytesLeft: Int { end - position }

  mutating func take<Value: FixedWidthInteger>(_ type: Value.Type) throws(RecordError) -> Value {
    guard bytesLeft >= MemoryLayout<Value>.size else { throw .truncated }
    defer { position += MemoryLayout<Value>.size }
    return load(type, from: bytes, at: position)
  }

  mutating func takeBytes(_ count: Int) throws(RecordError) -> [UInt8] {
    guard count >= 0, count <= bytesLeft else { throw .truncated }
    defer { position += count }
    return Array(bytes[position..<position + count])
  }

  mutating func skip(_ count: Int) throws(RecordError) {
    guard count >= 0, count <= bytesLeft else { throw .truncated }
    position += count
  }

  mutating func takeFlag() throws(RecordError) -> Bool {
    switch try take(UInt8.self) {
    case 0: false
    case 1: true
    default: throw .badField
    }
  }

  mutating func takeSize() throws(RecordError) -> Int {
    guard let size = Int(exactly: try take(UInt64.self)) else { throw .badField }
    return size
  }

  /// A count of items that take at least `bytesEach` bytes each.
  mutating func takeCount(bytesEach: Int) throws(RecordError) -> Int {
    let count = Int(try take(UInt32.self))
    guard count <= bytesLeft / bytesEach else { throw .truncated }
    return count
  }

  mutating func takeInode() throws(RecordError) -> InodeNumber { InodeNumber(try take(UInt64.self)) }
  mutating func takeLSN() throws(RecordError) -> LSN { LSN(try take(UInt64.self)) }

  mutating func takeTimestamp() throws(RecordError) -> Timestamp {
    let seconds = try take(Int64.self)
    let nanoseconds = try take(UInt32.self)
    guard nanoseconds < FieldLimits.nanosecondsPerSecond else { throw .badField }
    return Timestamp(seconds: seconds, nanoseconds: nanoseconds)
  }

  mutating func takeKind() throws(RecordError) -> FileKind {
    guard let kind = FileKind(rawValue: try take(UInt8.self)) else { throw .badField }
    return kind
  }

  mutating func takeLocation() throws(RecordError) -> Location {
    let parent = try takeInode()
    let name = try takeBytes(Int(try take(UInt8.self)))
    do { return Location(parent, try EntryName(validating: name)) } catch { throw .badField }
  }

  mutating func takeOptionalLocation() throws(RecordError) -> Location? { try takeFlag() ? try takeLocation() : nil }
  mutating func takeOptionalInode() throws(RecordError) -> InodeNumber? { try takeFlag() ? try takeInode() : nil }

  mutating func takeStage() throws(RecordError) -> Stage {
    let lsn = try takeLSN()
    let stage = try take(UInt8.self)
    guard stage <= FieldLimits.stageMax else { throw .badField }
    return Stage(lsn, stage: stage)
  }

  mutating func takeAttributeName() throws(RecordError) -> [UInt8] {
    let name = try takeBytes(Int(try take(UInt8.self)))
    guard !name.isEmpty, !name.contains(0) else { throw .badField }
    return name
  }

  mutating func takeAttributeValue() throws(RecordError) -> [UInt8] {
    let count = Int(try take(UInt32.self))
    guard count <= FieldLimits.attributeValueMax else { throw .badField }
    return try takeBytes(count)
  }

  private mutating func takeIdentity() throws(RecordError) -> BackingIdentity {
    let bits = try take(UInt8.self)
    guard bits & ~IdentityBit.all == 0 else { throw .badField }
    var identity = BackingIdentity(
      isOnRootDevice: bits & IdentityBit.isOnRootDevice != 0, inode: try take(UInt64.self), linkCount: try take(UInt32.self))
    if bits & IdentityBit.hasVersion != 0 {
      identity.version = BackingVersion(size: try takeSize(), modified: try takeTimestamp())
    }
    return identity
  }

  mutating func takeBinding() throws(RecordError) -> Binding {
    var binding = Binding(inode: try takeInode(), kind: try takeKind(), locations: [])
    for _ in 0..<(try takeCount(bytesEach: 10)) { binding.locations.append(try takeLocation()) }
    guard try takeFlag() else { return binding }
    binding.identity = try takeIdentity()
    return binding
  }
}
