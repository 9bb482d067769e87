import FilesystemModel
import Flushing
import WriteAheadLog

/// When an operation is acknowledged: the three classic policies of write-ahead logs (DESIGN.md section 1).
package enum Durability: Hashable, Sendable {
  /// When its record is synced.
  case always
  /// When its record is in the journal file; a sync begins at most this many milliseconds later, with an `Engine.tick`.
  case batch(milliseconds: Int)
  /// When its record is in the journal file; synced only by fsync and its like.
  case system
}

/// What becomes of a change that the journal has no room for, until write-back has made some.
package enum WhenFull: Hashable, Sendable {
  case wait
  /// It fails with ENOSPC. What was acknowledged is kept.
  case fail
}

/// Settings of one mount.
package struct EngineConfiguration: Sendable {
  package var durability = Durability.batch(milliseconds: 100)
  /// How long a file must have been left alone before it is written back.
  package var writebackDelayMilliseconds = 5000
  /// How old an acknowledged operation may become before its write-back starts (P6).
  package var writebackDeadlineMilliseconds = 30_000
  /// How many plans are carried out at a time.
  package var flushThreads = 16
  /// How many operations one plan carries out at most.
  package var batchOperations = 64
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
  /// For how long the oldest record must have stayed the oldest until then.
  package var copyForwardDelayMilliseconds = 2000
  package var recovery = RecoveryMode.pointInTime
  package var retention = Retention.none
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
