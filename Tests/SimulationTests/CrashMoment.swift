import FilesystemModel
import Support
import Threading

/// Both disks as they are at one moment of a mount's life: just before one of them changes, or at the end.
struct CrashMoment: Sendable {
  /// How a life ends here: for a test of this crash alone.
  var death: Death
  /// The event that is being carried out, by its place.
  var event: Int
  /// How many promises were made to callers since it began.
  var promises: Int
  var journal: SimulatedJournalStorage
  var backing: SimulatedBackingStorage
  var time: SimulatedClock.Reading
  var seed: UInt64
  /// Bytes of the journal's next write that arrive although the daemon has ended.
  var arriving: (segment: UInt64, offset: Int, bytes: [UInt8]) = (0, 0, [])

  /// The disks that a crash leaves. Equal ones of one life hold the same.
  struct Disks: Hashable {
    var journal: [Int]
    var backing: [Int]
  }

  func disks(after kind: CrashKind) -> Disks {
    let journalKept: (Int) -> Range<Int>
    let backingKept: (Int) -> Range<Int>
    switch kind {
    case .processDeath:
      journalKept = { 0..<$0 }
      backingKept = { 0..<$0 }
    case .powerCut(let journalCut, let backingCut):
      journalKept = journalCut.kept
      backingKept = backingCut.kept
    }
    var disks = Disks(
      journal: Self.contents(journal.versions, journal.unsyncedSectors.count, journalKept),
      backing: Self.contents(backing.versions, backing.pendingEffectCount, backingKept))
    if !arriving.bytes.isEmpty { disks.journal.append(arriving.bytes.count) }
    return disks
  }

  private static func contents(_ versions: DiskVersions, _ pending: Int, _ kept: (Int) -> Range<Int>) -> [Int] {
    let kept = kept(pending)
    if kept.isEmpty { return [versions.durable] }
    if kept.count == pending { return [versions.live] }
    return [versions.durable, versions.live, kept.lowerBound, kept.upperBound]
  }
}

extension JournalCut {
  /// Which of so many un-synced sectors stay.
  fileprivate func kept(of count: Int) -> Range<Int> {
    switch self {
    case .nothing: 0..<0
    case .all: 0..<count
    case .firstHalf: 0..<count / 2
    case .secondHalf: count / 2..<count
    case .random: preconditionFailure("enumerations have no random cuts")
    }
  }
}

extension BackingCut {
  fileprivate func kept(of count: Int) -> Range<Int> {
    switch self {
    case .nothing: 0..<0
    case .all: 0..<count
    case .firstHalf: 0..<count / 2
    case .secondHalf: count / 2..<count
    case .random: preconditionFailure("enumerations have no random cuts")
    }
  }
}

/// Watches a mount and keeps every moment at which a crash leaves disks of its own.
final class CrashRecording: @unchecked Sendable {
  private let mount: SimulatedMount
  private(set) var moments: [CrashMoment] = []
  private var event = 0
  private var promisesBefore = 0
  private var operations = 0
  private let firstCall: Int

  init(_ mount: SimulatedMount) {
    self.mount = mount
    firstCall = mount.backing.nextCallIndex
    mount.journalDisk.beforeOperations { [unowned self] operation, bytes, journal in
      var moment = moment(.journal(after: operations, lastWriteBytes: 0), journal, self.mount.backing.fork())
      operations += 1
      moments.append(moment)
      guard case .write(let segment, let offset, let count) = operation else { return }
      moment.death = .journal(after: operations - 1, lastWriteBytes: count / 2)
      moment.arriving = (segment, offset, Array(bytes.prefix(count / 2)))
      moments.append(moment)
    }
    mount.backing.beforeChanges { [unowned self] backing in
      moments.append(moment(.backing(after: backing.nextCallIndex - firstCall), self.mount.journalDisk.copy(), backing))
    }
  }

  private func moment(
    _ death: Death, _ journal: SimulatedJournalStorage, _ backing: SimulatedBackingStorage
  ) -> CrashMoment {
    CrashMoment(
      death: death, event: event, promises: mount.promises - promisesBefore, journal: journal, backing: backing,
      time: mount.clock.reading, seed: UInt64(moments.count))
  }

  /// The next moments are those of this event.
  func begin(_ event: Int) {
    self.event = event
    promisesBefore = mount.promises
  }

  /// The last moment is now.
  func end() {
    mount.journalDisk.beforeOperations(nil)
    mount.backing.beforeChanges(nil)
    moments.append(moment(.now, mount.journalDisk.copy(), mount.backing.fork()))
  }
}
