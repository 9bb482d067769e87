/// How `ebbfs unmount` ends a mount.
package struct UnmountOptions: Hashable, Sendable {
  /// Though files are in use: programs that have them open keep them, nobody else finds them any more.
  package var isLazy: Bool
  /// Nothing more is written back; the next mount does that.
  package var keepsJournal: Bool
  /// How long write-back may go on; `nil` for what `unmount_timeout` says.
  package var timeoutMilliseconds: Int?
  package static let timeoutsMilliseconds = 0...86_400_000

  package init(isLazy: Bool = false, keepsJournal: Bool = false, timeoutMilliseconds: Int? = nil) {
    self.isLazy = isLazy
    self.keepsJournal = keepsJournal
    self.timeoutMilliseconds = timeoutMilliseconds
  }

  func encode(to fields: inout FieldWriter) {
    fields.put(UInt8(isLazy ? 1 : 0))
    fields.put(UInt8(keepsJournal ? 1 : 0))
    fields.put(timeoutMilliseconds) { $0.put($1) }
  }

  init(from fields: inout FieldReader) throws(MessageError) {
    let isLazy = try fields.flag()
    let keepsJournal = try fields.flag()
    let timeout = try fields.optional { fields throws(MessageError) in try fields.integer() }
    guard timeout.map(Self.timeoutsMilliseconds.contains) ?? true else { throw .unknownValue }
    self.init(isLazy: isLazy, keepsJournal: keepsJournal, timeoutMilliseconds: timeout)
  }
}
