import FilesystemModel
import JournalFormat

/// The tree that the readable records of a damaged journal make, and what must be changed of them so that they make one.
///
/// A record counts as it is when it fits the tree. Where something before it is lost it may not: then it is fitted if that needs
/// no guess, or left out. Nothing is put in another file's place: what comes later gets a name of its own.
struct SalvagedTree {
  /// What a name that was taken becomes: the name, this, and the record's LSN.
  static let suffix = Array(".ebbfs-recovered-".utf8)

  private var names: [Location: InodeNumber] = [:]
  private var places: [InodeNumber: [Location]] = [:]
  private var kinds: [InodeNumber: FileKind] = [.root: .directory]
  private var entryCounts: [InodeNumber: Int] = [:]
  /// Made without a name.
  private var unnamed: Set<InodeNumber> = []
  private let temporaryNamePrefix: [UInt8]

  /// Has the names that nobody may have.
  private static let nobody = InodeNumber(.max)

  /// - Parameter reserved: Names that are not given to anything, since something unknown may have them.
  init(_ bindings: [InodeNumber: Binding], reserved: Set<Location>, temporaryNamePrefix: [UInt8]) {
    self.temporaryNamePrefix = temporaryNamePrefix
    for (inode, binding) in bindings.sorted(by: { $0.key < $1.key }) where inode != .root {
      kinds[inode] = binding.kind
      for location in binding.locations where !location.name.bytes.starts(with: temporaryNamePrefix) { give(location, inode) }
    }
    for location in reserved.sorted() where names[location] == nil { give(location, Self.nobody) }
  }

  func isKnown(_ inode: InodeNumber) -> Bool { kinds[inode] != nil }

  func kind(of inode: InodeNumber) -> FileKind? { kinds[inode] }

  /// The names from the root to an inode's first name; `nil` where they are not known.
  func path(of inode: InodeNumber) -> [EntryName]? {
    var names: [EntryName] = []
    var inode = inode
    for _ in 0...kinds.count {
      if inode == .root { return names.reversed() }
      guard let place = places[inode]?.first else { return nil }
      names.append(place.name)
      inode = place.parent
    }
    return nil
  }

  /// A change that counts as it is, whatever it finds: "this name is now that inode".
  mutating func take(_ change: NamespaceChange) {
    switch change {
    case .create(let new, let location):
      kinds[new.number] = new.attributes.kind
      if let location { give(location, new.number) } else { unnamed.insert(new.number) }
    case .link(let inode, let location): give(location, inode)
    case .remove(_, let location): free(location)
    case .rename(let inode, let source, let target, _):
      free(source)
      give(target, inode)
    case .exchange(let inode, let location, let other, let otherLocation):
      free(location)
      free(otherLocation)
      give(location, other)
      give(otherLocation, inode)
    }
  }

  /// The change as it fits here, taken; `nil` when it does not.
  ///
  /// - Parameter isHalfDone: of an exchange, whether the names are on their way already.
  mutating func fit(_ change: NamespaceChange, lsn: LSN, isHalfDone: Bool = false) -> NamespaceChange? {
    guard let fitted = fitted(change, lsn, isHalfDone) else { return nil }
    take(fitted)
    return fitted
  }

  /// Whether the tree is as after the change already.
  func has(_ change: NamespaceChange) -> Bool {
    switch change {
    case .link(let inode, let location): names[location] == inode
    case .rename(let inode, let source, let target, _): names[target] == inode && names[source] != inode
    case .remove(let inode, _): places[inode] == nil && kinds[inode] != nil
    case .create, .exchange: false
    }
  }

  /// Gives an inode a further name: the first of these that it has not and whose directory is there, or one beside it.
  ///
  /// - Returns: the name that it has now; `nil` when there is no such directory.
  mutating func name(_ inode: InodeNumber, at locations: [Location], lsn: LSN) -> Location? {
    for location in locations where names[location] != inode {
      guard let free = free(location, for: inode, lsn) else { continue }
      give(free, inode)
      return free
    }
    return nil
  }

  private func fitted(_ change: NamespaceChange, _ lsn: LSN, _ isHalfDone: Bool) -> NamespaceChange? {
    switch change {
    case .create(let new, let location):
      guard let location else { return kinds[new.number] == nil ? change : nil }
      guard places[new.number] == nil, let target = free(location, for: new.number, lsn) else { return nil }
      return .create(new, at: target)
    case .link(let inode, let location):
      // Without a name that is known, the file cannot be had for another.
      guard let kind = kinds[inode], kind != .directory, names[location] != inode,
        places[inode] != nil || unnamed.contains(inode),
        let target = free(location, for: inode, lsn)
      else { return nil }
      return .link(inode, at: target)
    case .remove(let inode, let location):
      guard let place = place(of: inode, location), kinds[inode] != .directory || isEmpty(inode) else { return nil }
      return .remove(inode, from: place)
    case .rename(let inode, let source, let target, let replaced):
      return rename(inode, source, target, replaced, lsn)
    case .exchange(let inode, let location, let other, let otherLocation):
      guard kinds[inode] != nil, kinds[other] != nil, inode != other,
        [location, otherLocation].allSatisfy({ kinds[$0.parent] == .directory && path(of: $0.parent) != nil }),
        isHalfDone || names[location] == inode && names[otherLocation] == other,
        !isBelow(location.parent, other), !isBelow(otherLocation.parent, inode)
      else { return nil }
      return change
    }
  }

  private func rename(
    _ inode: InodeNumber, _ source: Location, _ target: Location, _ replaced: InodeNumber?, _ lsn: LSN
  ) -> NamespaceChange? {
    guard let kind = kinds[inode], let source = place(of: inode, source), source != target,
      kind != .directory || !isBelow(target.parent, inode)
    else { return nil }
    if let replaced, names[target] == replaced, replaced != inode, let other = kinds[replaced],
      (kind == .directory) == (other == .directory), other != .directory || isEmpty(replaced)
    {
      return .rename(inode, from: source, to: target, replacing: replaced)
    }
    guard names[target] != inode, let target = free(target, for: inode, lsn) else { return nil }
    return .rename(inode, from: source, to: target, replacing: nil)
  }

  /// Where the inode has the name that a record means: there, or at the only place where it is.
  private func place(of inode: InodeNumber, _ location: Location) -> Location? {
    if names[location] == inode { return location }
    guard let known = places[inode], known.count == 1 else { return nil }
    return known[0]
  }

  /// The location if it is free, else one beside it; `nil` where there is no such directory.
  private func free(_ location: Location, for inode: InodeNumber, _ lsn: LSN) -> Location? {
    guard kinds[location.parent] == .directory, path(of: location.parent) != nil else { return nil }
    guard let occupant = names[location], occupant != inode else { return location }
    let end = Self.suffix + Array(String(lsn.rawValue).utf8)
    let name = EntryName(unchecked: Array(location.name.bytes.prefix(EntryName.bytesMax - end.count)) + end)
    let beside = Location(location.parent, name)
    return names[beside] == nil ? beside : nil
  }

  private func isEmpty(_ directory: InodeNumber) -> Bool { entryCounts[directory] ?? 0 == 0 }

  private func isBelow(_ directory: InodeNumber, _ top: InodeNumber) -> Bool {
    var inode = directory
    for _ in 0...kinds.count {
      if inode == top { return true }
      guard inode != .root, let parent = places[inode]?.first?.parent else { return false }
      inode = parent
    }
    return true
  }

  private mutating func give(_ location: Location, _ inode: InodeNumber) {
    free(location)
    names[location] = inode
    places[inode, default: []].append(location)
    entryCounts[location.parent, default: 0] += 1
  }

  private mutating func free(_ location: Location) {
    guard let inode = names.removeValue(forKey: location) else { return }
    entryCounts[location.parent, default: 0] -= 1
    places[inode]?.removeAll { $0 == location }
    if places[inode]?.isEmpty == true { places[inode] = nil }
  }
}
