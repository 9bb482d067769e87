/// The rules of STYLE.md that a machine can check. Each gives the lines that break it, `path:line: what`.
enum Rules {
  static let fileLinesMax = 400
  static let functionLinesMax = 70
  static let columnsMax = 130

  static func fileLength(_ file: SourceFile) -> [String] {
    // The last line end is followed by nothing.
    let count = file.lines.count - (file.text.hasSuffix("\n") ? 1 : 0)
    return count > fileLinesMax ? ["\(file.path): \(count) lines, at most \(fileLinesMax)"] : []
  }

  static func lineLength(_ file: SourceFile) -> [String] {
    let isText = file.isLineText
    return file.lines.enumerated().compactMap { index, line in
      guard line.count > columnsMax, !isText[index] else { return nil }
      return "\(file.path):\(index + 1): \(line.count) columns, at most \(columnsMax)"
    }
  }

  static func trailingSpace(_ file: SourceFile) -> [String] {
    numbered(file) { $0.last == " " || $0.last == "\t" || $0.last == "\r" ? "space at the end" : nil }
  }

  /// Functions and initializers from their first line to the brace in the same column that ends them, as swift format sets it.
  static func functionLength(_ file: SourceFile) -> [String] {
    var violations: [String] = []
    let lines = file.lines
    for (index, line) in lines.enumerated() where isFunctionStart(line) {
      let indentation = line.prefix { $0 == " " }
      guard let end = lines[index...].firstIndex(where: { $0 == indentation + "}" }), !isOneLine(line) else { continue }
      let count = end - index + 1
      if count > functionLinesMax {
        violations.append("\(file.path):\(index + 1): function of \(count) lines, at most \(functionLinesMax)")
      }
    }
    return violations
  }

  private static func isFunctionStart(_ line: Substring) -> Bool {
    let words = code(line).split(separator: " ")
    return words.contains("func") || words.contains { $0.hasPrefix("init(") || $0.hasPrefix("init?(") || $0.hasPrefix("deinit") }
  }

  private static func isOneLine(_ line: Substring) -> Bool { line.last == "}" }

  /// Work that was put off. The words are put together here so that this file does not break the rule.
  static func unfinished(_ file: SourceFile) -> [String] {
    let words = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]
    return numbered(file) { line in
      // Whole words: a template of mkstemp(3) ends in six times the same letter.
      let found = line.split { !$0.isLetter }
      return words.first { found.contains(Substring($0)) }.map { "\($0) is not a way to leave work" }
    }
  }

  /// Whoever does something unsafe says why it is safe; tests need not.
  static func safety(_ file: SourceFile) -> [String] {
    let comment = "SAFETY" + ":"
    guard file.path.hasPrefix("Sources/"), !file.text.contains(comment) else { return [] }
    let marks = ["@unchecked " + "Sendable", "unsafe "]
    return numbered(file) { line in
      let code = code(line)
      return marks.first { mark in code.contains(mark) }.map { "\($0) in a file without \(comment)" }
    }.prefix(1).map { $0 }
  }

  /// Names that say nothing.
  static func emptyNames(_ file: SourceFile) -> [String] {
    let endings = ["Manager", "Helper", "Helpers", "Util", "Utils", "Utilities"]
    return numbered(file) { line in
      let words = code(line).split { !$0.isLetter && !$0.isNumber }
      for (keyword, name) in zip(words, words.dropFirst()) where ["class", "struct", "enum", "protocol"].contains(keyword) {
        if endings.contains(where: { name.hasSuffix($0) }) { return "\(name) says nothing" }
      }
      return nil
    }
  }

  /// No actors and no async functions: the data path has locks and threads.
  static func concurrency(_ file: SourceFile) -> [String] {
    guard file.path.hasPrefix("Sources/") else { return [] }
    return numbered(file) { line in
      let words = code(line).split { !$0.isLetter && !$0.isNumber && $0 != "@" }
      return ["actor", "async", "await"].first { words.contains(Substring($0)) }.map { "\($0) on the data path" }
    }
  }

  /// A line without its comment and without what stands between quotation marks.
  static func code(_ line: Substring) -> Substring {
    var result = Substring()
    var isQuoted = false
    var previous: Character?
    for character in line {
      if character == "\"", previous != "\\" { isQuoted.toggle() }
      if character == "/", previous == "/", !isQuoted { return result.dropLast() }
      if !isQuoted { result.append(character) }
      previous = character
    }
    return result
  }

  private static func numbered(_ file: SourceFile, _ violation: (Substring) -> String?) -> [String] {
    file.lines.enumerated().compactMap { index, line in violation(line).map { "\(file.path):\(index + 1): \($0)" } }
  }
}
