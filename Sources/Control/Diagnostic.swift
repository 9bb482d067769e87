import FilesystemModel

/// Something that a daemon tells operators, as it is kept, logged and sent.
package struct Diagnostic: Hashable, Sendable {
  /// Raw values are the priorities of syslog(3).
  package enum Level: UInt8, Hashable, Sendable, CaseIterable, Comparable {
    case error = 3
    case warning = 4
    case info = 6
    case debug = 7

    package var name: String {
      switch self {
      case .error: "error"
      case .warning: "warning"
      case .info: "info"
      case .debug: "debug"
      }
    }

    /// The graver one is less.
    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  }

  package var level: Level
  /// Since 1970; 0 until it is told.
  package var seconds = 0
  /// What was tried: `write`, `remove file` and so on.
  package var operation: String?
  /// From the mount's root, `a/b`, of any bytes; empty is the root.
  package var path: [UInt8]?
  /// The error of the operating system, and the C library's words for it.
  package var errno: Int?
  package var error: String?
  /// The rest: what became of it.
  package var text: String

  package init(_ level: Level, _ text: String) {
    self.level = level
    self.text = text
  }

  /// All of it in one line, whatever its parts hold: `write a/b: Input/output error (5): attempt 1, tried again`.
  package var line: String {
    let what = [operation, path.map { TerminalText.path($0) }].compactMap(\.self).joined(separator: " ")
    let why = errno.map { "\(error ?? "error") (\($0))" }
    return TerminalText.line([what.isEmpty ? nil : what, why, text].compactMap(\.self).joined(separator: ": "))
  }

  /// The line with its level, which goes without saying for what is just told.
  package var leveledLine: String { level == .info ? line : "\(level.name): \(line)" }

  package var json: JSONValue {
    .object([
      .init("time", .string(UniversalTime.text(seconds))), .init("level", .string(level.name)),
      .init("operation", .optional(operation) { .string($0) }),
      .init("path", .optional(path) { .string(TerminalText.path($0)) }),
      .init("errno", .optional(errno) { .integer($0) }), .init("message", .string(line)),
    ])
  }

  func encode(to fields: inout FieldWriter) {
    fields.put(level.rawValue)
    fields.put(seconds)
    fields.put(operation) { $0.put($1) }
    fields.put(path) { $0.put($1) }
    fields.put(errno) { $0.put($1) }
    fields.put(error) { $0.put($1) }
    fields.put(text)
  }

  init(from fields: inout FieldReader) throws(MessageError) {
    guard let level = Level(rawValue: try fields.byte()) else { throw .unknownValue }
    self.init(level, "")
    seconds = try fields.integer()
    operation = try fields.optional { fields throws(MessageError) in try fields.string() }
    path = try fields.optional { fields throws(MessageError) in try fields.bytes() }
    errno = try fields.optional { fields throws(MessageError) in try fields.integer() }
    error = try fields.optional { fields throws(MessageError) in try fields.string() }
    text = try fields.string()
  }
}
