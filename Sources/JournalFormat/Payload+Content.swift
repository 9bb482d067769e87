import FilesystemModel

/// The field that says what changed in the data. Raw values are written to the journal.
private enum DataField: UInt8 {
  case none = 0
  case write = 1
  case resize = 2
  case zero = 3
}

/// Which fields of an `AttributeChange` are present. Bits are written to the journal.
private enum AttributeBit {
  static let permissions: UInt8 = 1
  static let owner: UInt8 = 2
  static let group: UInt8 = 4
  static let accessed: UInt8 = 8
  static let modified: UInt8 = 16
  static let changed: UInt8 = 32
  static let all: UInt8 = 63
}

extension FieldSink {
  /// Puts all but the bytes of a write, which end the record.
  mutating func put(_ change: ContentChange) {
    put(change.inode)
    put(size: change.sizeAfter)
    put(change.attributes)
    put(count: change.extendedAttributes.count)
    for attribute in change.extendedAttributes {
      put(attributeName: attribute.name)
      put(flag: attribute.value != nil)
      if let value = attribute.value { put(attributeValue: value) }
    }
    put(change.data)
  }

  private mutating func put(_ change: AttributeChange) {
    precondition(change.permissions ?? 0 <= FieldLimits.permissionsMax)
    var bits: UInt8 = 0
    if change.permissions != nil { bits |= AttributeBit.permissions }
    if change.owner != nil { bits |= AttributeBit.owner }
    if change.group != nil { bits |= AttributeBit.group }
    if change.accessed != nil { bits |= AttributeBit.accessed }
    if change.modified != nil { bits |= AttributeBit.modified }
    if change.changed != nil { bits |= AttributeBit.changed }
    put(bits)
    if let permissions = change.permissions { put(permissions) }
    if let owner = change.owner { put(owner) }
    if let group = change.group { put(group) }
    for case let time? in [change.accessed, change.modified, change.changed] { put(time) }
  }

  private mutating func put(_ data: DataChange?) {
    switch data {
    case nil: put(DataField.none.rawValue)
    case .write(let offset, let count):
      precondition(count <= Int.max - offset)
      put(DataField.write.rawValue)
      put(size: offset)
      put(count: count)
    case .resize(let size):
      put(DataField.resize.rawValue)
      put(size: size)
    case .zero(let range):
      put(DataField.zero.rawValue)
      put(size: range.lowerBound)
      put(size: range.upperBound)
    }
  }
}

extension FieldReader {
  mutating func takeContentChange() throws(RecordError) -> ContentChange {
    var change = ContentChange(inode: try takeInode(), sizeAfter: try takeSize())
    change.attributes = try takeAttributeChange()
    for _ in 0..<(try takeCount(bytesEach: 3)) {
      let name = try takeAttributeName()
      let value = try takeFlag() ? try takeAttributeValue() : nil
      change.extendedAttributes.append(ExtendedAttributeChange(name: name, value: value))
    }
    change.data = try takeDataChange()
    return change
  }

  private mutating func takeAttributeChange() throws(RecordError) -> AttributeChange {
    let bits = try take(UInt8.self)
    guard bits & ~AttributeBit.all == 0 else { throw .badField }
    var change = AttributeChange()
    if bits & AttributeBit.permissions != 0 { change.permissions = try take(UInt16.self) }
    guard change.permissions ?? 0 <= FieldLimits.permissionsMax else { throw .badField }
    if bits & AttributeBit.owner != 0 { change.owner = try take(UInt32.self) }
    if bits & AttributeBit.group != 0 { change.group = try take(UInt32.self) }
    if bits & AttributeBit.accessed != 0 { change.accessed = try takeTimestamp() }
    if bits & AttributeBit.modified != 0 { change.modified = try takeTimestamp() }
    if bits & AttributeBit.changed != 0 { change.changed = try takeTimestamp() }
    return change
  }

  private mutating func takeDataChange() throws(RecordError) -> DataChange? {
    switch DataField(rawValue: try take(UInt8.self)) {
    case .none?: return nil
    case .write:
      let offset = try takeSize()
      let count = try takeCount(bytesEach: 1)
      guard count <= Int.max - offset else { throw .badField }
      return .write(offset: offset, count: count)
    case .resize: return .resize(try takeSize())
    case .zero:
      let lower = try takeSize()
      let upper = try takeSize()
      guard lower <= upper else { throw .badField }
      return .zero(lower..<upper)
    case nil: throw .badField
    }
  }
}
