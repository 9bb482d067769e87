/// The versions of the journal's format.
package enum FormatVersion {
  /// What this ebbfs reads, with the first release that wrote it, ascending. It writes the last.
  package static let readable: [(version: UInt32, release: String)] = [(1, "0.1.0")]

  package static var newest: UInt32 { readable[readable.count - 1].version }

  /// The release that a header of a newer version asks for: `major << 16 | minor << 8 | patch`; `nil` for 0.
  static func release(_ field: UInt32) -> String? {
    field == 0 ? nil : "\(field >> 16).\(field >> 8 & 0xff).\(field & 0xff)"
  }
}
