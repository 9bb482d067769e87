import FilesystemModel

/// The first field of a namespace record's change. Raw values are written to the journal.
private enum NamespaceField: UInt8 {
  case create = 1
  case link = 2
  case remove = 3
  case rename = 4
  case exchange = 5
}

extension FieldSink {
  mutating func put(_ change: NamespaceChange) {
    switch change {
    case .create(let inode, let location):
      put(NamespaceField.create.rawValue)
      put(inode)
      put(optional: location)
    case .link(let inode, let location):
      put(NamespaceField.link.rawValue)
      put(inode)
      put(location)
    case .remove(let inode, let location):
      put(NamespaceField.remove.rawValue)
      put(inode)
      put(location)
    case .rename(let inode, let source, let target, let replaced):
      put(NamespaceField.rename.rawValue)
      put(inode)
      put(source)
      put(target)
      put(optional: replaced)
    case .exchange(let inode, let location, let other, let otherLocation):
      put(NamespaceField.exchange.rawValue)
      put(inode)
      put(location)
      put(other)
      put(otherLocation)
    }
  }

  private mutating func put(_ inode: NewInode) {
    precondition(inode.target.count <= FieldLimits.targetMax)
    put(inode.number)
    put(inode.attributes)
    put(UInt16(inode.target.count))
    put(inode.target)
    put(count: inode.extendedAttributes.count)
    for attribute in inode.extendedAttributes {
      put(attributeName: attribute.name)
      put(attributeValue: attribute.value)
    }
  }

  private mutating func put(_ attributes: Attributes) {
    precondition(attributes.permissions <= FieldLimits.permissionsMax)
    put(attributes.kind.rawValue)
    put(attributes.permissions)
    put(attributes.owner)
    put(attributes.group)
    put(size: attributes.size)
    put(attributes.linkCount)
    put(attributes.device)
    put(size: attributes.blocks512)
    put(attributes.accessed)
    put(attributes.modified)
    put(attributes.changed)
    put(flag: attributes.born != nil)
    if let born = attributes.born { put(born) }
  }
}

extension FieldReader {
  mutating func takeNamespaceChange() throws(RecordError) -> NamespaceChange {
    switch NamespaceField(rawValue: try take(UInt8.self)) {
    case .create:
      let inode = try takeNewInode()
      return .create(inode, at: try takeOptionalLocation())
    case .link: return .link(try takeInode(), at: try takeLocation())
    case .remove: return .remove(try takeInode(), from: try takeLocation())
    case .rename:
      let inode = try takeInode()
      let source = try takeLocation()
      return .rename(inode, from: source, to: try takeLocation(), replacing: try takeOptionalInode())
    case .exchange:
      let inode = try takeInode()
      let location = try takeLocation()
      return .exchange(inode, at: location, with: try takeInode(), otherAt: try takeLocation())
    case nil: throw .badField
    }
  }

  private mutating func takeNewInode() throws(RecordError) -> NewInode {
    var inode = NewInode(number: try takeInode(), attributes: try takeAttributes())
    let targetCount = Int(try take(UInt16.self))
    guard targetCount <= FieldLimits.targetMax else { throw .badField }
    inode.target = try takeBytes(targetCount)
    for _ in 0..<(try takeCount(bytesEach: 6)) {
      let name = try takeAttributeName()
      inode.extendedAttributes.append(ExtendedAttribute(name: name, value: try takeAttributeValue()))
    }
    return inode
  }

  private mutating func takeAttributes() throws(RecordError) -> Attributes {
    let kind = try takeKind()
    let permissions = try take(UInt16.self)
    guard permissions <= FieldLimits.permissionsMax else { throw .badField }
    let owner = try take(UInt32.self)
    let group = try take(UInt32.self)
    let size = try takeSize()
    let linkCount = try take(UInt32.self)
    let device = try take(UInt64.self)
    let blocks512 = try takeSize()
    let accessed = try takeTimestamp()
    let modified = try takeTimestamp()
    let changed = try takeTimestamp()
    let born = try takeFlag() ? try takeTimestamp() : nil
    return Attributes(
      kind: kind, permissions: permissions, owner: owner, group: group, size: size, linkCount: linkCount, device: device,
      blocks512: blocks512, accessed: accessed, modified: modified, changed: changed, born: born)
  }
}
