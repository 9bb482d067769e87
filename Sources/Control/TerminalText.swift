/// Text of others on a terminal: paths, and messages of peers and libraries.
package enum TerminalText {
  /// The text in one line: a space for each line end, `?` for other control characters, which a terminal would obey.
  package static func line(_ text: String) -> String {
    String(text.map { $0.isNewline ? " " : $0.unicodeScalars.contains(where: isControl) ? "?" : $0 })
  }

  /// Category Cc of Unicode: C0, delete and C1.
  static func isControl(_ scalar: Unicode.Scalar) -> Bool { scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value) }
}
