import FilesystemModel
import JournalFormat

/// From where on no record or header says that the records are durable.
struct DurabilityProof {
  private var durable = LSN.zero
  /// Places of records above `durable`, and the last one not above it: about one for each MiB.
  private var places: [(lsn: LSN, place: ProvenPlace)] = []
  private var first = 0
  private static let bytesApart = 1 << 20

  mutating func add(_ durable: LSN) {
    self.durable = max(self.durable, durable)
    while first + 1 < places.count, places[first + 1].lsn <= self.durable.next { first += 1 }
  }

  mutating func add(_ record: RecordPlacement, _ place: ProvenPlace) {
    if places.last.map({ $0.place.segment != place.segment || place.offset - $0.place.offset >= Self.bytesApart }) ?? true {
      places.append((record.lsn, place))
    }
    add(record.durable)
  }

  var unproven: ProvenPlace? { first < places.count ? places[first].place : nil }
}
