import FilesystemModel

/// Takes the fields of a payload one after another.
protocol FieldSink {
  mutating func put<Value: FixedWidthInteger>(_ value: Value)
  mutating func put(_ bytes: [UInt8])
  mutating func put(_ name: EntryName)
}

/// Appends fields to an array, little-endian.
struct FieldWriter: FieldSink {
  var bytes: [UInt8]

  mutating func put<Value: FixedWidthInteger>(_ value: Value) {
    var rest = value
    for _ in 0..<MemoryLayout<Value>.size {
      bytes.append(UInt8(truncatingIfNeeded: rest))
      rest = Value.bitWidth > 8 ? rest >> 8 : 0
    }
  }

  mutating func put(_ more: [UInt8]) { bytes.append(contentsOf: more) }
  mutating func put(_ name: EntryName) { name.append(to: &bytes) }
}

/// Only counts, for the size of a record before it is encoded.
struct FieldCounter: FieldSink {
  var count = 0

  mutating func put<Value: FixedWidthInteger>(_ value: Value) { count += MemoryLayout<Value>.size }
  mutating func put(_ more: [UInt8]) { count += more.count }
  mutating func put(_ name: EntryName) { count += name.count }
}

/// The fields that several records share. Each checks what `FieldReader` checks: a record that could not be read back is our bug.
extension FieldSink {
  mutating func put(flag: Bool) { put(flag ? 1 as UInt8 : 0) }

  /// A size, offset or count that is never negative, as u64.
  mutating func put(size: Int) {
    precondition(size >= 0)
    put(UInt64(size))
  }

  mutating func put(count: Int) {
    precondition(count >= 0 && count <= FieldLimits.countMax)
    put(UInt32(count))
  }

  mutating func put(_ inode: InodeNumber) { put(inode.rawValue) }
  mutating func put(_ lsn: LSN) { put(lsn.rawValue) }

  mutating func put(_ time: Timestamp) {
    precondition(time.nanoseconds < FieldLimits.nanosecondsPerSecond)
    put(time.seconds)
    put(time.nanoseconds)
  }

  mutating func put(_ location: Location) {
    let name = location.name
    precondition(name.count > 0 && name.count <= EntryName.bytesMax)
    put(location.parent)
    put(UInt8(name.count))
    put(name)
  }

  mutating func put(optional location: Location?) {
    put(flag: location != nil)
    if let location { put(location) }
  }

  mutating func put(optional inode: InodeNumber?) {
    put(flag: inode != nil)
    if let inode { put(inode) }
  }

  mutating func put(_ stage: Stage) {
    precondition(stage.stage <= FieldLimits.stageMax)
    put(stage.lsn)
    put(stage.stage)
  }

  mutating func put(attributeName name: [UInt8]) {
    precondition(!name.isEmpty && name.count <= FieldLimits.attributeNameMax && !name.contains(0))
    put(UInt8(name.count))
    put(name)
  }

  mutating func put(attributeValue value: [UInt8]) {
    precondition(value.count <= FieldLimits.attributeValueMax)
    put(UInt32(value.count))
    put(value)
  }

  mutating func put(_ binding: Binding) {
    put(binding.inode)
    put(binding.kind.rawValue)
    put(count: binding.locations.count)
    for location in binding.locations { put(location) }
    put(flag: binding.identity != nil)
    guard let identity = binding.identity else { return }
    put((identity.isOnRootDevice ? IdentityBit.isOnRootDevice : 0) | (identity.version != nil ? IdentityBit.hasVersion : 0))
    put(identity.inode)
    put(identity.linkCount)
    guard let version = identity.version else { return }
    put(size: version.size)
    put(version.modified)
  }
}

/// The first byte of an identity. Bits are written to the journal.
enum IdentityBit {
  static let isOnRootDevice: UInt8 = 1
  static let hasVersion: UInt8 = 2
  static let all: UInt8 = 3
}

/// Bounds of fields, checked when writing and when reading.
enum FieldLimits {
  static let nanosecondsPerSecond: UInt32 = 1_000_000_000
  /// The twelve lowest bits of `st_mode`.
  static let permissionsMax: UInt16 = 0o7777
  /// XATTR_NAME_MAX and XATTR_SIZE_MAX of Linux (`limits.h`).
  static let attributeNameMax = 255
  static let attributeValueMax = 65_536
  /// PATH_MAX of Linux.
  static let targetMax = 4096
  static let stageMax: UInt8 = 2
  /// MAX_ERRNO of Linux (`include/linux/err.h`).
  static let errnoMax = 4095
  /// Of epochs, segment numbers and first LSNs: counting on from here never overflows.
  static let counterMax: UInt64 = 1 << 62
  /// No record has room for more of anything.
  static let countMax = RecordLayout.recordBytesMax
}
