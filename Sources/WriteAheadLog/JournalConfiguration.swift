import FilesystemModel
import JournalFormat

/// What is made of damage when a journal is opened. The names are those of RocksDB's `WALRecoveryMode`; Recovery.md tells what is
/// the same and what is not.
package enum RecoveryMode: String, Hashable, Sendable, CaseIterable {
  /// A torn tail, which nobody was promised, is cut; damage of a record that was durable is refused.
  case pointInTime = "point-in-time"
  /// Both are refused.
  case absolute
  /// What is readable is kept, and every loss is told: the operator's choice.
  case skipCorrupt = "skip-corrupt"
}

/// How many retired segments are kept for audit, besides what the journal needs.
package enum Retention: Hashable, Sendable {
  /// As many whole segments as fit.
  case bytes(Int)
  /// Those that were last written to less than this many milliseconds ago.
  case time(milliseconds: Int)

  package static let none = Retention.bytes(0)
}

/// How far the reading of a journal is.
package struct JournalReading: Hashable, Sendable {
  package var bytesRead: Int
  package var bytesTotal: Int

  package init(bytesRead: Int, bytesTotal: Int) {
    self.bytesRead = bytesRead
    self.bytesTotal = bytesTotal
  }
}

/// What a journal is made with.
package struct JournalConfiguration: Sendable {
  /// Bytes of a new segment, a multiple of 4096. Older segments keep their size.
  package var segmentBytes: Int
  /// Bytes that all segments together may take; changes are refused room above it, write-back's own records are not.
  package var capacityBytes: Int
  /// What tells the backing directory from others: filesystem type, mount source, path.
  package var backingDescription: String
  /// 16 random bytes, used when there is no journal yet.
  package var newJournalUUID: [UInt8]
  package var rules = ProtocolRules()
  package var recovery = RecoveryMode.pointInTime
  package var retention = Retention.none
  /// Is told how far the reading of the journal at the mount is.
  package var readingObserver: (@Sendable (JournalReading) -> Void)?
  /// Of the format: what new segments have, and the newest that is read.
  package var formatVersion = FormatVersion.newest

  package static let segmentBytesDefault = 64 << 20
  /// Fewer segments could not hold a checkpoint beside what it replaces.
  package static let segmentsMin = 4

  package init(
    capacityBytes: Int, segmentBytes: Int = segmentBytesDefault, backingDescription: String, newJournalUUID: [UInt8]
  ) {
    self.segmentBytes = segmentBytes
    self.capacityBytes = capacityBytes
    self.backingDescription = backingDescription
    self.newJournalUUID = newJournalUUID
  }

  /// The usual segment size for a capacity: an eighth of it, 4 to 64 MiB.
  package static func segmentBytes(forCapacity bytes: Int) -> Int {
    min(max(bytes / 8 & ~4095, 4 << 20), segmentBytesDefault)
  }

  /// The description as a header can hold it: a longer one is cut and ends with a digest of the whole.
  var recordedDescription: String { Self.recorded(backingDescription) }

  /// A backing description as headers have it.
  package static func recorded(_ backingDescription: String) -> String {
    let bytesMax = SegmentHeader.descriptionBytesMax
    guard backingDescription.utf8.count > bytesMax else { return backingDescription }
    var digest: UInt64 = 0xcbf2_9ce4_8422_2325  // FNV-1a
    for byte in backingDescription.utf8 { digest = (digest ^ UInt64(byte)) &* 0x100_0000_01b3 }
    var head = ""
    for character in backingDescription.unicodeScalars {
      guard head.utf8.count + String(character).utf8.count <= bytesMax - 20 else { break }
      head.unicodeScalars.append(character)
    }
    return head + "..." + String(digest, radix: 16)
  }

  /// Kept free for what makes room again: INTENT, DONE and checkpoint records.
  var reserveBytes: Int { max(segmentBytes, capacityBytes / 8) }
}
