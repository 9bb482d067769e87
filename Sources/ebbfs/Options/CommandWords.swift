/// The words behind a command: paths, flags, and options with a value behind them or after an `=`.
struct CommandWords {
  private(set) var paths: [String] = []
  private var flags: Set<String> = []
  private var values: [String: String] = [:]
  private let form: String

  /// - Parameters:
  ///   - form: how the command is used, for the message of a failure.
  ///   - flags: options without a value that it has.
  ///   - valued: options with one.
  ///   - pathCounts: how many paths it takes.
  init(
    _ words: [String], _ form: String, flags: Set<String> = [], valued: Set<String> = [], pathCounts: ClosedRange<Int>
  ) throws(CommandFailure) {
    self.form = form
    var rest = words[...]
    while let word = rest.popFirst() {
      let name = word.hasPrefix("--") ? String(word.prefix { $0 != "=" }) : word
      if word == "--" {
        paths += rest
        rest = []
      } else if !word.hasPrefix("-") || word == "-" {
        paths.append(word)
      } else if flags.contains(word) {
        self.flags.insert(word)
      } else if valued.contains(name) {
        guard let value = name == word ? rest.popFirst() : String(word.dropFirst(name.count + 1)), !value.isEmpty else {
          throw Arguments.usage(form, "\(name) needs a value")
        }
        values[name] = value
      } else {
        throw Arguments.usage(form, "unknown option \(word)")
      }
    }
    if paths.count < pathCounts.lowerBound { throw Arguments.usage(form, "an argument is missing") }
    if paths.count > pathCounts.upperBound { throw Arguments.usage(form, "unexpected argument \(paths[pathCounts.upperBound])") }
  }

  func has(_ flag: String) -> Bool { flags.contains(flag) }

  func value(_ name: String) -> String? { values[name] }

  func failure(_ message: String) -> CommandFailure { Arguments.usage(form, message) }
}
