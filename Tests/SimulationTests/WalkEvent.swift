import FilesystemModel
import Policies
import StorageInterface
import Support

/// When the disks die.
enum Death: Hashable {
  case now
  /// After so many more operations of the journal's disk; of the next, if it is a write, that many bytes still arrive.
  case journal(after: Int, lastWriteBytes: Int)
  /// After so many more calls of the backing directory.
  case backing(after: Int)
}

/// A crash to come.
struct CrashPlan: Hashable, CustomStringConvertible {
  var death: Death
  var kind: CrashKind
  /// Whether the mount is looked at right after the recovery, which loads everything, where it can be known without looking.
  var looksAtOnce = true

  var description: String { "CrashPlan(death: .\(death), kind: .\(kind), looksAtOnce: \(looksAtOnce))" }
}

/// One thing that happens to a mount.
enum WalkEvent: Hashable, CustomStringConvertible {
  case perform(WorkloadOperation)
  /// So many waiting jobs are run, one after the other.
  case jobs(Int)
  case pass(milliseconds: Int)
  case drain
  /// A crash is ordered; it comes after those ordered before.
  case order(CrashPlan)
  /// One changing call of the backing directory, this many from now, fails; its effect may have happened.
  case failBacking(after: Int, happens: Bool, Errno = .inputOutput)
  /// From now on, until `allow` or a crash, every call that changes what has this name fails.
  case refuse(BackingPath, Errno = .inputOutput)
  case allow
  /// An operator lets all dead letters be tried again.
  case retryDeadLetters
  /// An operator gives all dead letters up, with what is behind them.
  case discardDeadLetters
  /// The next synchronization of the backing directory fails and drops what was written.
  case failSynchronization
  /// An operation of the journal's disk, this many from now, fails for good; later the machine or the daemon is restarted.
  case failJournal(after: Int, CrashKind)
  /// A program opens the file and keeps it open, whatever becomes of its name.
  case hold(BackingPath)
  /// A program makes a file without a name in a directory and keeps it open (O_TMPFILE).
  case holdTemporary(in: BackingPath)
  /// What is held gets a further name.
  case linkHeld(at: BackingPath)
  case writeHeld(offset: Int, count: Int, fill: UInt8)
  case truncateHeld(size: Int)
  case readHeld
  case releaseHeld
  /// `ebbfs set`: from now on this is the mode of the mount.
  case setMode(WriteMode)

  /// Whether a disk fails.
  var isFault: Bool {
    switch self {
    case .failBacking, .refuse, .failSynchronization, .failJournal: true
    default: false
    }
  }

  /// As Swift source.
  var description: String {
    switch self {
    case .perform(let operation): ".perform(\(operation))"
    case .jobs(let count): ".jobs(\(count))"
    case .pass(let milliseconds): ".pass(milliseconds: \(milliseconds))"
    case .drain: ".drain"
    case .order(let plan): ".order(\(plan))"
    case .failBacking(let after, let happens, let errno):
      ".failBacking(after: \(after), happens: \(happens), Errno(rawValue: \(errno.rawValue)))"
    case .refuse(let path, let errno): ".refuse(\"\(path.text)\", Errno(rawValue: \(errno.rawValue)))"
    case .allow: ".allow"
    case .retryDeadLetters: ".retryDeadLetters"
    case .discardDeadLetters: ".discardDeadLetters"
    case .failSynchronization: ".failSynchronization"
    case .failJournal(let after, let kind): ".failJournal(after: \(after), .\(kind))"
    case .hold(let path): ".hold(\"\(path.text)\")"
    case .holdTemporary(let path): ".holdTemporary(in: \"\(path.text)\")"
    case .linkHeld(let path): ".linkHeld(at: \"\(path.text)\")"
    case .writeHeld(let offset, let count, let fill): ".writeHeld(offset: \(offset), count: \(count), fill: \(fill))"
    case .truncateHeld(let size): ".truncateHeld(size: \(size))"
    case .readHeld: ".readHeld"
    case .releaseHeld: ".releaseHeld"
    case .setMode(let mode): ".setMode(.\(mode))"
    }
  }
}

/// How both disks stop.
enum CrashKind: Hashable {
  case processDeath
  case powerCut(journal: JournalCut, backing: BackingCut)
}

/// What a power cut leaves of the un-synced sectors of the journal.
enum JournalCut: Hashable {
  case nothing
  case all
  /// The first half of the sectors, in their order.
  case firstHalf
  /// The second half: the tail is torn in the middle.
  case secondHalf
  case random(seed: UInt64)

  func apply(to disk: SimulatedJournalStorage) {
    let count = disk.unsyncedSectors.count
    var place = 0
    var generator = SeededGenerator(seed: 1)
    if case .random(let seed) = self { generator = SeededGenerator(seed: seed) }
    disk.powerCut { _ in
      defer { place += 1 }
      switch self {
      case .nothing: return false
      case .all: return true
      case .firstHalf: return place < count / 2
      case .secondHalf: return place >= count / 2
      case .random: return Bool.random(using: &generator)
      }
    }
  }
}

/// What a power cut leaves of the un-synced effects of the backing directory.
enum BackingCut: Hashable {
  case nothing
  case all
  case firstHalf
  case secondHalf
  case random(seed: UInt64)

  func kept(of count: Int) -> PowerCut {
    switch self {
    case .nothing: .nothing
    case .all: .all
    case .firstHalf: .prefix(count / 2)
    case .secondHalf: .only(Set(count / 2..<count))
    case .random(let seed): .random(seed: seed)
    }
  }
}
