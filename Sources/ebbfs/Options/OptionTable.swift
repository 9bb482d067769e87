import Control
import Engine
import FilesystemModel
import Policies
import WriteAheadLog

/// All options of ebbfs itself. Parsing, `--help`, errors, `ebbfs status --config`, manual pages, completions and the README's
/// table come from here; a test compares the README.
enum OptionTable {
  static let options: [OptionDescription] = [
    OptionDescription(
      "state", .path("DIR"), \.stateDirectory, default: "`/var/lib/ebbfs/ID` as root, `~/.local/state/ebbfs/ID` else",
      help: "directory on fast local disk for the journal"),
    OptionDescription(
      "mode", .choice(WriteMode.allCases) { $0.rawValue }, \.mode,
      help: "when a change is acknowledged, and whether data is cached"),
    OptionDescription(
      "priority", .choice(Priority.allCases) { $0.rawValue }, \.priority,
      help: "which of the changes that are due are written back first"),
    OptionDescription(
      "rules", .path("FILE"), \.rulesFile, default: "none", help: "file with modes, priorities and durabilities for paths"),
    OptionDescription(
      "durability", .durability, \.durability,
      help: "when an operation is safe from power loss: at once, at most MS milliseconds later, or when fsync is called"),
    OptionDescription(
      "writeback_delay", .time(0...3_600_000), \.writebackDelay,
      help: "how long a file rests after its last change before it is written back"),
    OptionDescription(
      "writeback_deadline", .time(100...86_400_000), \.writebackDeadline,
      help: "age at which a change is written back even if its file still changes"),
    OptionDescription(
      "batch_bytes", .size(4 << 10...1 << 30), \.batchBytes, default: "batches of 32M, written back when they have rested",
      help: "so much waiting data is a full batch, which is written back at once"),
    OptionDescription(
      "batch_operations", .count(1...1024), \.batchOperations, default: "batches of 64, written back when they have rested",
      help: "so many waiting changes are a full batch, which is written back at once"),
    OptionDescription(
      "sequential_bypass", .size(0...1 << 40), \.sequentialBypass,
      help: "what is appended in one stream after so much goes around the cache; 0: nothing"),
    OptionDescription(
      "flush_threads", .count(1...256), \.flushThreads, help: "batches written back at the same time"),
    OptionDescription(
      "retry_delay", .time(1...3_600_000), \.retryDelay,
      help: "how long a change that failed waits before it is tried again; twice as long each time, less a random part"),
    OptionDescription("retry_delay_max", .time(1...86_400_000), \.retryDelayMax, help: "how long it waits at most"),
    OptionDescription(
      "max_retries", .count(0...1_000_000), \.maxRetries,
      help: "how often a change is tried again before it becomes a dead letter; 0: everything is tried for ever"),
    OptionDescription(
      "memory", .size(16 << 20...1 << 40), \.memory,
      help: "memory for data that is not yet written back; what is left keeps what was written last, for reads"),
    OptionDescription(
      "journal_size", .size(JournalSize.bytesMin...1 << 44), \.journalSize,
      default: "the smaller of 8G and a quarter of what is free", help: "capacity of the journal"),
    OptionDescription(
      "backing", .choice([false, true]) { $0 ? "shared" : "exclusive" }, \.isShared,
      help: "whether others change the backing directory too, so that what is not pending is looked up again"),
    OptionDescription(
      "revalidate", .time(0...3_600_000), \.revalidate,
      help: "with `backing=shared`: age at which attributes and listings are looked up again when they are used"),
    OptionDescription(
      "conflict", .choice(ConflictPolicy.allCases) { $0.word }, \.conflicts,
      help: "whose version a name keeps when somebody else has changed it too; `keep-both` keeps theirs beside ours"),
    OptionDescription(
      "dirty_background", .share, \.dirtyBackground,
      help: "data not yet written back from which on write-back does not wait and changes are slowed down, gently at first"),
    OptionDescription("dirty_limit", .share, \.dirtyLimit, help: "data not yet written back at which writes wait"),
    OptionDescription(
      "when_full", .choice([.wait, .fail]) { $0 == .wait ? "wait" : "fail" }, \.whenFull,
      help: "what happens to changes while the journal is full: they wait for write-back, or fail with ENOSPC"),
    OptionDescription(
      "unmount_timeout", .time(0...86_400_000), \.unmountTimeout, default: "none, 30s after SIGTERM",
      help: "how long write-back may go on after the unmount; the journal keeps the rest"),
    OptionDescription(
      "warn_age", .time(1000...86_400_000 * 30), \.health.warnAge,
      help: "age of the oldest change not yet written back that is a warning for `ebbfs status` and in the messages"),
    OptionDescription("critical_age", .time(1000...86_400_000 * 30), \.health.criticalAge, help: "the same, critical"),
    OptionDescription("warn_dirty", .share, \.health.warnDirty, help: "use of the journal that is a warning"),
    OptionDescription("critical_dirty", .share, \.health.criticalDirty, help: "the same, critical"),
    OptionDescription(
      "retain", .retention, \.retention,
      help: "how much of the journal, or how long, is kept for audit when it is not needed any more, on top of `journal_size`"),
    OptionDescription(
      "recovery", .choice(RecoveryMode.allCases) { $0.rawValue }, \.recovery,
      help: "what is made of a damaged journal: a torn tail is cut, all damage is refused, or what is lost is skipped and told"),
    OptionDescription(
      "log", .choice(LogTarget.allCases) { $0.rawValue }, \.log,
      help: "where diagnostics go: stderr is the file `messages` of the state directory unless `-f` is given, journal is "
        + "journald, auto is journald where systemd has connected stderr with it"),
    OptionDescription(
      "log_level", .choice(Diagnostic.Level.allCases) { $0.name }, \.logLevel,
      help: "the least grave diagnostics that are logged"),
    OptionDescription(
      "transport", .choice(RequestTransport.allCases) { $0.rawValue }, \.transport,
      help: "how the kernel hands requests over: auto is io_uring, the faster way, where the module `fuse` has `enable_uring` on "
        + "(Linux 6.14), device is always /dev/fuse"),
    OptionDescription(
      "kernel_writeback", flag: \.kernelWriteback, default: "off",
      help: "weaker: the kernel acknowledges writes of data and sends them up to half a minute later; only fsync promises"),
    OptionDescription(
      "allow_other", flag: \.allowOther, default: "on as root, off else",
      help: "other users may use the mount (needs `user_allow_other` in /etc/fuse.conf unless root mounts)"),
  ]

  /// What holds for every option, for people.
  static func settings(of values: MountOptions) -> [StatusReport.Setting] {
    options.map { option in
      .init(name: option.name, value: option.value(values) ?? option.defaultText.filter { $0 != "`" })
    }
  }

  /// Words of mount(8) that are given on to the kernel.
  static let kernelWords: Set<String> = [
    "rw", "ro", "dev", "nodev", "suid", "nosuid", "exec", "noexec", "noatime", "sync", "async", "dirsync",
  ]

  /// Words of mount(8) and fstab(5) that say something to others: accepted, and without effect here.
  static let ignoredWords: Set<String> = [
    "defaults", "auto", "noauto", "user", "users", "nouser", "owner", "group", "nofail", "_netdev", "default_permissions",
    "atime", "diratime", "nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime", "lazytime", "nolazytime",
    "iversion", "noiversion", "mand", "nomand", "silent", "loud",
  ]

  /// Whether mount(8) ignores a word with this beginning too: `x-systemd.automount`, `comment=...`.
  static func isIgnored(_ word: String) -> Bool {
    ignoredWords.contains(word) || ["x-", "X-", "comment=", "user="].contains { word.hasPrefix($0) }
  }
}
