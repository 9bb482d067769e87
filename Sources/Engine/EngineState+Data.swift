import FilesystemModel
import Inodes
import StorageInterface
import WritebackCache

/// What a range of a file is put together from.
struct ReadAssembly: Sendable {
  let inode: InodeNumber
  /// Where the backing file is; `nil` when no piece needs it or a held descriptor has it.
  let path: BackingPath?
  let pieces: [ReadPiece]
  /// The last change that the bytes may show: a reader sees it no earlier than its writer is told.
  let after: LSN
}

/// read, write, fallocate, lseek, copy_file_range and fsync.
extension EngineState {
  static let copyBytesMax = 1 << 20

  func read(_ number: InodeNumber, offset: Int, count: Int, _ request: Request) throws(Interruption) -> Outcome {
    let inode = try regular(number)
    let size = try attributes(inode, request).size
    guard offset >= 0, count >= 0 else { throw .failure(.invalidArgument) }
    guard offset < size else { return .reply(.bytes([]), after: inode.lastChange) }
    let assembly = try assembly(inode, offset..<offset + min(size - offset, count))
    if assembly.pieces.allSatisfy(\.isInMemory) {
      return .reply(.bytes(assembly.pieces.flatMap(\.memoryBytes)), after: inode.lastChange)
    }
    return .assemble(assembly)
  }

  private func assembly(_ inode: Inode, _ range: ByteRange) throws(Interruption) -> ReadAssembly {
    var pieces = cache.read(inode.number, range, includingClean: isCleanBelieved(inode))
    if !inode.hasBackingContents {
      pieces = pieces.map { if case .backing(let range) = $0 { .zeros(range.count) } else { $0 } }
    }
    guard pieces.contains(where: \.isInBacking) else {
      return ReadAssembly(inode: inode.number, path: nil, pieces: pieces, after: inode.lastChange)
    }
    if isMoving(inode) { throw .needsPlanEnd }
    return ReadAssembly(inode: inode.number, path: path(of: inode), pieces: pieces, after: inode.lastChange)
  }

  mutating func write(_ number: InodeNumber, offset: Int, bytes: [UInt8], _ request: Request) throws(Interruption) -> Outcome {
    let inode = try regular(number)
    let before = try attributes(inode, request)
    guard !bytes.isEmpty else { return .reply(.count(0), after: .zero) }
    guard offset >= 0 else { throw .failure(.invalidArgument) }
    // As write(2) does: what fits is written.
    let bytesMax = max(0, abilities.fileBytesMax - offset)
    let bytes = bytes.count <= bytesMax ? bytes : Array(bytes.prefix(bytesMax))
    guard !bytes.isEmpty else { throw .failure(.fileTooLarge) }
    let end = offset + bytes.count
    if goesAround(inode, offset: offset, size: before.size, request) {
      let outcome = try writeAround(inode, offset: offset, bytes: bytes, request)
      hotFiles.count(number, bytes: bytes.count)
      return outcome
    }
    if around.isWriting(number) { throw .needsPlanEnd }
    try admitChange(bytes: bytes.count)
    try admitBlocks(offset..<end, of: inode)
    try admitSpace(bytes: bytesNeeded(by: inode, writing: offset..<end, before: before), request)
    let now = clock.now()
    let change = ContentChange(
      inode: number, data: .write(offset: offset, count: bytes.count), sizeAfter: max(before.size, end),
      attributes: AttributeChange(modified: now, changed: now))
    followStream(inode, offset: offset, count: bytes.count, size: before.size)
    let coalescedBefore = cache.coalesced
    let lsn = commit(change, bytes: bytes, at: now, request: request.caller.request)
    if isLongStream(inode) { queue.contentsStream(number) }
    metrics.writesCoalesced.add(cache.coalesced.writes - coalescedBefore.writes)
    metrics.bytesCoalesced.add(cache.coalesced.bytes - coalescedBefore.bytes)
    hotFiles.count(number, bytes: bytes.count)
    return .reply(.count(bytes.count), after: lsn)
  }

  /// Whether write-back of a file is better begun while it is still written: where the backing directory is far, the way there
  /// takes long, and what is appended is not likely to be overwritten. A directory on a disk would only compete with the journal.
  private func isLongStream(_ inode: Inode) -> Bool {
    guard abilities.isFar, let stream = inode.stream, stream.bytes >= Self.longStreamBytes else { return false }
    return cache.dirtyBytes(of: inode.number) >= Self.longStreamBytes
  }

  private static let longStreamBytes = 8 << 20

  /// Makes room in the block arena: blocks that are whole in the journal are read back from there when needed.
  private mutating func admitBlocks(_ range: ByteRange, of inode: Inode) throws(Interruption) {
    guard !cache.hasRoom(forWriting: range, of: inode.number) else { return }
    _ = cache.evict(blocks: range.count / 4096 + 1024, writtenThrough: journal.writtenLSN)
    guard !cache.hasRoom(forWriting: range, of: inode.number) else { return }
    journalFragments(blocks: range.count / 4096 + 256)
    throw .needsRoom(.memory)
  }

  /// Makes blocks of many small writes fit for eviction, which may be the only way to room: those of a file without a name are
  /// never written back.
  private mutating func journalFragments(blocks: Int) {
    for fragment in cache.arenaFragments(blocksMax: blocks) {
      guard let size = cache.size(of: fragment.inode), journal.hasRoom(for: fragment.bytes.count + Self.bindingReserveBytes)
      else { continue }
      let change = ContentChange(
        inode: fragment.inode, data: .write(offset: fragment.offset, count: fragment.bytes.count), sizeAfter: size)
      commit(change, bytes: fragment.bytes, at: clock.now(), request: 0)
    }
  }

  mutating func allocate(
    _ number: InodeNumber, _ mode: AllocateMode, _ range: ByteRange, _ request: Request
  ) throws(Interruption) -> Outcome {
    let inode = try regular(number)
    let size = try attributes(inode, request).size
    guard !range.isEmpty else { throw .failure(.invalidArgument) }
    guard range.upperBound <= abilities.fileBytesMax else { throw .failure(.fileTooLarge) }
    var change = ContentChange(inode: number)
    switch mode {
    case .keepSize: break
    case .extend where range.upperBound <= size: break
    case .extend:
      change.data = .resize(range.upperBound)
      change.sizeAfter = range.upperBound
    case .punchHole, .zeroRangeKeepSize, .zeroRange:
      change.sizeAfter = mode == .zeroRange ? max(size, range.upperBound) : size
      change.data = .zero(range.clamped(to: 0..<max(change.sizeAfter, range.lowerBound)))
    }
    try admitChange()
    let now = clock.now()
    change.attributes = AttributeChange(modified: now, changed: now)
    return .reply(.done, after: commit(change, at: now, request: request.caller.request))
  }

  func copyRange(
    from source: InodeNumber, _ sourceOffset: Int, to target: InodeNumber, _ targetOffset: Int, _ count: Int, _ request: Request
  ) throws(Interruption) -> Outcome {
    let inode = try regular(source)
    let size = try attributes(inode, request).size
    _ = try attributes(try regular(target), request)
    guard sourceOffset >= 0, targetOffset >= 0 else { throw .failure(.invalidArgument) }
    guard sourceOffset < size, count > 0 else { return .reply(.count(0), after: .zero) }
    let range = sourceOffset..<sourceOffset + min(size - sourceOffset, count, Self.copyBytesMax)
    guard source != target || abs(sourceOffset - targetOffset) >= range.count else { throw .failure(.invalidArgument) }
    return .copy(try assembly(inode, range), to: target, offset: targetOffset)
  }

  /// Everything acknowledged so far, whatever it belongs to: the journal is one stream. Data that went around it is that of the
  /// inode alone.
  mutating func synchronize(_ number: InodeNumber, _ request: Request) throws(Interruption) -> Outcome {
    _ = try inode(number)
    guard journal.failure == nil else { throw .failure(.inputOutput) }
    if let lost = around.losses.removeValue(forKey: number) { throw .failure(lost) }
    if let isFirst = around.synchronize(number, AroundWork(request: request, after: journal.lastLSN)) {
      return .around(number, isFirst: isFirst)
    }
    return .durable(.done, journal.lastLSN)
  }

  func regular(_ number: InodeNumber) throws(Interruption) -> Inode {
    let inode = try inode(number)
    switch inode.kind {
    case .regular: return inode
    case .directory: throw .failure(.isDirectory)
    case .symlink: throw .failure(.tooManySymlinks)
    case .fifo, .socket, .characterDevice, .blockDevice: throw .failure(.invalidArgument)
    }
  }
}

extension ReadPiece {
  var isInMemory: Bool {
    switch self {
    case .bytes, .zeros: true
    case .journal, .backing: false
    }
  }

  var isInBacking: Bool { if case .backing = self { true } else { false } }

  /// The bytes of a piece in memory.
  var memoryBytes: [UInt8] {
    switch self {
    case .bytes(let bytes): bytes
    case .zeros(let count): [UInt8](repeating: 0, count: count)
    case .journal, .backing: preconditionFailure("only pieces in memory are answered at once")
    }
  }
}
