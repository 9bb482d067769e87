import Engine
import Policies

/// Reads what `ebbfs set` changes of a mount.
enum RuntimeSettings {
  /// The options that a mount that is served can change.
  static let names = [
    "mode", "priority", "durability", "writeback_delay", "writeback_deadline", "batch_bytes", "batch_operations",
    "sequential_bypass",
  ]

  /// - Throws: `usage` with one line about the first setting that is none.
  static func parse(_ settings: [String]) throws(CommandFailure) -> EngineSettings {
    var result = EngineSettings()
    for setting in settings {
      let name = setting.unicodeScalars.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).first
      guard let name = name.map(String.init), names.contains(name) else {
        throw CommandFailure(.usage, "\(setting) cannot be set while mounted; \(names.joined(separator: ", ")) can")
      }
      var options = MountOptions()
      try OptionParser.apply(setting, to: &options)
      take(name, options, into: &result)
    }
    return result
  }

  private static func take(_ name: String, _ options: MountOptions, into settings: inout EngineSettings) {
    switch name {
    case "mode": settings.policy.mode = options.mode
    case "priority": settings.policy.priority = options.priority
    case "durability": settings.policy.durability = options.durability
    case "writeback_delay": settings.writebackDelayMilliseconds = options.writebackDelay
    case "writeback_deadline": settings.writebackDeadlineMilliseconds = options.writebackDeadline
    case "batch_bytes": settings.batchBytes = options.batchBytes
    case "sequential_bypass": settings.sequentialBypassBytes = options.sequentialBypass
    default: settings.batchOperations = options.batchOperations
    }
  }
}
