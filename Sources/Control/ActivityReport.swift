/// What `ebbfs top` shows besides status and statistics.
package struct ActivityReport: Hashable, Sendable {
  package struct Share: Hashable, Sendable {
    package var priority: String
    package var dirtyBytes: Int

    package init(priority: String, dirtyBytes: Int) {
      self.priority = priority
      self.dirtyBytes = dirtyBytes
    }
  }

  /// Bytes that wait for write-back, by priority; empty when so many files wait that counting would hold others up.
  package var shares: [Share] = []
  /// The hottest first.
  package var hottest: [HotFile] = []
  static let sharesMax = 16

  package init() {}

  func encode(to fields: inout FieldWriter) {
    fields.put(min(shares.count, Self.sharesMax))
    for share in shares.prefix(Self.sharesMax) {
      fields.put(share.priority)
      fields.put(share.dirtyBytes)
    }
    fields.put(min(hottest.count, HotFile.countMax))
    for file in hottest.prefix(HotFile.countMax) { file.encode(to: &fields) }
  }

  init(from fields: inout FieldReader) throws(MessageError) {
    for _ in 0..<(try fields.count(max: Self.sharesMax)) {
      let priority = try fields.string()
      shares.append(Share(priority: priority, dirtyBytes: try fields.integer()))
    }
    for _ in 0..<(try fields.count(max: HotFile.countMax)) { hottest.append(try HotFile(from: &fields)) }
  }
}
