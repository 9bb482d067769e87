/// One thing that a damaged journal has lost, as `recovery=skip-corrupt` found it.
package struct LossReport: Hashable, Sendable {
  /// How many a status report has at most.
  package static let countMax = 100

  /// One line that says all of it.
  package var message = ""
  /// The records: the first and the last.
  package var firstLSN: UInt64 = 0
  package var lastLSN: UInt64 = 0
  /// Where in the journal they were; `nil` for a readable record that could not be carried out without the others.
  package var segment: UInt64?
  package var offset: Int?
  /// The file that is affected, and its path below the mountpoint, escaped; `nil` where that is not known.
  package var inode: UInt64?
  package var path: String?

  package init() {}

  func encode(to fields: inout FieldWriter) {
    fields.put(message)
    fields.put(firstLSN)
    fields.put(lastLSN)
    fields.put(segment) { $0.put($1) }
    fields.put(offset) { $0.put($1) }
    fields.put(inode) { $0.put($1) }
    fields.put(path) { $0.put($1) }
  }

  init(from fields: inout FieldReader) throws(MessageError) {
    message = try fields.string()
    firstLSN = try fields.unsigned()
    lastLSN = try fields.unsigned()
    segment = try fields.optional { fields throws(MessageError) in try fields.unsigned() }
    offset = try fields.optional { fields throws(MessageError) in try fields.integer() }
    inode = try fields.optional { fields throws(MessageError) in try fields.unsigned() }
    path = try fields.optional { fields throws(MessageError) in try fields.string() }
  }

  var json: JSONValue {
    .object([
      .init("message", .string(message)),
      .init("first_lsn", .unsigned(firstLSN)),
      .init("last_lsn", .unsigned(lastLSN)),
      .init("segment", .optional(segment) { .unsigned($0) }),
      .init("offset", .optional(offset) { .integer($0) }),
      .init("inode", .optional(inode) { .unsigned($0) }),
      .init("path", .optional(path) { .string($0) }),
    ])
  }
}
