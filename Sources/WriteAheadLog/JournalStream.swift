import FilesystemModel
import JournalFormat
import StorageInterface

/// What a consumer of the journal gets, in the order of LSNs.
package enum JournalEvent: Sendable {
  /// The records to come are in this segment.
  case segment(SegmentHeader, isRetained: Bool)
  case record(StreamedRecord)
  /// Records that had been durable and cannot be read.
  case gap(JournalGap)
}

/// A record with the place where it is.
package struct StreamedRecord: Sendable {
  package let logged: LoggedRecord
  /// The durable LSN known when the record was encoded.
  package let durable: LSN
  package let segment: UInt64
  package let offset: Int
  /// Bytes of header and payload.
  package let length: Int
}

/// Records from `first` on, up to but without `next`, that are damaged or missing.
package struct JournalGap: Error, Hashable, Sendable {
  package let first: LSN
  package let next: LSN
  /// Where the first of them should be.
  package let segment: UInt64
  package let offset: Int
}

/// Reads the journal from its oldest kept record on, also while a daemon writes, recycles and retires segments: takes no lock,
/// writes nothing, and asks nothing of the daemon.
///
/// One that has fallen behind so far that its place was retired is told so, and never gets bytes that were written over it: the
/// tags of records tell.
package struct JournalStream {
  /// How far a consumer wants to see.
  package enum Extent: Sendable {
    /// All that is in the files now: the last records may yet be lost by a power cut, and their LSNs be given again.
    case written
    /// What no crash can take back: what later records or headers, or `learn`, say is durable.
    case durable
  }

  private let storage: any JournalStorage
  private var listing: SegmentListing
  private var cursor: StreamCursor?
  /// Runs ahead to find out what is durable.
  private var scout: StreamCursor?
  /// All records up to here are known to be durable.
  package private(set) var durable = LSN.zero
  /// What was known to be durable when the segments were last listed.
  private var lookedThrough = LSN.zero
  /// Whether the last `read` ended before a record that is there and not known to be durable.
  package private(set) var isWaitingForProof = false

  package init(_ storage: any JournalStorage) {
    self.storage = storage
    listing = SegmentListing(storage)
  }

  /// The next record that will be handed out; `nil` before the first.
  package var position: LSN? { cursor?.expected }

  /// The oldest record that is kept; `nil` when the journal has no segment in use yet.
  package mutating func oldest() throws(JournalError) -> LSN? {
    try listing.refresh()
    return listing.segments.first?.header.firstLSN
  }

  /// The journal's daemon, or somebody else who knows, says that all records up to `lsn` are durable.
  package mutating func learn(durable lsn: LSN) { durable = max(durable, lsn) }

  /// Hands out what has come since the last call.
  ///
  /// - Throws: `retired` when the next record is not there any more; `storage` when the disk cannot be read.
  /// - Complexity: reads each record once, with `durable` twice.
  package mutating func read(_ extent: Extent, _ visit: (JournalEvent) -> Void) throws(JournalError) {
    if cursor == nil {
      try listing.refresh()
      durable = max(durable, listing.durable)
      guard let first = listing.segments.first else { return }
      guard var start = try StreamCursor(first, expected: first.header.firstLSN, storage) else { return }
      start.isNew = true
      cursor = start
    }
    isWaitingForProof = false
    var cursor = cursor!
    defer { self.cursor = cursor }
    while let header = try find(&cursor, extent, visit) {
      if extent == .durable, header.placement.lsn > durable, try !isDurable(header.placement.lsn, cursor) {
        isWaitingForProof = true
        return
      }
      if extent == .durable, header.placement.lsn > lookedThrough {
        // A later mount may have said so of a record of its own, and have cut this one.
        try look(&cursor)
        lookedThrough = durable
        continue
      }
      if cursor.isNew { visit(.segment(cursor.segment.header, isRetained: cursor.segment.isRetained)) }
      cursor.isNew = false
      do {
        visit(.record(try cursor.streamed(header)))
      } catch {
        visit(.gap(cursor.gap(before: header.placement.lsn.next)))
      }
      cursor.pass(header)
    }
  }

  /// Lets the scout look for what says that a record is durable.
  private mutating func isDurable(_ lsn: LSN, _ cursor: StreamCursor) throws(JournalError) -> Bool {
    var ahead = scout.flatMap { $0.expected > cursor.expected ? $0 : nil } ?? cursor
    defer { scout = ahead }
    while durable < lsn, let header = try find(&ahead, .durable, { _ in }) {
      durable = max(durable, header.placement.durable)
      ahead.pass(header)
    }
    return durable >= lsn
  }

  /// Brings the cursor to the next record, over ends of segments and damage; `nil` when there is none yet.
  private mutating func find(
    _ cursor: inout StreamCursor, _ extent: Extent, _ visit: (JournalEvent) -> Void
  ) throws(JournalError) -> RecordHeader? {
    while true {
      if let header = try cursor.record() { return header }
      // What was written before the listing was made is there now.
      try look(&cursor)
      if let header = try cursor.record() { return header }
      if let next = listing.segment(continuing: cursor) {
        guard let moved = try StreamCursor(next, expected: next.header.firstLSN, storage) else { continue }
        cursor = moved
        continue
      }
      guard listing.contains(cursor.segment) || listing.segments.last.map({ cursor.segment.isFollowed(by: $0) }) != true else {
        throw .retired(cursor.expected, oldest: listing.segments.first?.header.firstLSN ?? .zero)
      }
      guard try isDamaged(cursor, extent) else { return nil }
      guard try passDamage(&cursor, visit) else { return nil }
    }
  }

  /// Lists the segments, and lets the cursor read what is in the files now.
  private mutating func look(_ cursor: inout StreamCursor) throws(JournalError) {
    try listing.refresh()
    durable = max(durable, listing.durable)
    cursor.limit = listing.firstLSNOfNewerEpoch(than: cursor.segment)
    cursor.reader.forget()
  }

  /// Whether the record that is not readable had been durable; else it is not written yet, or torn.
  private mutating func isDamaged(_ cursor: StreamCursor, _ extent: Extent) throws(JournalError) -> Bool {
    if durable >= cursor.expected { return true }
    guard extent == .written else { return false }
    var search = cursor
    while true {
      while let header = try search.nextIntact() {
        if header.placement.durable >= cursor.expected { return true }
      }
      guard let next = listing.segment(after: search.segment),
        let moved = try StreamCursor(next, expected: search.expected, storage)
      else { return false }
      search = moved
    }
  }

  /// Goes to the next record behind the damage, and tells of it. Answers whether there is one.
  private mutating func passDamage(
    _ cursor: inout StreamCursor, _ visit: (JournalEvent) -> Void
  ) throws(JournalError) -> Bool {
    var search = cursor
    while true {
      if let header = try search.nextIntact() {
        visit(.gap(cursor.gap(before: header.placement.lsn)))
        search.expected = header.placement.lsn
        search.offset -= RecordLayout.padded(header.length)
        cursor = search
        return true
      }
      guard let next = listing.segment(after: search.segment) else { return false }
      let expected = max(cursor.expected, next.header.firstLSN)
      guard let moved = try StreamCursor(next, expected: expected, storage) else { return false }
      search = moved
      guard expected > cursor.expected else { continue }
      visit(.gap(cursor.gap(before: expected)))
      cursor = search
      return true
    }
  }
}
