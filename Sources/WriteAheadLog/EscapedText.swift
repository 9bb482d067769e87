import FilesystemModel

/// Bytes as text, and back, without loss: what is valid UTF-8 stands for itself, except that a backslash is written `\\` and a
/// byte that is not `\xHH`, with two hexadecimal digits.
package enum EscapedText {
  package static func encode(_ bytes: some Sequence<UInt8>) -> String {
    var text = ""
    var rest = Array(bytes)[...]
    while let first = rest.first {
      let count = scalarBytes(rest)
      switch count {
      case _ where first == UInt8(ascii: "\\"): text += "\\\\"
      case 0: text += escaped(first)
      default: text += String(decoding: rest.prefix(count), as: UTF8.self)
      }
      rest = rest.dropFirst(max(count, 1))
    }
    return text
  }

  /// The same in quotes for a terminal: all that is not printable ASCII is escaped.
  package static func printable(_ bytes: some Sequence<UInt8>) -> String {
    var text = "\""
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): text += "\\" + String(UnicodeScalar(byte))
      case 0x20..<0x7f: text += String(UnicodeScalar(byte))
      default: text += escaped(byte)
      }
    }
    return text + "\""
  }

  /// The bytes that either of both made the text of, without its quotes; `nil` where a backslash begins nothing of that.
  package static func decode(_ text: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\") else {
        bytes.append(byte)
        continue
      }
      switch rest.popFirst() {
      case UInt8(ascii: "\\"): bytes.append(UInt8(ascii: "\\"))
      case UInt8(ascii: "\""): bytes.append(UInt8(ascii: "\""))
      case UInt8(ascii: "x"):
        let digits = rest.prefix(2)
        guard digits.count == 2, !digits.contains(UInt8(ascii: "+")),
          let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
        else { return nil }
        bytes.append(value)
        rest = rest.dropFirst(2)
      default: return nil
      }
    }
    return bytes
  }

  private static func escaped(_ byte: UInt8) -> String { "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16) }

  /// How many bytes the scalar at the beginning has; 0 when these are not valid UTF-8.
  private static func scalarBytes(_ bytes: ArraySlice<UInt8>) -> Int {
    for count in 1...4 where bytes.count >= count {
      if String(validating: bytes.prefix(count), as: UTF8.self)?.unicodeScalars.count == 1 { return count }
    }
    return 0
  }
}

extension Sequence where Element == EntryName {
  /// The bytes of a path below the mount's root, `/a/b`; `/` for none.
  package var pathBytes: [UInt8] {
    let bytes = flatMap { [UInt8(ascii: "/")] + $0.bytes }
    return bytes.isEmpty ? [UInt8(ascii: "/")] : bytes
  }
}
