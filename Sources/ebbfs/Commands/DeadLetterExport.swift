import Control
import FilesystemModel
import StorageInterface

/// Saves what dead letters hold: files with all that the mount shows of them below `files`, and `manifest.json` with every
/// letter.
/// Nothing that is there is ever overwritten.
struct DeadLetterExport {
  let source: any BackingStorage
  let target: any BackingStorage
  private(set) var exportedCount = 0
  /// Why files are not there, one line each.
  private(set) var problems: [String] = []
  private var done: Set<[UInt8]> = []
  /// Attributes of directories, which are set when all is in them.
  private var directories: [(BackingPath, BackingDetails)] = []

  private static let folder = EntryName(unchecked: Array("files".utf8))
  private static let manifest = EntryName(unchecked: Array("manifest.json".utf8))
  private static let chunkBytes = 1 << 20

  init(source: any BackingStorage, target: any BackingStorage) {
    self.source = source
    self.target = target
  }

  /// - Throws: why the target cannot be written to at all.
  mutating func carryOut(_ letters: [DeadLetterReport]) throws(Errno) {
    try target.make(BackingPath([Self.folder]), kind: .directory, device: 0, target: [])
    for letter in letters { for change in [letter.change] + letter.dependents { save(change) } }
    for (path, details) in directories.reversed() { try? setAttributes(path, details) }
    let file = try target.createFile(BackingPath([Self.manifest]))
    try file.write(Array((JSONValue.array(letters.map(\.json)).text() + "\n").utf8), at: 0)
    try file.synchronize()
    try target.synchronizeDirectory(.root)
  }

  private mutating func save(_ change: WaitingChangeReport) {
    guard !change.operation.hasPrefix("remove"), !change.path.isEmpty, done.insert(change.path).inserted else { return }
    do throws(Errno) {
      let names = change.path.split(separator: UInt8(ascii: "/")).map { EntryName(unchecked: Array($0)) }
      try save(BackingPath(names))
      exportedCount += 1
    } catch {
      problems.append("\(TerminalText.path(change.path)): \(error.message)")
    }
  }

  private mutating func save(_ path: BackingPath) throws(Errno) {
    for count in 1..<max(path.components.count, 1) { try saveDirectory(BackingPath(Array(path.components.prefix(count)))) }
    let details = try source.details(path)
    let copy = BackingPath([Self.folder] + path.components)
    switch details.status.attributes.kind {
    case .directory: return try saveDirectory(path)
    case .regular: try saveFile(path, copy)
    case .symlink, .fifo, .socket, .characterDevice, .blockDevice:
      let attributes = details.status.attributes
      try target.make(copy, kind: attributes.kind, device: attributes.device, target: details.target)
    }
    try setAttributes(copy, details)
    try target.synchronize(copy)
  }

  private mutating func saveDirectory(_ path: BackingPath) throws(Errno) {
    let copy = BackingPath([Self.folder] + path.components)
    do throws(Errno) {
      try target.make(copy, kind: .directory, device: 0, target: [])
    } catch {
      guard error == .exists else { throw error }
      return
    }
    directories.append((copy, try source.details(path)))
  }

  /// Holes stay holes.
  private func saveFile(_ path: BackingPath, _ copy: BackingPath) throws(Errno) {
    let from = try source.open(path, writable: false)
    let to = try target.createFile(copy)
    var offset = 0
    while let data = try from.seek(from: offset, .data) {
      let end = try from.seek(from: data, .hole) ?? data + Self.chunkBytes
      let bytes = try from.read(at: data, count: min(end - data, Self.chunkBytes))
      if bytes.isEmpty { break }
      try to.write(bytes, at: data)
      offset = data + bytes.count
    }
    try to.resize(try from.status().attributes.size)
  }

  /// What this user may not give to a file it does without: the manifest has the paths, the mount has the rest.
  private func setAttributes(_ path: BackingPath, _ details: BackingDetails) throws(Errno) {
    let found = details.status.attributes
    for attribute in details.extendedAttributes {
      try? target.setExtendedAttribute(path, ExtendedAttributeChange(name: attribute.name, value: attribute.value))
    }
    if target.abilities.isPrivileged {
      try target.setAttributes(path, kind: found.kind, AttributeChange(owner: found.owner, group: found.group))
    }
    var change = AttributeChange(accessed: found.accessed, modified: found.modified)
    if found.kind != .symlink { change.permissions = found.permissions }
    try target.setAttributes(path, kind: found.kind, change)
  }
}
