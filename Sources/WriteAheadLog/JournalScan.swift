import FilesystemModel
import JournalFormat
import StorageInterface

/// A record as recovery gets it.
package struct LoggedRecord: Hashable, Sendable {
  package let lsn: LSN
  package let epoch: UInt64
  package let record: Record
  /// The first data byte of a write, for `Journal.read`.
  package let dataPosition: JournalPosition?
}

/// The newest complete checkpoint.
package struct Checkpoint: Hashable, Sendable {
  package var begin: LSN
  /// No record below it is needed.
  package var lowWater: LSN
  package var nextInode: InodeNumber
  package var table: [Binding]
}

/// Where the journal was cut: what a power cut or a kill left half written and no one was promised.
package struct TornTail: Hashable, Sendable, CustomStringConvertible {
  /// The first LSN that is lost; it will be given again.
  package let lsn: LSN
  package let segment: UInt64
  package let offset: Int
  /// Bytes with traces of lost records, in all segments.
  package let bytesCut: Int

  package var description: String {
    "torn tail cut at LSN \(lsn.rawValue), segment \(segment), offset \(offset), \(bytesCut) bytes"
  }
}

/// Live records of one segment that follow each other: all that it has, unless records between them are lost.
package struct SegmentExtent: Hashable, Sendable {
  package let segment: UInt64
  package let epoch: UInt64
  package let firstLSN: LSN
  /// `firstLSN.previous` when there are none.
  package internal(set) var lastLSN: LSN
  /// The offset of the first record.
  package internal(set) var startOffset = SegmentHeader.bytes
  /// The offset after the last live record.
  package internal(set) var endOffset: Int
}

/// A record's place, up to which all records are proven durable by what later ones say.
struct ProvenPlace: Hashable, Sendable {
  let segment: UInt64
  let offset: Int
}

/// A segment file that holds nothing and can be the next one to be written.
struct SpareSegment: Hashable, Sendable {
  let number: UInt64
  let isRecycled: Bool
}

/// What the segment files say, read without changing anything.
package struct JournalScan: Sendable {
  /// Whether there is no journal yet.
  package let isEmpty: Bool
  package let journalUUID: [UInt8]
  package let backingDescription: String
  /// The newest epoch found; the next mount takes the next one.
  package let epoch: UInt64
  /// The LSN that the next record will have.
  package let nextLSN: LSN
  package let checkpoint: Checkpoint?
  package let tornTail: TornTail?
  /// Live records, in LSN order.
  package let extents: [SegmentExtent]
  /// Records from here on may be in memory only, and not be written even by fsync(2), if one has failed before; `nil` when there
  /// are none.
  let unproven: ProvenPlace?
  /// Numbers of all segment files up to the last with live records, ascending.
  package let segments: [UInt64]
  /// Unused files right above `segments`, ascending.
  let spares: [SpareSegment]
  /// Files above `spares` that hold traces of cut records, ascending: removed when the journal starts.
  let discarded: [UInt64]
  /// Records that had been durable and cannot be read, ascending: only with `RecoveryMode.skipCorrupt`.
  package internal(set) var losses: [JournalGap] = []
  /// Segments with damage, whether something of it is needed or not: a repair sets them aside.
  package internal(set) var damaged: [UInt64] = []
  /// Numbers below the highest segment's of which there is no file.
  var missing: [UInt64] = []
  /// What `takeRecords` hands out; `nil` where a salvage has read past damage.
  var gathered: GatheredRecords?
  let storage: any JournalStorage

  /// The LSN from which `replay` goes.
  package var lowWater: LSN { checkpoint?.lowWater ?? LSN.zero.next }

  /// How many records `takeRecords` hands out at most, as far as that is known; 0 else.
  package var gatheredRecords: Int { gathered?.count ?? 0 }

  /// How many creations of inodes are among them at most.
  package var gatheredCreations: Int { gathered?.creations ?? 0 }

  /// Hands out all records from low-water to the cut in LSN order, except those of checkpoints, and keeps none. Those of writes
  /// may be without their bytes.
  ///
  /// - Throws: `corrupt` when a record has contents that no ebbfs writes, and what `visit` throws.
  package mutating func takeRecords(_ visit: (LoggedRecord) throws(JournalError) -> Void) throws(JournalError) {
    guard var records = exchange(&gathered, with: nil) else { return try replay(visit) }
    try records.take(from: lowWater, visit)
  }

  /// Reads all records from low-water to the cut again and hands them out in LSN order, except those of checkpoints, unless
  /// tables are wanted: where records are lost, one whose begin or end is lost still tells where inodes are. May be repeated,
  /// also after a `Journal` was started, as long as that has retired nothing.
  ///
  /// - Throws: `storage` when the disk cannot be read, `corrupt` when a record has contents that no ebbfs writes, and what
  ///   `visit` throws.
  /// - Complexity: reads every segment from low-water once, in pieces of a few MiB.
  package func replay(
    withTables: Bool = false, from first: LSN? = nil, _ visit: (LoggedRecord) throws(JournalError) -> Void
  ) throws(JournalError) {
    let lowWater = first ?? lowWater
    for extent in extents where extent.lastLSN >= lowWater && extent.lastLSN >= extent.firstLSN {
      var reader = try SegmentReader(storage, extent.segment, journalUUID: journalUUID)
      var offset = extent.startOffset
      while offset < extent.endOffset {
        guard let header = try reader.record(at: offset) else {
          throw reader.corrupt(at: offset, lsn: extent.firstLSN, "a record that was readable a moment ago is not any more")
        }
        if header.placement.lsn > extent.lastLSN { break }
        let isWanted = !header.type.isCheckpoint || withTables && header.type == .checkpointTable
        if header.placement.lsn >= lowWater, isWanted { try visit(reader.logged(header, at: offset)) }
        offset += RecordLayout.padded(header.length)
      }
    }
  }
}

extension RecordType {
  var isCheckpoint: Bool { self == .checkpointBegin || self == .checkpointTable || self == .checkpointEnd }
}
