import FilesystemModel

/// What `ebbfs status PATH` shows of one file.
package struct FileReport: Hashable, Sendable {
  package enum State: UInt8, Hashable, Sendable, CaseIterable {
    /// Nothing of it waits: what the mount shows is in the backing directory, synced.
    case clean = 1
    /// It waits for its turn.
    case dirty = 2
    case writingBack = 3
    /// The backing directory refuses it, or something that it waits for.
    case deadLettered = 4
    /// Clean, and a version of somebody else is kept beside it.
    case conflict = 5

    package var name: String {
      switch self {
      case .clean: "clean"
      case .dirty: "dirty"
      case .writingBack: "writing back"
      case .deadLettered: "dead-lettered"
      case .conflict: "conflict"
      }
    }
  }

  package var state = State.clean
  package var dirtyBytes = 0
  /// Changes of the file, its names and the directories above it that are not in the backing directory.
  package var operations = 0
  /// When the oldest of them came, in seconds since 1970; `nil` when there is none.
  package var since: Int?
  package var ageMilliseconds = 0
  /// Tries in vain since something of it was last written back.
  package var failedAttempts = 0
  /// What is refused and why, of a dead letter.
  package var refusal: String?
  /// The latest conflict about its name.
  package var conflict: StatusReport.Conflict?

  package init() {}

  /// A few words for people, without a line end: `dirty since 2026-01-31T23:59:59Z (1.5 s), 4.0 KiB in 2 operations`.
  package var text: String {
    var parts = [since.map { "\(state.name) since \(UniversalTime.text($0)) (\(Quantity.time(milliseconds: ageMilliseconds)))" }]
    if since == nil { parts = [state.name] }
    if operations > 0 { parts.append("\(Quantity.size(dirtyBytes)) in \(Quantity.count(operations, "operation"))") }
    if failedAttempts > 0 { parts.append("\(Quantity.count(failedAttempts, "try", "tries")) in vain") }
    if let refusal { parts.append("\(refusal); see ebbfs dead-letters") }
    if state == .conflict { parts.append(conflict.map { "written back; \($0.text)" }) }
    return TerminalText.line(parts.compactMap(\.self).joined(separator: ", "))
  }

  /// The same as an object, with the path that was asked about. Names end in their unit.
  package func json(path: String) -> JSONValue {
    .object([
      .init("path", .string(path)),
      .init("state", .string(state.name)),
      .init("dirty_bytes", .integer(dirtyBytes)),
      .init("pending_operations", .integer(operations)),
      .init("dirty_since", .optional(since) { .string(UniversalTime.text($0)) }),
      .init("age_ms", .integer(ageMilliseconds)),
      .init("failed_attempts", .integer(failedAttempts)),
      .init("refusal", .optional(refusal) { .string($0) }),
      .init("conflict", .optional(conflict) { $0.json }),
    ])
  }
}

extension FileReport {
  func encode(to fields: inout FieldWriter) {
    fields.put(state.rawValue)
    for number in [dirtyBytes, operations, ageMilliseconds, failedAttempts] { fields.put(number) }
    fields.put(since) { $0.put($1) }
    fields.put(refusal) { $0.put($1) }
    fields.put(conflict) { $1.encode(to: &$0) }
  }

  init(from fields: inout FieldReader) throws(MessageError) {
    self.init()
    guard let state = State(rawValue: try fields.byte()) else { throw .unknownValue }
    self.state = state
    dirtyBytes = try fields.integer()
    operations = try fields.integer()
    ageMilliseconds = try fields.integer()
    failedAttempts = try fields.integer()
    since = try fields.optional { fields throws(MessageError) in try fields.integer() }
    refusal = try fields.optional { fields throws(MessageError) in try fields.string() }
    conflict = try fields.optional { fields throws(MessageError) in try StatusReport.Conflict(from: &fields) }
  }
}
