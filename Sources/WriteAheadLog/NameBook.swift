import FilesystemModel
import JournalFormat

/// Where files are on the mount, as far as the records seen so far tell.
///
/// The first thing that is told of an inode counts: its creation, or where the backing directory has it. Then what operations do
/// to its names does, since the backing directory is behind; only names there that no operation has touched are added.
package struct NameBook: Sendable {
  package private(set) var inodes: [Location: InodeNumber] = [:]
  private var places: [InodeNumber: [Location]] = [:]
  private var kinds: [InodeNumber: FileKind] = [.root: .directory]
  /// Names that operations have taken away, which the backing directory may still have.
  private var freed: Set<Location> = []

  package init() {}

  package mutating func take(_ record: Record) {
    switch record {
    case .namespace(let change, _, _): take(change)
    case .binding(let binding): meet(binding)
    case .outcome(let outcome): for binding in outcome.bindings { meet(binding) }
    case .checkpointTable(let rows): for row in rows { meet(row) }
    case .copy(_, let record): takeCopy(record)
    case .discard(let discard):
      for name in discard.names { if let inode = name.inode { give(name.location, to: inode) } else { free(name.location) } }
    case .content, .intent, .checkpointBegin, .checkpointEnd, .deadLetter, .deadLetterRetry: break
    }
  }

  /// A copy tells of the past: it counts when its original was not seen.
  private mutating func takeCopy(_ record: Record) {
    guard case .namespace(.create(let new, let location), _, _) = record, kinds[new.number] == nil else { return }
    kinds[new.number] = new.attributes.kind
    if let location, inodes[location] == nil { give(location, to: new.number) }
  }

  private mutating func meet(_ binding: Binding) {
    if binding.kind == .directory, kinds[binding.inode] != nil { return }
    kinds[binding.inode] = binding.kind
    for location in binding.locations where inodes[location] == nil && !freed.contains(location) {
      give(location, to: binding.inode)
    }
  }

  package mutating func take(_ change: NamespaceChange) {
    switch change {
    case .create(let new, let location):
      kinds[new.number] = new.attributes.kind
      if let location { give(location, to: new.number) }
    case .link(let inode, let location): give(location, to: inode)
    case .remove(_, let location): free(location)
    case .rename(let inode, let source, let target, _):
      free(source)
      give(target, to: inode)
    case .exchange(let inode, let location, let other, let otherLocation):
      free(location)
      free(otherLocation)
      give(location, to: other)
      give(otherLocation, to: inode)
    }
  }

  private mutating func give(_ location: Location, to inode: InodeNumber) {
    free(location)
    freed.remove(location)
    inodes[location] = inode
    places[inode, default: []].append(location)
  }

  private mutating func free(_ location: Location) {
    freed.insert(location)
    guard let inode = inodes.removeValue(forKey: location) else { return }
    places[inode]?.removeAll { $0 == location }
    if places[inode]?.isEmpty == true { places[inode] = nil }
  }

  /// All names that the inode is known to have.
  package func locations(of inode: InodeNumber) -> [Location] { places[inode] ?? [] }

  package func kind(of inode: InodeNumber) -> FileKind? { kinds[inode] }

  /// The names from the mount's root to a location; `nil` where a directory on the way is not known.
  package func path(of location: Location) -> [EntryName]? {
    var names = [location.name]
    var directory = location.parent
    // No tree is deeper than it has directories.
    for _ in 0...places.count {
      if directory == .root { return names.reversed() }
      guard let place = places[directory]?.first else { return nil }
      names.append(place.name)
      directory = place.parent
    }
    return nil
  }

  /// The names from the mount's root to an inode's first known name; empty for the root.
  package func path(of inode: InodeNumber) -> [EntryName]? {
    if inode == .root { return [] }
    return places[inode]?.first.flatMap { path(of: $0) }
  }

  /// The path that a record tells something of: that of the first name in it, or of its inode.
  package func path(of record: Record) -> [EntryName]? {
    switch record {
    case .namespace(let change, _, _): change.location.flatMap { path(of: $0) }
    case .content(let change, _, _, _): path(of: change.inode)
    case .binding(let binding): path(of: binding.inode)
    case .copy(_, let record): path(of: record)
    case .deadLetter(let letter): path(of: letter.action.inode)
    case .discard(let discard): discard.names.first.flatMap { path(of: $0.location) }
    case .intent, .outcome, .checkpointBegin, .checkpointTable, .checkpointEnd, .deadLetterRetry: nil
    }
  }

  /// What a path leads to.
  package func inode(at path: [EntryName]) -> InodeNumber? {
    var inode = InodeNumber.root
    for name in path {
      guard let next = inodes[Location(inode, name)] else { return nil }
      inode = next
    }
    return inode
  }
}

extension NamespaceChange {
  /// The name that it is about: the one that was there before where there are two.
  package var location: Location? {
    switch self {
    case .create(_, let location): location
    case .link(_, let location), .remove(_, let location), .rename(_, let location, _, _), .exchange(_, let location, _, _):
      location
    }
  }
}
