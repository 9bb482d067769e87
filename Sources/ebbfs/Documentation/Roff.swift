/// Makes manual pages, see man(7).
enum Roff {
  static func page(_ name: String, section: Int, summary: String, sections: [(title: String, body: String)]) -> String {
    let head = """
      .\\" Printed by `ebbfs documentation \(name).\(section)`.
      .TH "\(name.uppercased())" \(section) "" "ebbfs \(Help.version)" "ebbfs"
      .nh
      .ad l
      .SH NAME
      \(text(name)) \\- \(text(summary))

      """
    return head + sections.map { ".SH \($0.title)\n\($0.body)\n" }.joined()
  }

  /// Text of which nothing is a command; what is between backticks is bold.
  static func text(_ text: String) -> String {
    var result = ""
    var isBold = false
    for character in text {
      switch character {
      case "\\": result += "\\e"
      case "-": result += "\\-"
      case "`":
        isBold.toggle()
        result += isBold ? "\\fB" : "\\fR"
      default: result.append(character)
      }
    }
    // A line that begins with one of these would be a command.
    return result.hasPrefix(".") || result.hasPrefix("'") ? "\\&" + result : result
  }

  /// What something is called, in bold, and what it is.
  static func item(_ name: String, _ paragraphs: String...) -> String {
    ".TP\n\\fB\(text(name))\\fR\n" + paragraphs.map(text).joined(separator: "\n.br\n")
  }

  /// Paragraphs, an empty line between them.
  static func paragraphs(_ texts: String) -> String {
    let lines = texts.split(separator: "\n", omittingEmptySubsequences: false)
    return lines.map { $0.isEmpty ? ".PP" : text(String($0)) }.joined(separator: "\n")
  }

  /// Lines that stay as they are.
  static func example(_ lines: String) -> String {
    let escaped = lines.split(separator: "\n", omittingEmptySubsequences: false).map { text(String($0)) }
    return ".PP\n.nf\n.RS\n" + escaped.joined(separator: "\n") + "\n.RE\n.fi"
  }

  static func seeAlso(_ pages: String...) -> (title: String, body: String) {
    let names = pages.map { page in
      let parts = page.split(separator: "(", maxSplits: 1)
      return "\\fB\(text(String(parts[0])))\\fR(\(parts[1])"
    }
    return ("SEE ALSO", names.joined(separator: ",\n"))
  }
}
