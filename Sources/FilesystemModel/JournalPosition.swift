/// Where bytes lie in the journal: a segment's number and an offset in its file.
package struct JournalPosition: Hashable, Sendable {
  package var segment: UInt64
  package var offset: Int

  package init(segment: UInt64, offset: Int) {
    self.segment = segment
    self.offset = offset
  }

  package func advanced(by bytes: Int) -> JournalPosition { JournalPosition(segment: segment, offset: offset + bytes) }
}
