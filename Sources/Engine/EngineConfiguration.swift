import FilesystemModel
import Flushing
import JournalFormat
import Policies
import WriteAheadLog

/// What becomes of a change that the journal has no room for, until write-back has made some.
package enum WhenFull: Hashable, Sendable {
  case wait
  /// It fails with ENOSPC. What was acknowledged is kept.
  case fail
}

/// Settings of one mount.
package struct EngineConfiguration: Sendable {
  /// What holds where neither an extended attribute nor a rule says otherwise.
  package var policy = Policy()
  package var durability: Durability {
    get { policy.durability }
    set { policy.durability = newValue }
  }
  /// The rules for paths.
  package var policyRules = RuleList()
  /// How long a file must have been left alone before it is written back.
  package var writebackDelayMilliseconds = 5000
  /// How old an acknowledged operation may become before its write-back starts (P6).
  package var writebackDeadlineMilliseconds = 30_000
  /// How much a program appends in one stream before what follows goes around the cache; `nil`: nothing does.
  package var sequentialBypassBytes: Int?
  /// How many plans are carried out at a time.
  package var flushThreads = 16
  /// How many operations one plan carries out at most.
  package var batchOperations = 64
  /// How much data one plan writes at most, but for a single file that has more.
  package var batchBytes = 32 << 20
  /// How many changes that wait are written back at once, rested or not; `nil`: they rest however many they are.
  package var fullBatchOperations: Int?
  /// How much data that waits is written back at once, rested or not; `nil`: it rests however much it is.
  package var fullBatchBytes: Int?
  /// The size of the arena of dirty blocks.
  package var memoryBytes = 256 << 20
  package var journalBytes = 8 << 30
  package var segmentBytes = 64 << 20
  /// How much may be dirty before write-back stops waiting for more changes and changes are slowed down.
  package var dirtyBackground = JournalShare.percent(50)
  /// How much may be dirty before data waits.
  package var dirtyLimit = JournalShare.percent(80)
  package var whenFull = WhenFull.wait
  /// How full the journal must be before what pins its oldest segment is copied forward (R21), in percent.
  package var copyForwardUsedPercent = 50
  /// For how long the oldest record must have been due until then.
  package var copyForwardDelayMilliseconds = 2000
  /// Whether that counts while it is not due yet, too: more copies than of use to anybody but tests.
  package var copiesForwardWhatRests = false
  package var recovery = RecoveryMode.pointInTime
  package var retention = Retention.none
  /// Is told how far the reading of the journal is.
  package var readingObserver: (@Sendable (JournalReading) -> Void)?
  /// Of the journal: what new segments have, and the newest that is read.
  package var formatVersion = FormatVersion.newest
  /// After how long attributes and listings are looked up again when they are used, unless something waits for write-back; `nil`
  /// when nobody else changes the backing directory.
  package var revalidateMilliseconds: Int?
  /// What becomes of a file that somebody else has changed too.
  package var conflicts = ConflictPolicy.keepBoth
  /// Sixteen random bytes: the UUID of a new journal.
  package var journalSeed: [UInt8] = []
  /// When what failed is tried again, and when it becomes a dead letter.
  package var retry = RetryPolicy()
  package var rules = ProtocolRules()

  package init() {}
}

/// What can be changed of a mount that is served; `nil` stays as it is. Times are milliseconds, sizes bytes.
package struct EngineSettings: Hashable, Sendable {
  /// What holds where neither an extended attribute nor a rule says otherwise.
  package var policy = PolicySettings()
  package var writebackDelayMilliseconds: Int?
  package var writebackDeadlineMilliseconds: Int?
  package var batchBytes: Int?
  package var batchOperations: Int?
  /// 0 switches it off.
  package var sequentialBypassBytes: Int?

  package init() {}
}
