/// The tables of a Markdown text: the cells of each row, without the rows of headings and dashes.
struct DocumentTable {
  var heading: [String]
  var rows: [[String]]

  static func tables(in text: String) -> [DocumentTable] {
    var tables: [DocumentTable] = []
    var isInside = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      guard line.hasPrefix("|") else {
        isInside = false
        continue
      }
      let cells = line.split(separator: "|").map(trimmed)
      if !isInside {
        tables.append(DocumentTable(heading: cells, rows: []))
        isInside = true
      } else if cells.contains(where: { $0.contains { $0 != "-" } }) {
        tables[tables.count - 1].rows.append(cells)
      }
    }
    return tables
  }

  /// What stands between single backquotes.
  static func quoted(in text: String) -> [String] {
    let parts = text.split(separator: "`", omittingEmptySubsequences: false)
    return stride(from: 1, to: parts.count, by: 2).map { String(parts[$0]) }
  }

  /// The names of tests in a text: quoted, and in camel case.
  static func testNames(in text: String) -> [String] {
    quoted(in: text).filter { name in
      name.first?.isLowercase == true && name.contains(where: \.isUppercase)
        && name.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" }
    }
  }

  /// The relative targets of links, `[text](target)`.
  static func links(in text: String) -> [String] {
    text.split(separator: "]", omittingEmptySubsequences: false).dropFirst().compactMap { part in
      guard part.first == "(" else { return nil }
      let target = part.dropFirst().prefix { $0 != ")" && $0 != "#" }
      return target.isEmpty || target.contains(":") ? nil : String(target)
    }
  }

  private static func trimmed(_ text: Substring) -> String {
    var text = text
    while text.first == " " { text.removeFirst() }
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
