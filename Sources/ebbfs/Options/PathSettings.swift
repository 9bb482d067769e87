import Policies

/// Reads what `ebbfs set` changes of a path.
enum PathSettings {
  /// The value that takes an attribute away.
  static let inherited = "inherit"

  /// Settings, each `KEY=VALUE`, as names and values of extended attributes; `nil` values take them away.
  ///
  /// - Throws: `usage` with one line about the first setting that is none.
  static func parse(_ settings: [String]) throws(CommandFailure) -> [(name: String, value: String?)] {
    var result: [(name: String, value: String?)] = []
    for setting in settings {
      let parts = setting.unicodeScalars.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard let key = PolicyKey(rawValue: parts[0]), parts.count == 2 else {
        let keys = PolicyKey.allCases.map(\.rawValue).joined(separator: ", ")
        throw CommandFailure(.usage, "\(setting) cannot be set for a path; \(keys) can")
      }
      var checked = PolicySettings()
      do throws(ValueError) {
        if parts[1] != inherited { try checked.set(key, to: parts[1]) }
      } catch {
        throw CommandFailure(.usage, "\(setting) \(error.reason)")
      }
      result.append((String(decoding: key.attributeName, as: UTF8.self), parts[1] == inherited ? nil : parts[1]))
    }
    return result
  }
}
