import FilesystemModel
import JournalFormat
import StorageInterface

/// The steps between a scan and the first record of a new epoch. Each can be interrupted and done again.
struct JournalStart {
  let header: SegmentHeader
  let live: [LiveSegment]
  let spares: [SpareSegment]
  let retained: [ShelvedSegment]

  static func checkCapacity(_ configuration: JournalConfiguration, _ storage: any JournalStorage) throws(JournalError) {
    precondition(configuration.segmentBytes % 4096 == 0 && configuration.newJournalUUID.count == SegmentHeader.uuidBytes)
    let needed = configuration.segmentBytes * JournalConfiguration.segmentsMin
    guard configuration.capacityBytes >= needed else {
      throw .tooSmall(needed: needed, available: configuration.capacityBytes)
    }
  }

  init(_ scan: JournalScan, _ storage: any JournalStorage, _ configuration: JournalConfiguration) throws(JournalError) {
    var spares = scan.spares
    try Self.synchronize(scan, storage)
    for number in scan.missing {
      try doing("standing in for segment \(number)") { () throws(Errno) in
        try storage.prepareSegment(number, bytes: SegmentHeader.bytes)
      }
    }
    for number in scan.discarded.reversed() {
      try doing("removing segment \(number)") { () throws(Errno) in try storage.removeSegment(number) }
    }
    try Self.removeSparesOfOtherSize(&spares, storage, configuration.segmentBytes)
    var live = try Self.liveSegments(scan, storage)
    var retained = try doing("listing the kept segments") { () throws(Errno) in try storage.shelved(.retained) }
    let first = try Self.takeFirst(&spares, &retained, above: scan, storage, configuration)
    self.spares = spares
    self.retained = retained
    let header = SegmentHeader(
      version: configuration.formatVersion, journalUUID: scan.isEmpty ? configuration.newJournalUUID : scan.journalUUID,
      epoch: scan.epoch + 1, number: first.number, firstLSN: scan.nextLSN, durable: scan.nextLSN.previous,
      isRecycled: first.isRecycled,
      backingDescription: configuration.recordedDescription)
    let bytes = header.encoded()
    let file = try doing("writing the header of segment \(first.number)") { () throws(Errno) in
      let file = try storage.openSegment(first.number)
      try file.write(bytes, at: 0)
      try file.synchronize()
      return file
    }
    live.append(LiveSegment(number: first.number, firstLSN: scan.nextLSN, bytes: file.bytes, file: file))
    self.header = header
    self.live = live
  }

  /// What the scan read may be in memory only. It must not be lost once the new epoch says that it was there (C26). It is written
  /// anew: after an fsync(2) that failed in an earlier mount, a further one proves nothing.
  private static func synchronize(_ scan: JournalScan, _ storage: any JournalStorage) throws(JournalError) {
    guard let unproven = scan.unproven else { return }
    for extent in scan.extents where extent.segment >= unproven.segment {
      try rewrite(extent, from: extent.segment == unproven.segment ? unproven.offset : SegmentHeader.bytes, scan, storage)
    }
  }

  private static func rewrite(
    _ extent: SegmentExtent, from start: Int, _ scan: JournalScan, _ storage: any JournalStorage
  ) throws(JournalError) {
    let file = try doing("opening segment \(extent.segment)") { () throws(Errno) in try storage.openSegment(extent.segment) }
    var reader = try SegmentReader(storage, extent.segment, journalUUID: scan.journalUUID)
    var offset = start
    while offset < extent.endOffset {
      // The header was written together with the first record.
      let chunk = offset == SegmentHeader.bytes ? 0 : offset
      while offset < extent.endOffset, offset - chunk < RecordLayout.recordBytesMax {
        guard let record = try reader.record(at: offset) else {
          throw reader.corrupt(at: offset, lsn: extent.firstLSN, "a record that was readable a moment ago is not any more")
        }
        offset += RecordLayout.padded(record.length)
      }
      let count = offset - chunk
      try doing("writing segment \(extent.segment)") { () throws(Errno) in
        try file.write(try file.read(at: chunk, count: count), at: chunk)
      }
    }
    try doing("syncing segment \(extent.segment)") { () throws(Errno) in try file.synchronize() }
  }

  /// Spares are of use only while `-o journal_size=` stays as it was.
  private static func removeSparesOfOtherSize(
    _ spares: inout [SpareSegment], _ storage: any JournalStorage, _ segmentBytes: Int
  ) throws(JournalError) {
    for (index, spare) in spares.enumerated() {
      let bytes = try doing("opening segment \(spare.number)") { () throws(Errno) in try storage.openSegment(spare.number).bytes }
      guard bytes != segmentBytes else { continue }
      for unfit in spares[index...].reversed() {
        try doing("removing segment \(unfit.number)") { () throws(Errno) in try storage.removeSegment(unfit.number) }
      }
      spares.removeSubrange(index...)
      return
    }
  }

  private static func liveSegments(_ scan: JournalScan, _ storage: any JournalStorage) throws(JournalError) -> [LiveSegment] {
    var live: [LiveSegment] = []
    var firstLSN = scan.nextLSN
    for number in scan.segments.reversed() {
      if let extent = scan.extents.first(where: { $0.segment == number }) { firstLSN = extent.firstLSN }
      let bytes = try doing("opening segment \(number)") { () throws(Errno) in try storage.openSegment(number).bytes }
      live.append(LiveSegment(number: number, firstLSN: firstLSN, bytes: bytes))
    }
    return live.reversed()
  }

  /// The segment that the new epoch begins in. On a full disk it is made of the oldest one that is kept for audit.
  private static func takeFirst(
    _ spares: inout [SpareSegment], _ retained: inout [ShelvedSegment], above scan: JournalScan, _ storage: any JournalStorage,
    _ configuration: JournalConfiguration
  ) throws(JournalError) -> SpareSegment {
    if let spare = spares.first {
      spares.removeFirst()
      return spare
    }
    let number = (scan.segments.last ?? 0) + 1
    while true {
      let available = try doing("asking for free space") { () throws(Errno) in try storage.bytesAvailable() }
      if available >= configuration.segmentBytes { break }
      guard let oldest = retained.first else { throw .tooSmall(needed: configuration.segmentBytes, available: available) }
      retained.removeFirst()
      if Journal.isReusable(oldest, storage, configuration, scan.journalUUID) {
        try doing("taking kept segment \(oldest.number)") { () throws(Errno) in
          try storage.recycleShelved(oldest.number, from: .retained, as: number)
        }
        return SpareSegment(number: number, isRecycled: true)
      }
      try doing("removing kept segment \(oldest.number)") { () throws(Errno) in
        try storage.removeShelved(oldest.number, from: .retained)
      }
    }
    try doing("preparing segment \(number)") { () throws(Errno) in
      try storage.prepareSegment(number, bytes: configuration.segmentBytes)
    }
    return SpareSegment(number: number, isRecycled: false)
  }
}
