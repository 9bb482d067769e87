import FilesystemModel

/// Compares the answers of a filesystem with those of the reference, whose inode numbers differ: it learns which number
/// stands for which and finds fault with a contradiction.
///
/// Not compared: access and change times, birth time, space taken, the size of directories, cookies and the order of listings.
package struct ReplyComparison: Sendable {
  private var references: [InodeNumber: InodeNumber] = [.root: .root]
  private var actuals: [InodeNumber: InodeNumber] = [.root: .root]
  private let comparesTimes: Bool

  package init(comparingTimes: Bool = true) { comparesTimes = comparingTimes }

  /// The reference's number for an inode of the filesystem under test.
  package func reference(of inode: InodeNumber) -> InodeNumber? { references[inode] }

  /// Says what is wrong with an answer; `nil` when it is as the reference has it.
  ///
  /// - Parameters:
  ///   - operation: with the reference's inode numbers.
  ///   - filesystem: the reference, after the operation.
  package mutating func difference(
    _ actual: Result<Reply, Errno>, _ expected: Result<Reply, Errno>, to operation: Operation,
    in filesystem: ReferenceFilesystem
  ) -> String? {
    if case .seek(let inode, let offset, let target) = operation, let contents = filesystem.contents(of: inode) {
      return Self.isAllowed(actual, from: offset, target, in: contents) ? nil : "\(target) from \(offset): \(actual)"
    }
    switch (actual, expected) {
    case (.failure(let mine), .failure(let theirs)):
      return mine == theirs ? nil : "errno \(mine.rawValue) instead of \(theirs.rawValue)"
    case (.success(let mine), .success(let theirs)): return difference(mine, theirs, to: operation)
    case (.failure(let mine), .success): return "errno \(mine.rawValue) instead of success"
    case (.success, .failure(let theirs)): return "success instead of errno \(theirs.rawValue)"
    }
  }

  private mutating func difference(_ actual: Reply, _ expected: Reply, to operation: Operation) -> String? {
    switch (actual, expected) {
    case (.entry(let mine), .entry(let theirs)): return difference(mine, theirs)
    case (.attributes(let inode, let mine), .attributes(let other, let theirs)):
      return pair(inode, other) ?? difference(mine, theirs)
    case (.listing(let mine), .listing(let theirs)): return difference(mine, theirs)
    case (.statistics, .statistics): return nil
    case (.bytes(let mine), .bytes(let theirs)):
      if case .listExtendedAttributes = operation, Self.names(mine) == Self.names(theirs) { return nil }
      return mine == theirs ? nil : "bytes \(mine.prefix(64)) instead of \(theirs.prefix(64))"
    default: return actual == expected ? nil : "\(actual) instead of \(expected)"
    }
  }

  private static func names(_ list: [UInt8]) -> Set<[UInt8]> { Set(list.split(separator: 0).map(Array.init)) }

  private mutating func difference(_ actual: Entry, _ expected: Entry) -> String? {
    pair(actual.inode, expected.inode) ?? difference(actual.attributes, expected.attributes)
  }

  private func difference(_ actual: Attributes, _ expected: Attributes) -> String? {
    func comparable(_ attributes: Attributes) -> Attributes {
      var attributes = attributes
      attributes.accessed = Timestamp(seconds: 0)
      attributes.changed = attributes.accessed
      attributes.born = nil
      attributes.blocks512 = 0
      if attributes.kind == .directory { attributes.size = 0 }
      if !comparesTimes { attributes.modified = attributes.accessed }
      return attributes
    }
    let mine = comparable(actual)
    let theirs = comparable(expected)
    return mine == theirs ? nil : "\(mine) instead of \(theirs)"
  }

  private mutating func difference(_ actual: [DirectoryEntry], _ expected: [DirectoryEntry]) -> String? {
    let mine = actual.sorted { $0.name.lexicographicallyPrecedes($1.name) }
    let theirs = expected.sorted { $0.name.lexicographicallyPrecedes($1.name) }
    guard mine.map(\.name) == theirs.map(\.name) else { return "names \(mine.map(\.name)) instead of \(theirs.map(\.name))" }
    for (left, right) in zip(mine, theirs) {
      guard left.kind == right.kind, (left.entry == nil) == (right.entry == nil) else { return "\(left) instead of \(right)" }
      if let entry = left.entry, let other = right.entry, let difference = difference(entry, other) { return difference }
    }
    return nil
  }

  /// Two numbers stand for one file, from now on.
  private mutating func pair(_ actual: InodeNumber, _ reference: InodeNumber) -> String? {
    let known = references[actual] ?? reference
    let knownActual = actuals[reference] ?? actual
    guard known == reference, knownActual == actual else {
      return "inode \(actual.rawValue) for the reference's \(reference.rawValue), known as another one"
    }
    references[actual] = reference
    actuals[reference] = actual
    return nil
  }

  /// lseek(2) leaves open where holes are seen: a hole must read as zeros, and what is skipped in search of data too.
  package static func isAllowed(
    _ answer: Result<Reply, Errno>, from offset: Int, _ target: SeekTarget, in contents: SparseBytes
  ) -> Bool {
    switch answer {
    case .failure(let errno):
      guard errno == .noDeviceOrAddress else { return false }
      guard offset >= 0, offset < contents.size else { return true }
      return target == .data && contents.isZero(in: offset..<contents.size)
    case .success(.offset(let found)):
      guard offset >= 0, offset < contents.size, found >= offset else { return false }
      return target == .data
        ? found < contents.size && contents.isZero(in: offset..<found)
        : found == contents.size || found < contents.size && contents.isZero(in: found..<found + 1)
    case .success: return false
    }
  }
}
