import Control
import Engine

/// From where on a mount's state is a warning, or critical.
struct HealthThresholds: Hashable, Sendable {
  /// Of the oldest change that is not written back, in milliseconds.
  var warnAge = 300_000
  var criticalAge = 3_600_000
  /// Of the journal that is used.
  var warnDirty = JournalShare.percent(75)
  var criticalDirty = JournalShare.percent(85)
  /// Of a call to the backing directory, in milliseconds.
  static let warnCall = 30_000
}

/// Judges reports one after the other. What was above a threshold counts as above it until it is a tenth below, so that it is not
/// told again and again. That the journal fails, and that the backing directory is away, the engine tells itself as it happens.
struct HealthMonitor {
  private enum Aspect: CaseIterable {
    case journalFailure, journalUse, age, backingFailure, call, failing, deadLetters
  }

  private let thresholds: HealthThresholds
  private var levels: [Aspect: Health.Level] = [:]

  init(_ thresholds: HealthThresholds) { self.thresholds = thresholds }

  /// - Returns: the health, and what is to be told of aspects that became better or worse since the last report.
  mutating func assess(_ report: StatusReport) -> (Health, [Diagnostic]) {
    var health = Health()
    var diagnostics: [Diagnostic] = []
    for aspect in Aspect.allCases {
      let before = levels[aspect, default: .ok]
      let (level, reason) = judge(aspect, report, before)
      levels[aspect] = level
      if level != before, aspect != .journalFailure, aspect != .backingFailure {
        diagnostics.append(level == .ok ? Diagnostic(.info, "no more: \(reason)") : Diagnostic(level.diagnosticLevel, reason))
      }
      guard level > .ok else { continue }
      health.level = max(health.level, level)
      health.reasons.append(reason)
    }
    return (health, diagnostics)
  }

  private func judge(_ aspect: Aspect, _ report: StatusReport, _ before: Health.Level) -> (Health.Level, String) {
    switch aspect {
    case .journalFailure:
      return (report.journalFailure == nil ? .ok : .critical, "the journal failed: \(report.journalFailure ?? "not now")")
    case .journalUse:
      let capacity = report.journalCapacityBytes
      let level = level(
        report.journalUsedBytes, thresholds.warnDirty.bytes(ofCapacity: capacity),
        thresholds.criticalDirty.bytes(ofCapacity: capacity), before)
      return (level, "\(Quantity.size(report.journalUsedBytes)) of \(Quantity.size(capacity)) of the journal are used")
    case .age:
      let age = report.oldestAgeMilliseconds ?? 0
      let level = level(age, thresholds.warnAge, thresholds.criticalAge, before)
      return (level, "the oldest change waits for write-back since \(Quantity.time(milliseconds: age))")
    case .backingFailure:
      let failure = report.backingFailure
      return (failure == nil ? .ok : .warning, "the backing directory is away: \(failure ?? "it is there again")")
    case .call:
      let time = report.longestCallMilliseconds
      let level = level(time, HealthThresholds.warnCall, .max, before)
      return (level, "the backing directory hangs, a call takes \(Quantity.time(milliseconds: time)) so far")
    case .failing:
      let count = report.failingOperations
      return (count == 0 ? .ok : .warning, "\(Quantity.count(count, "write-back")) failed and will be tried again")
    case .deadLetters:
      let count = report.deadLetters
      return (count == 0 ? .ok : .warning, "\(Quantity.count(count, "dead letter")) wait for an operator's decision")
    }
  }

  private func level(_ value: Int, _ warning: Int, _ critical: Int, _ before: Health.Level) -> Health.Level {
    func isAbove(_ threshold: Int, _ level: Health.Level) -> Bool {
      value >= (before >= level ? threshold / 10 * 9 : threshold) && value > 0
    }
    return isAbove(critical, .critical) ? .critical : isAbove(warning, .warning) ? .warning : .ok
  }
}

extension Health.Level {
  fileprivate var diagnosticLevel: Diagnostic.Level {
    switch self {
    case .ok: .info
    case .warning: .warning
    case .critical: .error
    }
  }
}
