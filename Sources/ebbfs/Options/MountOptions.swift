import Control
import Engine
import FilesystemModel
import Policies
import WriteAheadLog

/// What `-o` says, with the defaults for what it does not say. Sizes are bytes, times milliseconds.
struct MountOptions: Hashable, Sendable {
  /// `nil`: the default place, see `StateDirectory`.
  var stateDirectory: String?
  var mode = WriteMode.writeBack
  var priority = Priority.normal
  var durability = Durability.batchDefault
  /// The file with the rules for paths; `nil`: there are none.
  var rulesFile: String?
  var writebackDelay = 5000
  var writebackDeadline = 30_000
  /// `nil`: batches have a usual size, and what waits rests however much it is.
  var batchBytes: Int?
  /// `nil`: batches have a usual size, and what waits rests however much it is.
  var batchOperations: Int?
  /// 0: no stream goes around the cache.
  var sequentialBypass = 0
  var flushThreads = 16
  var retryDelay = 100
  var retryDelayMax = 30_000
  /// About twelve minutes of attempts.
  var maxRetries = 40
  var memory = 256 << 20
  /// `nil`: the smaller of 8 GiB and a quarter of what is free.
  var journalSize: Int?
  var dirtyBackground = JournalShare.percent(50)
  var dirtyLimit = JournalShare.percent(80)
  var whenFull = WhenFull.wait
  /// `nil`: no bound for unmount, `Daemon.terminationDrainMilliseconds` for SIGTERM.
  var unmountTimeout: Int?
  var health = HealthThresholds()
  var retention = Retention.none
  var log = LogTarget.auto
  /// What is less grave is not logged.
  var logLevel = Diagnostic.Level.info
  var recovery = RecoveryMode.pointInTime
  /// Whether others change the backing directory while it is mounted.
  var isShared = false
  /// With `isShared`: the age at which attributes and listings are looked up again.
  var revalidate = 1000
  var conflicts = ConflictPolicy.keepBoth
  /// Whether the kernel acknowledges writes before the journal has them.
  var kernelWriteback = false
  var transport = RequestTransport.auto
  var allowOther = false
  /// Words of mount(8) that are the kernel's business: `ro`, `nodev` and so on, in the order given.
  var kernelWords: [String] = []
}
