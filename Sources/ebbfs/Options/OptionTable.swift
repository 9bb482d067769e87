import Control
import Engine
import FilesystemModel
import Policies
import WriteAheadLog

/// One option of `-o`: what parses it, checks it, and describes it to people.
struct OptionDescription: Sendable {
  /// What may stand behind the `=`.
  enum Kind: Sendable {
    case flag(@Sendable (inout MountOptions) -> Void)
    case size(ClosedRange<Int>, @Sendable (inout MountOptions, Int) -> Void)
    /// A size, or a part of the journal's capacity.
    case share(@Sendable (inout MountOptions, JournalShare) -> Void)
    case time(ClosedRange<Int>, @Sendable (inout MountOptions, Int) -> Void)
    case count(ClosedRange<Int>, @Sendable (inout MountOptions, Int) -> Void)
    /// One of these words.
    case choice([String], @Sendable (inout MountOptions, _ index: Int) -> Void)
    case path(word: String, @Sendable (inout MountOptions, String) -> Void)
    case durability(@Sendable (inout MountOptions, Durability) -> Void)
    case retention(@Sendable (inout MountOptions, Retention) -> Void)
  }

  var name: String
  var kind: Kind
  /// What holds when the option is not given, for people.
  var defaultText: String
  var help: String

  /// The name with a word for its value, `memory=SIZE`.
  var usage: String {
    switch kind {
    case .flag: name
    case .size: name + "=SIZE"
    case .share: name + "=SIZE|%"
    case .time: name + "=TIME"
    case .count: name + "=N"
    case .choice(let words, _): name + "=" + words.joined(separator: "|")
    case .path(let word, _): name + "=" + word
    case .durability: name + "=always|batch=MS|os"
    case .retention: name + "=SIZE|TIME"
    }
  }

  /// The values it takes, for people; empty where the usage says it all.
  var rangeText: String {
    switch kind {
    case .flag, .choice, .path: ""
    case .share: "1M to 16T, or 1% to 100% of the journal's capacity"
    case .retention:
      "0, a segment to \(OptionValues.sizeText(OptionValues.retainedBytes.upperBound)), or "
        + "\(OptionValues.timeText(OptionValues.retainedTime.lowerBound)) to "
        + OptionValues.timeText(OptionValues.retainedTime.upperBound)
    case .durability: "batch=\(Durability.batchMillisecondsRange.lowerBound) to \(Durability.batchMillisecondsRange.upperBound)"
    case .size(let range, _): "\(OptionValues.sizeText(range.lowerBound)) to \(OptionValues.sizeText(range.upperBound))"
    case .time(let range, _): "\(OptionValues.timeText(range.lowerBound)) to \(OptionValues.timeText(range.upperBound))"
    case .count(let range, _): "\(range.lowerBound) to \(range.upperBound)"
    }
  }

  func apply(_ value: String?, to options: inout MountOptions) throws(ValueError) {
    if case .flag(let set) = kind {
      guard value == nil else { throw ValueError(reason: "takes no value") }
      return set(&options)
    }
    guard let value, !value.isEmpty else { throw ValueError(reason: "needs a value: \(usage)") }
    switch kind {
    case .flag: break
    case .size(let range, let set): set(&options, try OptionValues.size(value, range))
    case .share(let set): set(&options, try OptionValues.share(value))
    case .time(let range, let set): set(&options, try OptionValues.time(value, range))
    case .count(let range, let set): set(&options, try OptionValues.count(value, range))
    case .choice(let words, let set): set(&options, try OptionValues.choice(value, words))
    case .path(_, let set): set(&options, value)
    case .durability(let set): set(&options, try OptionValues.durability(value))
    case .retention(let set): set(&options, try OptionValues.retention(value))
    }
  }
}

/// All options of ebbfs itself. Parsing, `--help`, errors and the README's table come from here; a test compares the README.
enum OptionTable {
  private static let defaults = MountOptions()

  static let options: [OptionDescription] = [
    OptionDescription(
      name: "state", kind: .path(word: "DIR") { $0.stateDirectory = $1 },
      defaultText: "`/var/lib/ebbfs/ID` as root, `~/.local/state/ebbfs/ID` else",
      help: "directory on fast local disk for the journal"),
    OptionDescription(
      name: "mode", kind: .choice(WriteMode.allCases.map(\.rawValue)) { $0.mode = WriteMode.allCases[$1] },
      defaultText: defaults.mode.rawValue,
      help: "when a change is acknowledged, and whether data is cached"),
    OptionDescription(
      name: "priority", kind: .choice(Priority.allCases.map(\.rawValue)) { $0.priority = Priority.allCases[$1] },
      defaultText: defaults.priority.rawValue,
      help: "which of the changes that are due are written back first"),
    OptionDescription(
      name: "rules", kind: .path(word: "FILE") { $0.rulesFile = $1 }, defaultText: "none",
      help: "file with modes, priorities and durabilities for paths"),
    OptionDescription(
      name: "durability", kind: .durability { $0.durability = $1 }, defaultText: defaults.durability.text,
      help: "when an operation is safe from power loss: at once, at most MS milliseconds later, or when fsync is called"),
    OptionDescription(
      name: "writeback_delay", kind: .time(0...3_600_000) { $0.writebackDelay = $1 },
      defaultText: OptionValues.timeText(defaults.writebackDelay),
      help: "how long a file rests after its last change before it is written back"),
    OptionDescription(
      name: "writeback_deadline", kind: .time(100...86_400_000) { $0.writebackDeadline = $1 },
      defaultText: OptionValues.timeText(defaults.writebackDeadline),
      help: "age at which a change is written back even if its file still changes"),
    OptionDescription(
      name: "batch_bytes", kind: .size(4 << 10...1 << 30) { $0.batchBytes = $1 },
      defaultText: "batches of 32M, written back when they have rested",
      help: "so much waiting data is a full batch, which is written back at once"),
    OptionDescription(
      name: "batch_operations", kind: .count(1...1024) { $0.batchOperations = $1 },
      defaultText: "batches of 64, written back when they have rested",
      help: "so many waiting changes are a full batch, which is written back at once"),
    OptionDescription(
      name: "sequential_bypass", kind: .size(0...1 << 40) { $0.sequentialBypass = $1 },
      defaultText: String(defaults.sequentialBypass),
      help: "what is appended in one stream after so much goes around the cache; 0: nothing"),
    OptionDescription(
      name: "flush_threads", kind: .count(1...256) { $0.flushThreads = $1 }, defaultText: String(defaults.flushThreads),
      help: "batches written back at the same time"),
    OptionDescription(
      name: "retry_delay", kind: .time(1...3_600_000) { $0.retryDelay = $1 },
      defaultText: OptionValues.timeText(defaults.retryDelay),
      help: "how long a change that failed waits before it is tried again; twice as long each time, less a random part"),
    OptionDescription(
      name: "retry_delay_max", kind: .time(1...86_400_000) { $0.retryDelayMax = $1 },
      defaultText: OptionValues.timeText(defaults.retryDelayMax), help: "how long it waits at most"),
    OptionDescription(
      name: "max_retries", kind: .count(0...1_000_000) { $0.maxRetries = $1 },
      defaultText: String(defaults.maxRetries),
      help: "how often a change is tried again before it becomes a dead letter; 0: everything is tried for ever"),
    OptionDescription(
      name: "memory", kind: .size(16 << 20...1 << 40) { $0.memory = $1 }, defaultText: OptionValues.sizeText(defaults.memory),
      help: "memory for data that is not yet written back; what is left keeps what was written last, for reads"),
    OptionDescription(
      name: "journal_size", kind: .size(JournalSize.bytesMin...1 << 44) { $0.journalSize = $1 },
      defaultText: "the smaller of 8G and a quarter of what is free", help: "capacity of the journal"),
    OptionDescription(
      name: "backing", kind: .choice(["exclusive", "shared"]) { $0.isShared = $1 == 1 }, defaultText: "exclusive",
      help: "whether others change the backing directory too, so that what is not pending is looked up again"),
    OptionDescription(
      name: "revalidate", kind: .time(0...3_600_000) { $0.revalidate = $1 },
      defaultText: OptionValues.timeText(defaults.revalidate),
      help: "with `backing=shared`: age at which attributes and listings are looked up again when they are used"),
    OptionDescription(
      name: "conflict", kind: .choice(ConflictPolicy.allCases.map(\.word)) { $0.conflicts = ConflictPolicy.allCases[$1] },
      defaultText: defaults.conflicts.word,
      help: "whose version a name keeps when somebody else has changed it too; `keep-both` keeps theirs beside ours"),
    OptionDescription(
      name: "dirty_background", kind: .share { $0.dirtyBackground = $1 },
      defaultText: OptionValues.shareText(defaults.dirtyBackground),
      help: "data not yet written back from which on write-back does not wait and changes are slowed down, gently at first"),
    OptionDescription(
      name: "dirty_limit", kind: .share { $0.dirtyLimit = $1 }, defaultText: OptionValues.shareText(defaults.dirtyLimit),
      help: "data not yet written back at which writes wait"),
    OptionDescription(
      name: "when_full", kind: .choice(["wait", "fail"]) { $0.whenFull = $1 == 0 ? .wait : .fail }, defaultText: "wait",
      help: "what happens to changes while the journal is full: they wait for write-back, or fail with ENOSPC"),
    OptionDescription(
      name: "unmount_timeout", kind: .time(0...86_400_000) { $0.unmountTimeout = $1 },
      defaultText: "none, 30s after SIGTERM",
      help: "how long write-back may go on after the unmount; the journal keeps the rest"),
    OptionDescription(
      name: "warn_age", kind: .time(1000...86_400_000 * 30) { $0.health.warnAge = $1 },
      defaultText: OptionValues.timeText(defaults.health.warnAge),
      help: "age of the oldest change not yet written back that is a warning for `ebbfs status` and in the messages"),
    OptionDescription(
      name: "critical_age", kind: .time(1000...86_400_000 * 30) { $0.health.criticalAge = $1 },
      defaultText: OptionValues.timeText(defaults.health.criticalAge), help: "the same, critical"),
    OptionDescription(
      name: "warn_dirty", kind: .share { $0.health.warnDirty = $1 },
      defaultText: OptionValues.shareText(defaults.health.warnDirty), help: "use of the journal that is a warning"),
    OptionDescription(
      name: "critical_dirty", kind: .share { $0.health.criticalDirty = $1 },
      defaultText: OptionValues.shareText(defaults.health.criticalDirty), help: "the same, critical"),
    OptionDescription(
      name: "retain", kind: .retention { $0.retention = $1 }, defaultText: "0",
      help: "how much of the journal, or how long, is kept for audit when it is not needed any more, on top of `journal_size`"),
    OptionDescription(
      name: "recovery", kind: .choice(RecoveryMode.allCases.map(\.rawValue)) { $0.recovery = RecoveryMode.allCases[$1] },
      defaultText: defaults.recovery.rawValue,
      help: "what is made of a damaged journal: a torn tail is cut, all damage is refused, or what is lost is skipped and told"),
    OptionDescription(
      name: "log", kind: .choice(LogTarget.allCases.map(\.rawValue)) { $0.log = LogTarget.allCases[$1] },
      defaultText: defaults.log.rawValue,
      help: "where diagnostics go: stderr is the file `messages` of the state directory unless `-f` is given, journal is "
        + "journald, auto is journald where systemd has connected stderr with it"),
    OptionDescription(
      name: "log_level", kind: .choice(Diagnostic.Level.allCases.map(\.name)) { $0.logLevel = Diagnostic.Level.allCases[$1] },
      defaultText: defaults.logLevel.name, help: "the least grave diagnostics that are logged"),
    OptionDescription(
      name: "kernel_writeback", kind: .flag { $0.kernelWriteback = true }, defaultText: "off",
      help: "**weaker**: the kernel acknowledges writes of data and sends them up to half a minute later; only fsync promises"),
    OptionDescription(
      name: "allow_other", kind: .flag { $0.allowOther = true }, defaultText: "on as root, off else",
      help: "other users may use the mount (needs `user_allow_other` in /etc/fuse.conf unless root mounts)"),
  ]

  /// Words of mount(8) that are given on to the kernel.
  static let kernelWords: Set<String> = [
    "rw", "ro", "dev", "nodev", "suid", "nosuid", "exec", "noexec", "noatime", "sync", "async", "dirsync",
  ]

  /// Words of mount(8) and fstab(5) that say something to others: accepted, and without effect here.
  static let ignoredWords: Set<String> = [
    "defaults", "auto", "noauto", "user", "users", "nouser", "owner", "group", "nofail", "_netdev", "default_permissions",
    "atime",
    "diratime", "nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime",
  ]

  /// Whether mount(8) ignores a word with this beginning too: `x-systemd.automount`, `comment=...`.
  static func isIgnored(_ word: String) -> Bool {
    ignoredWords.contains(word) || ["x-", "X-", "comment="].contains { word.hasPrefix($0) }
  }
}
