import FilesystemModel
import JournalFormat
import StorageInterface

/// The contents that a file had right after a record, as far as the records that are kept hold them.
package struct FileHistory: Sendable {
  /// Where a piece of the contents is.
  package enum Source: Hashable, Sendable {
    case zeros
    /// In the journal, from there on.
    case journal(JournalPosition)
    /// In the backing directory, if the file there is still the one it was: no record that is kept has changed these bytes.
    case backing
    /// Nowhere: written over since, by the records that are kept.
    case nowhere
  }

  package struct Piece: Hashable, Sendable {
    package let range: ByteRange
    package let source: Source

    package init(range: ByteRange, source: Source) {
      self.range = range
      self.source = source
    }
  }

  package let inode: InodeNumber
  /// The file's size then; `nil` when no record tells.
  package let size: Int?
  /// Whether the size, which no record tells, is not that of the file in the backing directory either: a later record may have
  /// changed it.
  package let isSizeLost: Bool
  /// All bytes up to `size`, or to `Int.max` where that is not known.
  package let pieces: [Piece]
  /// Where the backing directory has the file by the last record that tells, and which file it is there.
  package let backing: Binding?
  /// The path in the backing directory; `nil` when it is not there or not known.
  package let backingPath: [EntryName]?
  /// Records that could not be read: what they did is not known.
  package let gaps: [JournalGap]
  /// What the headers say of the backing directory.
  package let backingDescription: String
}

/// Why there is no history of a file.
package enum FileHistoryError: Error, Hashable, Sendable {
  case journal(JournalError)
  /// No record up to the LSN tells of the path.
  case unknownPath
  case notRegular(FileKind)
  /// The last record there is.
  case notYet(last: LSN)
}

extension FileHistory {
  /// Looks for the file that had the path right after record `lsn`. Reads all that is kept, twice; changes nothing.
  package init(
    of path: [EntryName], after lsn: LSN, in storage: any JournalStorage
  ) throws(FileHistoryError) {
    var search = PathSearch(path: path, lsn: lsn)
    var changes: ContentHistory
    do throws(JournalError) {
      var stream = JournalStream(storage)
      if let oldest = try stream.oldest(), lsn < oldest { throw .retired(lsn, oldest: oldest) }
      try stream.read(.written) { search.take($0) }
    } catch {
      throw .journal(error)
    }
    guard search.last >= lsn else { throw .notYet(last: search.last) }
    guard let inode = search.found else { throw .unknownPath }
    if let kind = search.kind, kind != .regular { throw .notRegular(kind) }
    do throws(JournalError) {
      changes = ContentHistory(inode: inode, lsn: lsn, oldest: search.first)
      var stream = JournalStream(storage)
      try stream.read(.written) { changes.take($0) }
    } catch {
      throw .journal(error)
    }
    self.init(inode, search, changes)
  }

  private init(_ inode: InodeNumber, _ search: PathSearch, _ changes: ContentHistory) {
    let contents = changes.contents()
    self.inode = inode
    size = contents.size
    isSizeLost = contents.size == nil && changes.isResizedLater
    pieces = contents.pieces
    backing = changes.binding
    backingPath = changes.binding?.locations.first.flatMap { changes.backingNames.path(of: $0) }
    gaps = search.gaps
    backingDescription = search.backingDescription
  }
}

/// Finds the inode that a path led to right after a record.
private struct PathSearch {
  let path: [EntryName]
  let lsn: LSN
  private var names = NameBook()
  private(set) var found: InodeNumber?
  private(set) var kind: FileKind?
  private(set) var first = LSN.zero
  private(set) var last = LSN.zero
  private(set) var gaps: [JournalGap] = []
  private(set) var backingDescription = ""

  init(path: [EntryName], lsn: LSN) {
    self.path = path
    self.lsn = lsn
  }

  mutating func take(_ event: JournalEvent) {
    switch event {
    case .segment(let header, _): backingDescription = header.backingDescription
    case .gap(let gap): gaps.append(gap)
    case .record(let record):
      if first == .zero { first = record.logged.lsn }
      last = record.logged.lsn
      guard record.logged.lsn <= lsn else { return }
      names.take(record.logged.record)
      guard record.logged.lsn == lsn else { return }
      found = names.inode(at: path)
      kind = found.flatMap { names.kind(of: $0) }
    }
  }
}

/// What happened to the contents of one inode before and after a record.
private struct ContentHistory {
  let inode: InodeNumber
  let lsn: LSN
  /// The oldest record that is kept: of what is older, copies may tell.
  let oldest: LSN
  private var changes: [(original: LSN, data: DataChange, sizeAfter: Int, position: JournalPosition?)] = []
  private var isCreated = false
  /// What later records have changed.
  private var spoiled = ExtentMap<Void>()
  private(set) var isResizedLater = false
  /// The size that the first later record found, where it tells.
  private var sizeBefore: Int?
  private(set) var binding: Binding?
  /// Where the backing directory has things now.
  private(set) var backingNames = BackingNames()

  init(inode: InodeNumber, lsn: LSN, oldest: LSN) {
    self.inode = inode
    self.lsn = lsn
    self.oldest = oldest
  }

  mutating func take(_ event: JournalEvent) {
    guard case .record(let streamed) = event else { return }
    let (original, record) = streamed.logged.original
    // A copy of a record that is kept tells nothing new.
    if original != streamed.logged.lsn, original >= oldest { return }
    switch record {
    case .namespace(.create(let new, _), _, _) where new.number == inode && original <= lsn: isCreated = true
    case .content(let change, _, _, _) where change.inode == inode:
      guard let data = change.data else { return }
      if original <= lsn {
        changes.append((original, data, change.sizeAfter, streamed.logged.dataPosition))
      } else {
        spoil(data, change.sizeAfter)
      }
    case .binding(let binding): bind(binding)
    case .outcome(let outcome): for binding in outcome.bindings { bind(binding) }
    case .checkpointTable(let rows): for binding in rows { bind(binding) }
    case .discard(let discard) where original <= lsn: giveUp(discard.contents)
    case .namespace, .content, .intent, .checkpointBegin, .checkpointEnd, .copy, .deadLetter, .deadLetterRetry, .discard: break
    }
  }

  /// What an operator gave up was as if it had never been written.
  private mutating func giveUp(_ contents: [ContentsCompletion]) {
    for given in contents where given.inode == inode { changes.removeAll { $0.original <= given.through } }
  }

  private mutating func bind(_ binding: Binding) {
    backingNames.take(binding)
    if binding.inode == inode { self.binding = binding }
  }

  private mutating func spoil(_ data: DataChange, _ sizeAfter: Int) {
    let end: Int
    switch data {
    case .write(let offset, let count):
      end = offset + count
      spoiled.set(offset..<end, ())
    case .zero(let range):
      end = range.upperBound
      spoiled.set(range, ())
    case .resize(let size):
      end = size
      spoiled.set(size..<Int.max, ())
    }
    // What ends before the file does has not changed its size.
    if !isResizedLater, sizeBefore == nil, sizeAfter > end { sizeBefore = sizeAfter }
    if sizeAfter <= end { isResizedLater = true }
  }

  func contents() -> (size: Int?, pieces: [FileHistory.Piece]) {
    var map = ExtentMap<FileHistory.Source>()
    var size: Int? = isCreated ? 0 : nil
    if isCreated { map.set(0..<Int.max, .zeros) }
    for change in changes.sorted(by: { $0.original < $1.original }) {
      switch change.data {
      case .write(let offset, let count):
        if let position = change.position { map.set(offset..<offset + count, .journal(position)) }
      case .zero(let range): map.set(range, .zeros)
      case .resize(let end): map.set(end..<Int.max, .zeros)
      }
      size = change.sizeAfter
    }
    size = size ?? sizeBefore
    let all = 0..<(size ?? Int.max)
    var pieces = map.extents.compactMap { Self.piece($0, in: all) }
    for base in map.uncovered(in: all) {
      pieces += spoiled.uncovered(in: base).map { FileHistory.Piece(range: $0, source: .backing) }
      for extent in spoiled.extents where extent.range.overlaps(base) {
        pieces.append(FileHistory.Piece(range: extent.range.clamped(to: base), source: .nowhere))
      }
    }
    return (size, pieces.sorted { $0.range.lowerBound < $1.range.lowerBound })
  }

  private static func piece(_ extent: ExtentMap<FileHistory.Source>.Extent, in all: ByteRange) -> FileHistory.Piece? {
    let range = extent.range.clamped(to: all)
    guard !range.isEmpty else { return nil }
    guard case .journal(let position) = extent.source else { return FileHistory.Piece(range: range, source: extent.source) }
    return FileHistory.Piece(range: range, source: .journal(position.advanced(by: extent.skipped)))
  }
}

/// Where the backing directory has files, by the last record that tells of each.
struct BackingNames {
  private var places: [InodeNumber: Location] = [:]

  mutating func take(_ binding: Binding) { places[binding.inode] = binding.locations.first }

  /// The path below the root of the backing directory; `nil` where a directory on the way is not known.
  func path(of location: Location) -> [EntryName]? {
    var names = [location.name]
    var directory = location.parent
    for _ in 0...places.count {
      if directory == .root { return names.reversed() }
      guard let place = places[directory] else { return nil }
      names.append(place.name)
      directory = place.parent
    }
    return nil
  }
}

extension JournalStream {
  /// Reads bytes at a place that `FileHistory` names, in the journal or in what is kept of it.
  ///
  /// - Throws: `retired` when the segment was given up meanwhile.
  package static func read(
    _ position: JournalPosition, count: Int, in storage: any JournalStorage
  ) throws(JournalError) -> [UInt8] {
    for isRetained in [false, true] {
      guard let file = try? SegmentListing.open(position.segment, isRetained: isRetained, storage) else { continue }
      return try doing("reading segment \(position.segment)") { () throws(Errno) in
        let bytes = try file.read(at: position.offset, count: count)
        // A segment that is used again gets its new header before anything else.
        let header = try? SegmentHeader(decoding: try file.read(at: 0, count: SegmentHeader.bytes))
        guard header?.number == position.segment, bytes.count == count else { throw .stale }
        return bytes
      }
    }
    throw .storage(.stale, doing: "reading segment \(position.segment), which was given up meanwhile")
  }
}
