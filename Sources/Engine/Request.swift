import FilesystemModel
import Policies
import StorageInterface

/// Something to fetch from the backing directory before an operation can be carried out.
enum Load: Hashable, Sendable {
  /// The names in a directory.
  case listing(InodeNumber)
  /// Attributes, extended attributes and symbolic link target of an inode.
  case details(InodeNumber)
  /// The same as `details`, before anybody asks.
  case prefetch(InodeNumber)

  var inode: InodeNumber {
    switch self {
    case .listing(let inode), .details(let inode), .prefetch(let inode): inode
    }
  }
}

/// What a change may lack room in.
enum Room: Sendable {
  case journal
  /// The block arena: blocks can be evicted once the journal has been written, or go there first.
  case memory
  /// The backing directory: what is being written back, or a new measurement, may tell of more.
  case backing(Shortage)
}

/// Why an attempt at an operation ended without an outcome. It had no effect: the operation is attempted again from its start.
enum Interruption: Error {
  /// The answer is an error.
  case failure(Errno)
  case needs([Load])
  /// Something is full: when write-back has made room.
  case needsRoom(Room)
  /// A plan that is moving what we ask for in the backing directory must end first.
  case needsPlanEnd
}

/// What an attempt at an operation came to.
enum Outcome {
  /// Answered once everything through `after` is acknowledged.
  case reply(Reply, after: LSN)
  /// Answered once the inode's contents are written to its held file, which nobody would find again after a crash.
  case direct(Reply, InodeNumber)
  /// Answered once the work that was queued for the inode's file is done; whether nobody does such work yet.
  case around(InodeNumber, isFirst: Bool)
  /// The backing file is to be opened for that; then it is attempted again.
  case openAround(AroundOpening)
  /// Answered once everything through the LSN is on stable storage.
  case durable(Reply, LSN)
  /// Bytes that are partly in the journal or the backing directory: fetched without the lock.
  case assemble(ReadAssembly)
  /// A search for data or a hole that the backing file has a part in: asked without the lock.
  case seek(SeekAssembly)
  /// A question to the backing directory, asked without the lock.
  case ask(Question)
  /// Copies bytes to another file, as a write of its own, once they are assembled.
  case copy(ReadAssembly, to: InodeNumber, offset: Int)
}

extension Outcome {
  /// The inode that is fetched from by its path in the backing directory.
  var fetchedInode: InodeNumber? {
    switch self {
    case .assemble(let assembly), .copy(let assembly, _, _): assembly.path == nil ? nil : assembly.inode
    case .seek(let assembly): assembly.path == nil ? nil : assembly.inode
    case .ask(let question): question.inode
    case .openAround(let opening): opening.inode
    case .reply, .direct, .around, .durable: nil
    }
  }

  /// Whether a job must fetch something before the request is answered: until then it may be interrupted.
  var isFetched: Bool {
    switch self {
    case .reply, .direct, .around, .durable: false
    case .assemble, .seek, .ask, .copy, .openAround: true
    }
  }
}

/// A question to the backing directory.
struct Question: Sendable {
  /// The inode whose path it uses.
  var inode: InodeNumber?
  /// The last change that the answer may show.
  var after = LSN.zero
  var ask: @Sendable (any BackingStorage) throws(Errno) -> Reply
}

/// One request of the kernel on its way.
struct Request: Sendable {
  let number: UInt64
  let operation: Operation
  let caller: Caller
  let answer: @Sendable (Result<Reply, Errno>) -> Void
  /// Uptime of the submission in milliseconds: what was looked up since is not looked up again for it.
  var startedMilliseconds = 0
  /// What holds for its answer: of what it named when it was attempted.
  var policy = Policy()
  /// Loads that failed in a way that the operation itself must judge.
  var failedLoads: [Load: Errno] = [:]
  /// How often a fetch that met a moved file may still be attempted again.
  var fetchesLeft = 8
  /// For which caches it was counted as a hit or a miss.
  var counted: CountedCaches = []
  /// Whether it was slowed down already.
  var isPaced = false
  /// Whether its caller will ask for a sync next.
  var isSyncExpected = false
  /// Set once the backing directory had no space for it.
  var shortage: Shortage?
}
