import FilesystemModel

/// A change that waits for write-back, as `ebbfs dead-letters` shows it.
package struct WaitingChangeReport: Hashable, Sendable {
  /// What was asked: `create file`, `rename`, `write` and so on.
  package var operation: String
  /// From the mount's root, `a/b`, of any bytes; empty is the root.
  package var path: [UInt8]
  /// The name before, of a renaming.
  package var pathBefore: [UInt8]?

  package init(operation: String, path: [UInt8], pathBefore: [UInt8]? = nil) {
    self.operation = operation
    self.path = path
    self.pathBefore = pathBefore
  }
}

/// A change that the backing directory refuses. Times are seconds since 1970.
package struct DeadLetterReport: Hashable, Sendable {
  /// Names it as long as it is one.
  package var subject = WritebackSubject.contents(.root)
  package var change = WaitingChangeReport(operation: "", path: [])
  package var errno = 0
  /// The C library's words for that.
  package var error = ""
  package var attempts = 0
  package var first = 0
  package var last = 0
  package var isInDoubt = false
  /// What cannot be written back before it.
  package var dependents: [WaitingChangeReport] = []

  package init() {}
}

extension WritebackSubject {
  /// As an operator writes it, behind a `#`: `12` and `12.1` for changes of names, `i34` for contents.
  package var text: String {
    switch self {
    case .names(let key): key.stage == 0 ? "\(key.lsn.rawValue)" : "\(key.lsn.rawValue).\(key.stage)"
    case .contents(let inode): "i\(inode.rawValue)"
    }
  }

  /// Reads `text`; `nil` when it is none.
  package init?(text: String) {
    if text.first == "i" {
      guard let number = UInt64(text.dropFirst()) else { return nil }
      self = .contents(InodeNumber(number))
      return
    }
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let lsn = parts.first.flatMap({ UInt64($0) }) else { return nil }
    guard parts.count == 2 else {
      self = .names(Stage(LSN(lsn)))
      return
    }
    guard let stage = UInt8(parts[1]), stage > 0 else { return nil }
    self = .names(Stage(LSN(lsn), stage: stage))
  }
}

extension WaitingChangeReport {
  func encode(to fields: inout FieldWriter) {
    fields.put(operation)
    fields.put(path)
    fields.put(pathBefore) { $0.put($1) }
  }

  init(from fields: inout FieldReader) throws(MessageError) {
    operation = try fields.string()
    path = try fields.bytes()
    pathBefore = try fields.optional { fields throws(MessageError) in try fields.bytes() }
  }
}

extension DeadLetterReport {
  /// All but the dependents, which are messages of their own.
  func encode(to fields: inout FieldWriter) {
    fields.put(subject)
    change.encode(to: &fields)
    for number in [errno, attempts, first, last] { fields.put(number) }
    fields.put(error)
    fields.put(UInt8(isInDoubt ? 1 : 0))
  }

  init(from fields: inout FieldReader) throws(MessageError) {
    self.init()
    subject = try fields.subject()
    change = try WaitingChangeReport(from: &fields)
    errno = try fields.integer()
    attempts = try fields.integer()
    first = try fields.integer()
    last = try fields.integer()
    error = try fields.string()
    isInDoubt = try fields.flag()
  }
}

extension WaitingChangeReport {
  /// In one line.
  package var text: String {
    operation + " " + (pathBefore.map { TerminalText.path($0) + " to " } ?? "") + TerminalText.path(path)
  }

  var members: [JSONValue.Member] {
    [
      .init("operation", .string(operation)), .init("path", .string(TerminalText.path(path))),
      .init("path_hex", .string(TerminalText.hexadecimal(path))),
      .init("path_before", .optional(pathBefore) { .string(TerminalText.path($0)) }),
    ]
  }
}

extension DeadLetterReport {
  /// In one line, without the dependents.
  package var text: String {
    let times = attempts == 1 ? UniversalTime.text(first) : "\(UniversalTime.text(first)) to \(UniversalTime.text(last))"
    return "#\(subject.text)  \(change.text): \(TerminalText.line(error)), \(Quantity.count(attempts, "attempt")), \(times)"
      + (isInDoubt ? ", in doubt" : "")
      + (dependents.isEmpty ? "" : ", \(Quantity.count(dependents.count, "change")) behind it")
  }

  package var json: JSONValue {
    .object(
      [.init("id", .string(subject.text))] + change.members + [
        .init("errno", .integer(errno)), .init("error", .string(error)), .init("attempts", .integer(attempts)),
        .init("first", .string(UniversalTime.text(first))), .init("last", .string(UniversalTime.text(last))),
        .init("in_doubt", .bool(isInDoubt)),
        .init("dependents", .array(dependents.map { .object($0.members) })),
      ])
  }
}
