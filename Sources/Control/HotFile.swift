/// A file that is written to often.
package struct HotFile: Hashable, Sendable {
  package var inode: UInt64
  /// From the mount's root, of any bytes; empty for one that has no name any more.
  package var path: [UInt8]
  /// Since it was first seen to be written to often.
  package var writes: Int
  package var bytes: Int
  /// How many of them one message holds.
  package static let countMax = 64

  package init(inode: UInt64, path: [UInt8], writes: Int, bytes: Int) {
    self.inode = inode
    self.path = path
    self.writes = writes
    self.bytes = bytes
  }

  func encode(to fields: inout FieldWriter) {
    fields.put(inode)
    fields.put(path)
    fields.put(writes)
    fields.put(bytes)
  }

  init(from fields: inout FieldReader) throws(MessageError) {
    inode = try fields.unsigned()
    path = try fields.bytes()
    writes = try fields.integer()
    bytes = try fields.integer()
  }
}
