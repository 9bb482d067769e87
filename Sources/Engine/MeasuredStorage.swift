import FilesystemModel
import StorageInterface

/// A backing directory whose calls are timed, and nothing else.
final class MeasuredStorage: BackingStorage {
  private let storage: any BackingStorage
  private let metrics: BackingCallMetrics

  init(_ storage: any BackingStorage, _ metrics: BackingCallMetrics) {
    self.storage = storage
    self.metrics = metrics
  }

  var abilities: BackingAbilities { storage.abilities }
  var place: String { storage.place }

  func checkRoot() throws(Errno) {
    try metrics.measure(.checkRoot) { () throws(Errno) in try storage.checkRoot() }
  }

  func list(_ path: BackingPath) throws(Errno) -> [BackingEntry] {
    try metrics.measure(.list) { () throws(Errno) in try storage.list(path) }
  }

  func status(_ path: BackingPath) throws(Errno) -> BackingStatus {
    try metrics.measure(.status) { () throws(Errno) in try storage.status(path) }
  }

  func details(_ path: BackingPath) throws(Errno) -> BackingDetails {
    try metrics.measure(.details) { () throws(Errno) in try storage.details(path) }
  }

  func statistics() throws(Errno) -> FilesystemStatistics {
    try metrics.measure(.statistics) { () throws(Errno) in try storage.statistics() }
  }

  func open(_ path: BackingPath, writable: Bool) throws(Errno) -> any BackingFile {
    let file = try metrics.measure(.open) { () throws(Errno) in try storage.open(path, writable: writable) }
    return MeasuredFile(file, metrics)
  }

  func createFile(_ path: BackingPath, permissions: UInt16) throws(Errno) -> any BackingFile {
    let file = try metrics.measure(.createFile) { () throws(Errno) in
      try storage.createFile(path, permissions: permissions)
    }
    return MeasuredFile(file, metrics)
  }

  func make(_ path: BackingPath, kind: FileKind, permissions: UInt16, device: UInt64, target: [UInt8]) throws(Errno) {
    try metrics.measure(.make) { () throws(Errno) in
      try storage.make(path, kind: kind, permissions: permissions, device: device, target: target)
    }
  }

  func link(_ path: BackingPath, to target: BackingPath) throws(Errno) {
    try metrics.measure(.link) { () throws(Errno) in try storage.link(path, to: target) }
  }

  func removeFile(_ path: BackingPath) throws(Errno) {
    try metrics.measure(.removeFile) { () throws(Errno) in try storage.removeFile(path) }
  }

  func removeDirectory(_ path: BackingPath) throws(Errno) {
    try metrics.measure(.removeDirectory) { () throws(Errno) in try storage.removeDirectory(path) }
  }

  func rename(_ source: BackingPath, to target: BackingPath, replacing: Bool) throws(Errno) {
    try metrics.measure(.rename) { () throws(Errno) in try storage.rename(source, to: target, replacing: replacing) }
  }

  func setAttributes(_ path: BackingPath, kind: FileKind, _ change: AttributeChange) throws(Errno) {
    try metrics.measure(.setAttributes) { () throws(Errno) in try storage.setAttributes(path, kind: kind, change) }
  }

  func setExtendedAttribute(_ path: BackingPath, _ change: ExtendedAttributeChange) throws(Errno) {
    try metrics.measure(.setExtendedAttribute) { () throws(Errno) in try storage.setExtendedAttribute(path, change) }
  }

  func synchronizeDirectory(_ path: BackingPath) throws(Errno) {
    try metrics.measure(.synchronize) { () throws(Errno) in try storage.synchronizeDirectory(path) }
  }

  func synchronize(_ path: BackingPath) throws(Errno) {
    try metrics.measure(.synchronize) { () throws(Errno) in try storage.synchronize(path) }
  }

  /// Not timed: it is called once.
  func beginWatching(_ tell: @escaping @Sendable ([BackingEvent]) -> Void) -> (any BackingWatch)? {
    storage.beginWatching(tell)
  }

  func openFilesystemSynchronization() throws(Errno) -> any FilesystemSynchronization {
    MeasuredSynchronization(try storage.openFilesystemSynchronization(), metrics)
  }
}

private final class MeasuredSynchronization: FilesystemSynchronization {
  private let synchronization: any FilesystemSynchronization
  private let metrics: BackingCallMetrics

  init(_ synchronization: any FilesystemSynchronization, _ metrics: BackingCallMetrics) {
    self.synchronization = synchronization
    self.metrics = metrics
  }

  func synchronize() throws(Errno) {
    try metrics.measure(.synchronizeFilesystem) { () throws(Errno) in try synchronization.synchronize() }
  }
}

private final class MeasuredFile: BackingFile {
  private let file: any BackingFile
  private let metrics: BackingCallMetrics

  init(_ file: any BackingFile, _ metrics: BackingCallMetrics) {
    self.file = file
    self.metrics = metrics
  }

  func read(at offset: Int, count: Int) throws(Errno) -> [UInt8] {
    try metrics.measure(.read) { () throws(Errno) in try file.read(at: offset, count: count) }
  }

  func fetchAhead(_ range: ByteRange) { file.fetchAhead(range) }

  func write(_ bytes: [UInt8], at offset: Int) throws(Errno) {
    try metrics.measure(.write) { () throws(Errno) in try file.write(bytes, at: offset) }
    metrics.bytesWritten.add(bytes.count)
  }

  func resize(_ size: Int) throws(Errno) {
    try metrics.measure(.resize) { () throws(Errno) in try file.resize(size) }
  }

  func zero(_ range: ByteRange) throws(Errno) {
    try metrics.measure(.zero) { () throws(Errno) in try file.zero(range) }
  }

  func setAttributes(_ change: AttributeChange) throws(Errno) {
    try metrics.measure(.setAttributes) { () throws(Errno) in try file.setAttributes(change) }
  }

  func setExtendedAttribute(_ change: ExtendedAttributeChange) throws(Errno) {
    try metrics.measure(.setExtendedAttribute) { () throws(Errno) in try file.setExtendedAttribute(change) }
  }

  func status() throws(Errno) -> BackingStatus {
    try metrics.measure(.status) { () throws(Errno) in try file.status() }
  }

  func seek(from offset: Int, _ target: SeekTarget) throws(Errno) -> Int? {
    try metrics.measure(.seek) { () throws(Errno) in try file.seek(from: offset, target) }
  }

  func synchronize() throws(Errno) {
    try metrics.measure(.synchronize) { () throws(Errno) in try file.synchronize() }
  }
}
