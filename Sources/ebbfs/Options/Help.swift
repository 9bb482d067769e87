/// What `--help` prints.
enum Help {
  static let version = "0.1.0"
  static let summary = "a crash-safe write-back cache in front of a directory"
  static let units = "Sizes take K, M, G, T; times need ms, s, m or h."

  static var text: String {
    """
    ebbfs \(version): \(summary)

    commands:
    \(CommandTable.forms.map { entry("ebbfs " + $0.synopsis, $0.help) }.joined(separator: "\n"))

    options (-o):
    \(OptionTable.options.map { entry($0.usage, $0.help, $0.limits) }.joined(separator: "\n"))
      \(units) Also accepted: what mount(8) and fstab(5) have for every filesystem.

    exit status:
    \(statuses)

    """
  }

  /// A line for the name of something and indented lines for what it is, without the marks of the README.
  private static func entry(_ name: String, _ texts: String...) -> String {
    let lines = texts.flatMap { wrapped($0.filter { $0 != "`" }, columns: 100) }
    return (["  " + name] + lines.map { "      " + $0 }).joined(separator: "\n")
  }

  private static func wrapped(_ text: String, columns: Int) -> [String] {
    var lines = [""]
    for word in text.split(separator: " ") {
      if !lines[lines.count - 1].isEmpty {
        if lines[lines.count - 1].count + word.count < columns { lines[lines.count - 1] += " " } else { lines.append("") }
      }
      lines[lines.count - 1] += word
    }
    return lines
  }

  private static var statuses: String {
    ExitStatus.allCases.map { status in
      let number = String(status.rawValue)
      return "  " + String(repeating: " ", count: 2 - number.count) + number + "  " + status.meaning
    }.joined(separator: "\n")
  }
}

extension OptionDescription {
  /// What it can be and what it is, for people.
  var limits: String { "(\(rangeText.isEmpty ? "" : "\(rangeText), ")default: \(defaultText))" }
}
