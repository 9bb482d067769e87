import FilesystemModel
import StorageInterface
import Threading

extension SimulatedBackingStorage {
  package func open(_ path: BackingPath, writable: Bool) throws(Errno) -> any BackingFile {
    let (node, generation) = try call(.open, path) { (disk) throws(Errno) in
      let node = try resolve(path, in: disk)
      switch disk.live[node].attributes.kind {
      case .regular: break
      case .directory: throw .isDirectory
      case .symlink: throw .tooManySymlinks
      case .fifo, .socket, .characterDevice, .blockDevice: throw .noDeviceOrAddress
      }
      disk.retain(node)
      return (node, disk.generation)
    }
    return SimulatedBackingFile(storage: self, node: node, path: path, isWritable: writable, generation: generation)
  }

  // MARK: Attributes

  package func setAttributes(_ path: BackingPath, kind: FileKind, _ change: AttributeChange) throws(Errno) {
    try call(.setAttributes, path) { (disk) throws(Errno) in
      let node = try resolve(path, in: disk)
      try setAttributes(node, change, in: &disk)
    }
  }

  package func setExtendedAttribute(_ path: BackingPath, _ change: ExtendedAttributeChange) throws(Errno) {
    try call(.setExtendedAttribute, path) { (disk) throws(Errno) in
      let node = try resolve(path, in: disk)
      try setExtendedAttribute(node, change, in: &disk)
    }
  }

  /// chown, chmod, utimensat in this order. A chown clears the set-id bits and capabilities, also a privileged one (chown(2)).
  func setAttributes(_ node: InodeNumber, _ change: AttributeChange, in disk: inout SimulatedDisk) throws(Errno) {
    var attributes = disk.live[node].attributes
    let isOtherOwner = change.owner.map { $0 != attributes.owner } ?? false
    let isOtherGroup = change.group.map { $0 != attributes.group } ?? false
    guard abilities.isPrivileged || !isOtherOwner && !isOtherGroup else { throw .notPermitted }
    guard attributes.kind != .symlink || change.permissions == nil else { throw .notSupported }
    if change.owner != nil || change.group != nil, attributes.kind != .directory {
      attributes.permissions &= attributes.permissions & 0o010 != 0 ? ~0o6000 : ~0o4000
    }
    change.apply(to: &attributes)
    attributes.changed = clock.now()
    disk.perform(.attributes(node, attributes))
    if change.owner != nil || change.group != nil { disk.removeCapability(of: node) }
    guard let permissions = change.permissions, let list = try accessList(of: node, in: disk) else { return }
    let changed = list.afterChangingPermissions(to: permissions)
    disk.perform(
      .extendedAttribute(node, ExtendedAttributeChange(name: AccessControlList.accessName, value: changed.encoded)))
  }

  private func accessList(of node: InodeNumber, in disk: SimulatedDisk) throws(Errno) -> AccessControlList? {
    guard let value = disk.live[node].extendedAttributes[AccessControlList.accessName] else { return nil }
    return try AccessControlList.decode(value)
  }

  func setExtendedAttribute(
    _ node: InodeNumber, _ change: ExtendedAttributeChange, in disk: inout SimulatedDisk
  ) throws(Errno) {
    guard abilities.supportsExtendedAttributes else { throw .notSupported }
    guard !change.name.isEmpty, change.name.count <= 255 else { throw .resultTooLarge }
    var attributes = disk.live[node].attributes
    let isList = change.name == AccessControlList.accessName || change.name == AccessControlList.defaultName
    if change.name.starts(with: "user.".utf8), attributes.kind != .regular, attributes.kind != .directory {
      throw .notPermitted
    }
    if isList, attributes.kind == .symlink { throw .notSupported }
    var change = change
    if isList, let value = change.value {
      if change.name == AccessControlList.defaultName, attributes.kind != .directory { throw .accessDenied }
      let list = try AccessControlList.decode(value)
      change.value = list?.encoded
      if change.name == AccessControlList.accessName, let list {
        attributes.permissions = attributes.permissions & ~0o777 | list.permissionBits
        if list.isEquivalentToPermissions { change.value = nil }
      }
    }
    disk.perform(.extendedAttribute(node, change))
    attributes.changed = clock.now()
    disk.perform(.attributes(node, attributes))
  }

  // MARK: Synchronizing

  package func synchronizeDirectory(_ path: BackingPath) throws(Errno) {
    try call(.synchronizeDirectory, path) { (disk) throws(Errno) in
      let node = try resolve(path, in: disk)
      guard disk.live[node].isDirectory else { throw .notDirectory }
      disk.synchronize(node)
    }
  }

  package func synchronize(_ path: BackingPath) throws(Errno) {
    try call(
      .synchronize, path,
      dropping: { disk in if let node = try? self.resolve(path, in: disk) { disk.dropDirtyBytes(of: node) } },
      { (disk) throws(Errno) in
        let node = try resolve(path, in: disk)
        guard disk.live[node].attributes.kind != .symlink else { throw .tooManySymlinks }
        try disk.reportLoss(of: node)
        disk.synchronize(node)
      })
  }

  package func openFilesystemSynchronization() throws(Errno) -> any FilesystemSynchronization {
    SimulatedFilesystemSynchronization(self, lossesKnown: state.withLock { $0.disk.losses })
  }
}

/// Tells of each loss of dirty bytes since it was opened, once.
private final class SimulatedFilesystemSynchronization: FilesystemSynchronization {
  private let storage: SimulatedBackingStorage
  private let lossesKnown: Lock<Int>

  init(_ storage: SimulatedBackingStorage, lossesKnown: Int) {
    self.storage = storage
    self.lossesKnown = Lock(lossesKnown)
  }

  func synchronize() throws(Errno) {
    try storage.call(
      .synchronizeFilesystem, .root,
      dropping: { [lossesKnown] disk in
        disk.dropAllDirtyBytes()
        lossesKnown.withLock { $0 = disk.losses }
      },
      { (disk) throws(Errno) in
        let losses = disk.losses
        let isLossNews = lossesKnown.withLock { known in
          defer { known = losses }
          return known != losses
        }
        if isLossNews { throw .inputOutput }
        if storage.abilities.hasFilesystemSync { disk.synchronizeAll() }
      })
  }
}

/// An open regular file of a `SimulatedBackingStorage`. After a crash every call fails with `badDescriptor`.
package final class SimulatedBackingFile: BackingFile {
  private let storage: SimulatedBackingStorage
  private let node: InodeNumber
  private let path: BackingPath
  private let isWritable: Bool
  private let generation: Int

  init(storage: SimulatedBackingStorage, node: InodeNumber, path: BackingPath, isWritable: Bool, generation: Int) {
    self.storage = storage
    self.node = node
    self.path = path
    self.isWritable = isWritable
    self.generation = generation
  }

  deinit { storage.state.withLock { $0.disk.release(node, generation: generation) } }

  private func call<Result>(
    _ name: BackingCall.Name, _ body: (inout SimulatedDisk) throws(Errno) -> Result
  ) throws(Errno) -> Result {
    try storage.call(
      name, path, dropping: { [node] disk in disk.dropDirtyBytes(of: node) },
      { (disk) throws(Errno) in
        guard disk.generation == generation else { throw .badDescriptor }
        return try body(&disk)
      })
  }

  package func read(at offset: Int, count: Int) throws(Errno) -> [UInt8] {
    try call(.read) { (disk) throws(Errno) in
      guard offset >= 0, count >= 0 else { throw .invalidArgument }
      return disk.live[node].contents.read(at: offset, count: count)
    }
  }

  package func fetchAhead(_ range: ByteRange) { storage.rangesFetchedAhead.withLock { $0.append(range) } }

  package func write(_ bytes: [UInt8], at offset: Int) throws(Errno) {
    try call(.write) { (disk) throws(Errno) in
      guard isWritable else { throw .badDescriptor }
      guard offset >= 0 else { throw .invalidArgument }
      guard !bytes.isEmpty else { return }
      try checkSize(offset, adding: bytes.count)
      var contents = disk.live[node].contents
      contents.write(bytes, at: offset)
      let added = contents.sectors.count - disk.live[node].contents.sectors.count
      if let capacity = storage.options.capacityBytes,
        SimulatedBackingStorage.bytesUsed(disk) + added * SparseBytes.sectorBytes > capacity
      {
        throw .noSpace
      }
      if contents.size != disk.live[node].contents.size { disk.perform(.size(node, contents.size)) }
      performSectors(SparseBytes.sectorIndexes(of: offset..<offset + bytes.count), of: contents, in: &disk)
      touch(&disk)
    }
  }

  private func checkSize(_ offset: Int, adding count: Int) throws(Errno) {
    let (end, overflows) = offset.addingReportingOverflow(count)
    guard !overflows, end <= storage.abilities.fileBytesMax else { throw .fileTooLarge }
  }

  private func performSectors(_ indexes: some Sequence<Int>, of contents: SparseBytes, in disk: inout SimulatedDisk) {
    for index in indexes { disk.perform(.sector(node, index: index, bytes: contents.sectors[index])) }
  }

  private func touch(_ disk: inout SimulatedDisk) {
    var attributes = disk.live[node].attributes
    attributes.modified = storage.clock.now()
    attributes.changed = attributes.modified
    disk.perform(.attributes(node, attributes))
    disk.removeCapability(of: node)
  }

  package func resize(_ size: Int) throws(Errno) {
    try call(.resize) { (disk) throws(Errno) in
      guard isWritable, size >= 0 else { throw .invalidArgument }
      try checkSize(size, adding: 0)
      disk.perform(.size(node, size))
      touch(&disk)
    }
  }

  package func zero(_ range: ByteRange) throws(Errno) {
    try call(.zero) { (disk) throws(Errno) in
      guard isWritable else { throw .badDescriptor }
      guard range.lowerBound >= 0 else { throw .invalidArgument }
      let before = disk.live[node].contents
      var contents = before
      contents.zero(range)
      let touched = SparseBytes.sectorIndexes(of: range)
      performSectors(before.sectors.keys.filter(touched.contains).sorted(), of: contents, in: &disk)
      touch(&disk)
    }
  }

  package func setAttributes(_ change: AttributeChange) throws(Errno) {
    try call(.setFileAttributes) { (disk) throws(Errno) in try storage.setAttributes(node, change, in: &disk) }
  }

  package func setExtendedAttribute(_ change: ExtendedAttributeChange) throws(Errno) {
    try call(.setFileExtendedAttribute) { (disk) throws(Errno) in
      try storage.setExtendedAttribute(node, change, in: &disk)
    }
  }

  package func status() throws(Errno) -> BackingStatus {
    storage.presented(
      try call(.fileStatus) { (disk) throws(Errno) in SimulatedBackingStorage.status(of: node, in: disk) })
  }

  package func seek(from offset: Int, _ target: SeekTarget) throws(Errno) -> Int? {
    try call(.seek) { (disk) throws(Errno) in
      guard offset >= 0 else { throw .invalidArgument }
      let contents = disk.live[node].contents
      guard target == .hole else { return contents.nextData(from: offset) }
      return contents.nextHole(from: offset)
    }
  }

  package func synchronize() throws(Errno) {
    try call(.synchronizeFile) { (disk) throws(Errno) in
      try disk.reportLoss(of: node)
      disk.synchronize(node)
    }
  }
}

extension SimulatedDisk {
  /// Capabilities do not survive a change of the bytes or the owner, whoever makes it (capabilities(7)).
  mutating func removeCapability(of node: InodeNumber) {
    let name = Array("security.capability".utf8)
    guard live[node].extendedAttributes[name] != nil else { return }
    perform(.extendedAttribute(node, ExtendedAttributeChange(name: name, value: nil)))
  }
}
