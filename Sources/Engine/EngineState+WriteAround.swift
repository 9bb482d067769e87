import FilesystemModel
import Inodes
import Policies
import StorageInterface

/// A write of data, or an fsync, of a file that is written around the cache.
struct AroundWork {
  let request: Request
  var offset = 0
  /// `nil` for an fsync.
  var bytes: [UInt8]?
  /// An fsync is answered when the journal is durable up to here, too.
  var after = LSN.zero
}

/// A file that is to be opened for that.
struct AroundOpening: Sendable {
  let inode: InodeNumber
  let path: BackingPath
  /// Who it must be, if known.
  let identity: BackingIdentity?
}

/// A backing file that is open because data is written to it around journal and cache.
struct AroundFile {
  let file: any BackingFile
  /// In the order of arrival; a job does it.
  var work: [AroundWork] = []
  /// Whether a job works on it.
  var isRunning = false
  /// The first and the last write since it was last synced, by their numbers, and the uptime of the first in milliseconds.
  var unsynchronized: (first: Int, last: Int, milliseconds: Int)?
  /// Uptime of the last use, in milliseconds.
  var lastMilliseconds: Int

  /// Whether a write is under way, or waits for others.
  var isWriting: Bool { work.contains { $0.bytes != nil } }
}

/// Files whose data goes around journal and cache: those of mode `write-around` or `cache-aside`, and long streams.
struct AroundFiles {
  private(set) var files: [InodeNumber: AroundFile] = [:]
  /// No longer used. A job closes them: close(2) may wait for a server, and neither the timer nor a request may.
  private var closing: [any BackingFile] = []
  /// The number of the last write that was queued; they count from 1.
  private(set) var lastWrite = 0
  /// Failed syncs that no fsync of the file was told of.
  var losses: [InodeNumber: Errno] = [:]
  /// How much is appended in one stream before what follows goes around; `nil`: nothing does.
  var streamBytesMin: Int?
  /// Descriptors that are open at most.
  static let filesMax = 64

  func isWriting(_ inode: InodeNumber) -> Bool { files[inode]?.isWriting ?? false }
  func isOpen(_ inode: InodeNumber) -> Bool { files[inode] != nil }
  var isFull: Bool { files.count >= Self.filesMax }
  /// Files whose last writes may be lost by a power cut, with the number of the last.
  var unsynchronized: [InodeNumber: Int] { files.compactMapValues { $0.unsynchronized?.last } }
  /// Whether all writes of a file through a number are safe from that.
  func isSynchronized(_ inode: InodeNumber, through number: Int) -> Bool {
    files[inode]?.unsynchronized.map { $0.first > number } ?? true
  }

  /// Keeps a file open that was found to be the inode's.
  mutating func open(_ inode: InodeNumber, _ file: any BackingFile, nowMilliseconds now: Int) {
    if files[inode] == nil { files[inode] = AroundFile(file: file, lastMilliseconds: now) }
  }

  /// Queues a write to an open file. It counts as not synced from now on.
  ///
  /// - Returns: whether a job is to be begun for it.
  mutating func write(_ inode: InodeNumber, _ work: AroundWork, nowMilliseconds now: Int) -> Bool {
    lastWrite += 1
    let first = files[inode]?.unsynchronized
    files[inode]?.unsynchronized = (first?.first ?? lastWrite, lastWrite, first?.milliseconds ?? now)
    files[inode]?.lastMilliseconds = now
    return add(inode, work)
  }

  /// Queues an fsync.
  ///
  /// - Returns: whether a job is to be begun for it; `nil` when nothing is to be synced.
  mutating func synchronize(_ inode: InodeNumber, _ work: AroundWork) -> Bool? {
    files[inode]?.unsynchronized == nil ? nil : add(inode, work)
  }

  private mutating func add(_ inode: InodeNumber, _ work: AroundWork) -> Bool {
    files[inode]?.work.append(work)
    guard files[inode]?.isRunning == false else { return false }
    files[inode]?.isRunning = true
    return true
  }

  /// Ends a job that has done the first of the queued work, and synced what was written through a number.
  ///
  /// - Returns: whether a job is to be begun for the rest.
  mutating func end(_ inode: InodeNumber, workCount: Int, synchronizedThrough: Int?, nowMilliseconds now: Int) -> Bool {
    files[inode]?.work.removeFirst(workCount)
    if let through = synchronizedThrough, let open = files[inode]?.unsynchronized {
      files[inode]?.unsynchronized = open.last <= through ? nil : (through + 1, open.last, now)
    }
    let isMore = files[inode]?.work.isEmpty == false
    files[inode]?.isRunning = isMore
    return isMore
  }

  /// Gives up files that were left alone and are synced, and says which of the others are to be synced now: those left alone,
  /// those that were written long ago, those somebody waits for, and all when there are too many.
  ///
  /// - Returns: also whether there are new ones to close.
  mutating func settle(
    restedBefore rested: Int, writtenBefore old: Int, awaited: Set<InodeNumber>
  ) -> (mustClose: Bool, synchronizing: [InodeNumber]) {
    var synchronizing: [InodeNumber] = []
    let closingBefore = closing.count
    for inode in files.keys.sorted() {
      guard let open = files[inode], !open.isRunning else { continue }
      if let unsynchronized = open.unsynchronized {
        let isDue =
          open.lastMilliseconds <= rested || unsynchronized.milliseconds <= old || awaited.contains(inode)
        guard isDue || isFull else { continue }
        files[inode]?.isRunning = true
        synchronizing.append(inode)
      } else if open.lastMilliseconds <= rested || isFull {
        if let gone = files.removeValue(forKey: inode) { closing.append(gone.file) }
      }
    }
    return (closing.count > closingBefore, synchronizing)
  }

  /// Whoever takes them closes them, by letting them go.
  mutating func takeClosing() -> [any BackingFile] {
    defer { closing = [] }
    return closing
  }
}

extension EngineState {
  /// Whether a write of data goes around journal and cache. Not of a file without a name, which nothing leads to.
  func goesAround(_ inode: Inode, offset: Int, size: Int, _ request: Request) -> Bool {
    guard !inode.isOrphan else { return false }
    if request.policy.mode.goesAround { return true }
    guard request.policy.mode == .writeBack, let bytesMin = around.streamBytesMin, let stream = inode.stream else { return false }
    return offset == size && stream.bytes >= bytesMin && continues(stream, offset)
  }

  /// Notes a write: a stream is what is appended without a pause.
  func followStream(_ inode: Inode, offset: Int, count: Int, size: Int) {
    guard around.streamBytesMin != nil || abilities.isFar else { return }
    guard offset == size else {
      inode.stream = nil
      return
    }
    let before = inode.stream.flatMap { continues($0, offset) ? $0.bytes : nil } ?? 0
    inode.stream = AppendedStream(end: offset + count, bytes: before + count, milliseconds: clock.uptimeMilliseconds())
  }

  private func continues(_ stream: AppendedStream, _ offset: Int) -> Bool {
    stream.end == offset && clock.uptimeMilliseconds() - stream.milliseconds <= streamPauseMilliseconds
  }

  /// A file that is closed does not tell us: a longer pause ends the stream.
  private var streamPauseMilliseconds: Int { max(1000, queue.settings.delayMilliseconds) }

  /// Queues a write that goes around, once nothing of the file waits for write-back: so it comes after all that was before.
  mutating func writeAround(_ inode: Inode, offset: Int, bytes: [UInt8], _ request: Request) throws(Interruption) -> Outcome {
    let through = journal.lastLSN
    if configuration.rules.writesAroundComeLast, queue.isPending(inode.number, through: through) {
      if let errno = queue.refusal(of: inode.number, through: through) { throw .failure(errno) }
      queue.press(inode.number, through: through)
      throw .needsPlanEnd
    }
    if let before = inode.attributes {
      try admitSpace(bytes: bytesNeeded(by: inode, writing: offset..<offset + bytes.count, before: before), request)
    }
    guard around.isOpen(inode.number) else { return try open(inode) }
    cache.dropClean(inode.number)
    followStream(inode, offset: offset, count: bytes.count, size: inode.attributes?.size ?? 0)
    let work = AroundWork(request: request, offset: offset, bytes: bytes)
    return .around(inode.number, isFirst: around.write(inode.number, work, nowMilliseconds: clock.uptimeMilliseconds()))
  }

  private func open(_ inode: Inode) throws(Interruption) -> Outcome {
    if around.isFull || isMoving(inode) { throw .needsPlanEnd }
    guard let path = path(of: inode) else { throw .failure(.stale) }
    return .openAround(AroundOpening(inode: inode.number, path: path, identity: inode.identity))
  }

  /// What else changes a file waits for the end of its writes that go around. - Complexity: O(1) when there are none.
  func waitForWritesAround(_ operation: Operation) throws(Interruption) {
    guard operation.isChange, around.files.values.contains(where: \.isWriting) else { return }
    if case .write = operation { return }
    if named(by: operation).contains(where: { around.isWriting($0.number) }) { throw .needsPlanEnd }
  }

  /// A write that went around is in the backing file: the mount shows what that has.
  mutating func takeWrittenAround(_ number: InodeNumber, _ attributes: Attributes) {
    cache.dropClean(number)
    guard let inode = inodes[number] else { return }
    space.noteWritten(bytes: max(0, 512 * (attributes.blocks512 - inode.backingBlocks512)), files: 0)
    inode.attributes = attributes
    noteLoaded(inode)
  }
}
