/// How a mount fares, for monitoring.
package struct Health: Hashable, Sendable {
  /// Raw values are the exit statuses of `ebbfs status`, as monitoring plugins have them.
  package enum Level: UInt8, Hashable, Sendable, CaseIterable, Comparable {
    case ok = 0
    case warning = 1
    case critical = 2

    package var name: String {
      switch self {
      case .ok: "ok"
      case .warning: "warning"
      case .critical: "critical"
      }
    }

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  }

  /// How many reasons a message holds at most.
  static let reasonsMax = 16

  package var level: Level
  /// Why it is not `ok`, each in a few words.
  package var reasons: [String]

  package init(level: Level = .ok, reasons: [String] = []) {
    self.level = level
    self.reasons = reasons
  }

  /// `warning: the oldest change waits for 6 min 0 s`.
  package var text: String { reasons.isEmpty ? level.name : "\(level.name): \(reasons.joined(separator: "; "))" }

  var json: JSONValue {
    .object([.init("level", .string(level.name)), .init("reasons", .array(reasons.map { .string($0) }))])
  }

  func encode(to fields: inout FieldWriter) {
    fields.put(level.rawValue)
    fields.put(min(reasons.count, Self.reasonsMax))
    for reason in reasons.prefix(Self.reasonsMax) { fields.put(reason) }
  }

  init(from fields: inout FieldReader) throws(MessageError) {
    guard let level = Level(rawValue: try fields.byte()) else { throw .unknownValue }
    let count = try fields.integer()
    guard (0...Self.reasonsMax).contains(count) else { throw .tooLong }
    var reasons: [String] = []
    for _ in 0..<count { reasons.append(try fields.string()) }
    self.init(level: level, reasons: reasons)
  }
}
