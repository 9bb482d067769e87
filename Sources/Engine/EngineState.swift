import FilesystemModel
import Flushing
import Inodes
import Policies
import StorageInterface
import WriteAheadLog
import WritebackCache

/// Everything the engine keeps in memory, under its one lock. Its methods never wait and never touch a disk: what they append to
/// the journal is written by whoever leads the write group afterwards.
struct EngineState {
  var inodes = InodeTable()
  var cache: DirtyContents
  var queue: WritebackQueue
  var space = SpaceReservation()
  let journal: Journal
  let clock: any Clock
  let abilities: BackingAbilities
  let configuration: EngineConfiguration
  let metrics = EngineMetrics()
  var hotFiles = HotFiles()
  /// The generation of every inode of this mount: a file handle of an earlier mount is stale.
  let generation: UInt64
  /// Inodes born without a name (`O_TMPFILE`) that have none yet: the journal keeps their creation.
  var unnamed: Set<InodeNumber> = []
  var policies: PolicySources
  var fullBatch: FullBatch
  var around = AroundFiles()
  /// Inodes that the journal's live part can tell the location of.
  var bound: Set<InodeNumber> = []
  /// What is needed of records below is in copies from there on (R21).
  var copiedBelow = LSN.zero
  /// What came before in the journal may be done already although no outcome says so: the first attempt is a redo.
  var doubtfulThrough = LSN.zero
  /// What the names of ebbfs's own temporary files begin with.
  let temporaryNamePrefix: [UInt8]
  /// Journal bytes that a change may need besides its own record: bindings of the inodes it names.
  static let bindingReserveBytes = 16 << 10
}

extension EngineState {
  static func temporaryNamePrefix(journalUUID: [UInt8]) -> [UInt8] {
    let hexadecimal = journalUUID.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    return Array(".ebbfs-\(hexadecimal)-".utf8)
  }
}

// MARK: - Finding inodes

extension EngineState {
  func inode(_ number: InodeNumber) throws(Interruption) -> Inode {
    guard let inode = inodes[number] else { throw .failure(.stale) }
    return inode
  }

  func directory(_ number: InodeNumber) throws(Interruption) -> Inode {
    let inode = try inode(number)
    guard inode.kind == .directory else { throw .failure(.notDirectory) }
    return inode
  }

  /// The inode of a name, or `nil` when the directory has no such entry.
  func find(_ location: Location, _ request: Request) throws(Interruption) -> Inode? {
    let parent = try directory(location.parent)
    if let number = parent.directory?[location.name] { return inodes[number] }
    try complete(parent, request)
    return nil
  }

  func existing(_ location: Location, _ request: Request) throws(Interruption) -> Inode {
    guard let inode = try find(location, request) else { throw .failure(.noEntry) }
    return inode
  }

  /// Makes sure that every entry of a directory is known.
  func complete(_ directory: Inode, _ request: Request) throws(Interruption) {
    if let entries = directory.directory, entries.isComplete {
      let isOutdated = isOutdated(directory, entries.listingMilliseconds, request)
      guard isOutdated, request.failedLoads[.listing(directory.number)] == nil else { return }
    }
    try need(.listing(directory.number), request)
  }

  /// The attributes of an inode as the mount shows them.
  func attributes(_ inode: Inode, _ request: Request) throws(Interruption) -> Attributes {
    guard var attributes = inode.attributes else {
      try need(.details(inode.number), request)
      throw .failure(.inputOutput)
    }
    // Where they cannot be looked up, those that are known will do.
    if isOutdated(inode, inode.revalidation.attributesMilliseconds, request), request.failedLoads[.details(inode.number)] == nil {
      try need(.details(inode.number), request)
    }
    // Entries that wait for write-back make the backing directory's link count wrong.
    if let directory = inode.directory, !directory.isComplete,
      !directory.isEmpty || inode.isLinkCountInDoubt || hasPendingEntries(inode.number)
    {
      try complete(inode, request)
    }
    attributes.linkCount = inode.linkCount
    return attributes
  }

  func hasPendingEntries(_ directory: InodeNumber) -> Bool {
    queue.changesEntries(of: directory) || !queue.graph.pending(parent: directory).isEmpty
  }

  func entry(_ inode: Inode, _ request: Request) throws(Interruption) -> Entry {
    let attributes = try attributes(inode, request)
    inode.countLookup()
    return Entry(inode: inode.number, generation: generation, attributes: attributes)
  }

  private func need(_ load: Load, _ request: Request) throws(Interruption) {
    if let errno = request.failedLoads[load] { throw .failure(errno) }
    throw .needs([load])
  }
}

// MARK: - Journaling

extension EngineState {
  /// Refuses a change when the journal has failed, and waits when it has no room for `bytes` more.
  func admitChange(bytes: Int = 0) throws(Interruption) {
    guard journal.failure == nil else { throw .failure(.readOnlyFilesystem) }
    guard journal.hasRoom(for: bytes + Self.bindingReserveBytes) else { throw .needsRoom(.journal) }
  }

  /// Makes sure that the journal can tell where the inode is, its directories first (R4: records carry inodes, never paths).
  mutating func bind(_ inode: Inode) {
    // Not recursive: directories may be nested more deeply than a thread's stack is large.
    var waiting = [inode]
    while let next = waiting.last {
      let parents = next.isBound ? [] : next.backingNames.compactMap { inodes[$0.parent] }.filter { !$0.isBound }
      guard parents.isEmpty else {
        waiting += parents
        continue
      }
      waiting.removeLast()
      if !next.isBound { bindAlone(next) }
    }
  }

  private mutating func bindAlone(_ inode: Inode) {
    inode.isBound = true
    bound.insert(inode.number)
    inode.lastReference = journal.append(.binding(binding(of: inode))).lsn
  }

  func binding(of inode: Inode) -> Binding {
    Binding(inode: inode.number, kind: inode.kind, locations: Array(inode.backingNames), identity: inode.identity)
  }

  /// Journals a change of names and takes it into memory, the pending graph included.
  mutating func commit(_ change: NamespaceChange, at time: Timestamp, request: UInt64) -> LSN {
    for number in change.inodes { inodes[number].map { bind($0) } }
    let lsn = journal.append(.namespace(change, time: time, request: request)).lsn
    for number in change.inodes { inodes[number]?.lastReference = lsn }
    return countingBatch { state in
      state.take(change, lsn: lsn, time: time)
      return lsn
    }
  }

  /// Journals a change of an inode's data and attributes and takes it into memory.
  @discardableResult
  mutating func commit(
    _ change: ContentChange, bytes: [UInt8] = [], at time: Timestamp, request: UInt64
  ) -> LSN {
    guard let inode = inodes[change.inode] else { return .zero }
    bind(inode)
    let appended = journal.append(.content(change, bytes: bytes, time: time, request: request))
    inode.lastReference = appended.lsn
    inode.lastChange = appended.lsn
    // What is long is read back from the journal in one piece: a copy in memory would cost more than it saves.
    let isInJournalOnly = bytes.count >= Self.journalOnlyBytesMin && appended.dataPosition != nil
    return countingBatch { state in
      state.take(change, bytes: isInJournalOnly ? nil : bytes, position: appended.dataPosition, lsn: appended.lsn)
      return appended.lsn
    }
  }

  private static let journalOnlyBytesMin = 128 << 10

  /// Takes a journaled change of contents into memory and has it written back.
  mutating func take(_ change: ContentChange, bytes: [UInt8]?, position: JournalPosition?, lsn: LSN) {
    guard let inode = inodes[change.inode] else { return }
    remember(change, bytes: bytes, position: position, lsn: lsn)
    if inode.isKept { contentsChanged(inode, lsn: lsn) }
  }

  /// Takes a journaled change of contents into the dirty layer, and into the attributes the mount shows.
  mutating func remember(_ change: ContentChange, bytes: [UInt8]?, position: JournalPosition?, lsn: LSN) {
    guard let inode = inodes[change.inode] else { return }
    cache.apply(change, bytes: bytes, position: position, lsn: lsn)
    if var attributes = inode.attributes {
      change.attributes.apply(to: &attributes)
      if let data = change.data {
        attributes.blocks512 = Self.estimatedBlocks(attributes, after: data, size: change.sizeAfter)
        attributes.size = change.sizeAfter
      }
      inode.attributes = attributes
      for attribute in change.extendedAttributes {
        inode.take(attribute)
        policyChanged(byAttribute: attribute.name, attribute.value)
      }
    }
    reserve(inode)
  }

  /// Tells the queue that an inode has contents to write back, the oldest of them from the record `lsn`.
  ///
  /// - Parameter byEntry: Whether they are times that follow a change of an entry, which is entered into the graph next.
  mutating func contentsChanged(_ inode: Inode, lsn: LSN, byEntry: Bool = false) {
    queue.contentsChanged(
      inode.number, fileKind: inode.kind, lsn: lsn, urgency: urgency(of: inode), byEntry: byEntry,
      nowMilliseconds: clock.uptimeMilliseconds())
  }

  /// What the file takes on disk as far as is known before write-back.
  static func estimatedBlocks(_ attributes: Attributes, after change: DataChange, size: Int) -> Int {
    let full = blocks(through: size) * 8
    switch change {
    case .write(let offset, let count):
      return min(full, attributes.blocks512 + (blocks(through: offset + count) - offset / 4096) * 8)
    case .resize: return min(full, attributes.blocks512)
    case .zero(let range):
      return max(0, min(full, attributes.blocks512 - (range.upperBound / 4096 - blocks(through: range.lowerBound)) * 8))
    }
  }

  /// How many blocks of 4 KiB begin before an offset, which may be `Int.max`.
  static func blocks(through offset: Int) -> Int { offset / 4096 + (offset % 4096 == 0 ? 0 : 1) }
}

extension NamespaceChange {
  /// All inodes that the record names, directories included; a new one is not bound but born.
  var inodes: [InodeNumber] {
    switch self {
    case .create(let new, let location): [new.number] + (location.map { [$0.parent] } ?? [])
    case .link(let inode, let location): [inode, location.parent]
    case .remove(let inode, let location): [inode, location.parent]
    case .rename(let inode, let source, let target, let replaced):
      [inode, source.parent, target.parent] + (replaced.map { [$0] } ?? [])
    case .exchange(let inode, let location, let other, let otherLocation):
      [inode, location.parent, other, otherLocation.parent]
    }
  }

  /// Directories whose entries change.
  var parents: [InodeNumber] {
    switch self {
    case .create(_, let location): location.map { [$0.parent] } ?? []
    case .link(_, let location), .remove(_, let location): [location.parent]
    case .rename(_, let source, let target, _): source.parent == target.parent ? [source.parent] : [source.parent, target.parent]
    case .exchange(_, let location, _, let other):
      location.parent == other.parent ? [location.parent] : [location.parent, other.parent]
    }
  }
}
