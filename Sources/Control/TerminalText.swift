/// Text of others on a terminal: paths, and messages of peers and libraries.
package enum TerminalText {
  /// The text in one line: a space for each line end, `?` for other control characters, which a terminal would obey.
  package static func line(_ text: String) -> String {
    String(text.map { $0.isNewline ? " " : $0.unicodeScalars.contains(where: isControl) ? "?" : $0 })
  }

  /// A path of any bytes: as it is where it is printable UTF-8; else bytes that are no printable ASCII, and backslashes, as
  /// `\xHH`. The root is `.`.
  package static func path(_ bytes: [UInt8]) -> String {
    if bytes.isEmpty { return "." }
    if let text = String(validating: bytes, as: UTF8.self), !text.contains("\\"),
      !text.contains(where: \.isNewline), !text.unicodeScalars.contains(where: isControl)
    {
      return text
    }
    return bytes.map { byte in
      (0x20..<0x7f).contains(byte) && byte != UInt8(ascii: "\\") ? String(UnicodeScalar(byte)) : "\\x" + hexadecimal([byte])
    }.joined()
  }

  static func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// Category Cc of Unicode: C0, delete and C1.
  static func isControl(_ scalar: Unicode.Scalar) -> Bool { scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value) }
}
