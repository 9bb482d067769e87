import Engine
import FilesystemModel
import JournalFormat
import StorageInterface
import Support
import WriteAheadLog

/// A mount that ends in a crash, of whose journal records are damaged, one life after the other.
struct SalvageTrial {
  let moment: CrashMoment
  let options: MountOptions
  /// All records that are in the journal, with their places.
  let records: [StreamedRecord]
  /// What an undamaged journal shows.
  let whole: TreeSnapshot
  let lowWater: LSN
  /// Records that others show to have been durable.
  let proven: LSN

  /// A random life of a mount, up to a moment at which everything is synced.
  init(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let clock = SimulatedClock()
    let tree = InitialTree.forWalks.randomElement(using: &generator)!
    let backing = try tree.backing(clock)
    clock.advance(milliseconds: 1000)
    var options = MountOptions.small()
    options.interleavingPercent = [0, 20, 60].randomElement(using: &generator)!
    options.configuration.batchOperations = [1, 3, 64].randomElement(using: &generator)!
    let hasTrouble = Int.random(in: 0..<3, using: &generator) == 0
    if hasTrouble {
      options.configuration.retry = .init(firstMilliseconds: 10, mostMilliseconds: 40, retriesMax: 2)
    }
    self.options = options
    let mount = try SimulatedMount(backing, clock: clock, options: options, seed: seed)
    let alphabet: WorkloadAlphabet = Bool.random(using: &generator) ? .narrow : .wide
    var operations = WorkloadGenerator(alphabet: alphabet, seed: generator.next())
    let workload = operations.workload(
      length: Int.random(in: 5...25, using: &generator), from: ReferenceFilesystem(backing, keepsHistory: false))
    for operation in workload {
      clock.advance(milliseconds: 1)
      var target = mount
      operation.run(on: &target)
      for _ in 0..<Int.random(in: 0...6, using: &generator) { mount.step() }
      if Int.random(in: 0..<3, using: &generator) == 0 { mount.pass(milliseconds: Int.random(in: 1...60, using: &generator)) }
      if hasTrouble { Self.trouble(mount, alphabet, using: &generator) }
    }
    mount.backing.withdrawFaults()
    // The last record says that all before it are durable.
    let end: [WorkloadOperation] = [.synchronize(.root), .changePermissions(.root, 0o755), .synchronize(.root)]
    for operation in end {
      var target = mount
      operation.run(on: &target)
    }
    moment = CrashMoment(
      death: .now, event: 0, promises: 0, journal: mount.journalDisk.copy(), backing: backing.fork(), time: clock.reading,
      seed: seed)
    records = try Self.records(moment.journal)
    lowWater = try Journal.scan(moment.journal, Self.settings(options, mount)).lowWater
    proven = records.map(\.durable).max() ?? .zero
    whole = try Self.mounted(moment, moment.journal, options, .pointInTime).snapshot()
  }

  /// Now and then, refuses what is written back, and lets an operator deal with dead letters.
  private static func trouble(
    _ mount: SimulatedMount, _ alphabet: WorkloadAlphabet, using generator: inout SeededGenerator
  ) {
    let letters = mount.engine.deadLetters().map(\.letter.subject)
    switch Int.random(in: 0..<10, using: &generator) {
    case 0..<3:
      let path = (alphabet.files + alphabet.directories).randomElement(using: &generator)!
      mount.refuseChanges(of: path, with: Bool.random(using: &generator) ? .accessDenied : .inputOutput)
    case 3: mount.backing.withdrawFaults()
    case 4: _ = try? mount.engine.retryDeadLetters(letters)
    case 5: _ = try? mount.engine.discardDeadLetters(letters, withDependents: true)
    default: break
    }
  }

  private static func settings(_ options: MountOptions, _ mount: SimulatedMount) -> JournalConfiguration {
    JournalConfiguration(
      capacityBytes: options.configuration.journalBytes, segmentBytes: options.configuration.segmentBytes,
      backingDescription: mount.backing.abilities.description, newJournalUUID: options.configuration.journalSeed)
  }

  static func records(_ journal: SimulatedJournalStorage) throws -> [StreamedRecord] {
    var records: [StreamedRecord] = []
    var stream = JournalStream(journal)
    try stream.read(.written) { if case .record(let record) = $0 { records.append(record) } }
    return records
  }

  /// A new life on the disks of the moment, with another journal.
  static func mounted(
    _ moment: CrashMoment, _ journal: SimulatedJournalStorage, _ options: MountOptions, _ mode: RecoveryMode
  ) throws -> SimulatedMount {
    let mount = stopped(moment, journal, options, mode)
    try mount.remount()
    return mount
  }

  static func stopped(
    _ moment: CrashMoment, _ journal: SimulatedJournalStorage, _ options: MountOptions, _ mode: RecoveryMode
  ) -> SimulatedMount {
    var moment = moment
    moment.journal = journal
    var options = options
    options.configuration.recovery = mode
    let mount = SimulatedMount(stopped: moment, clock: SimulatedClock(), options: options)
    mount.crash(.processDeath)
    return mount
  }

  func damaged(_ places: [StreamedRecord]) -> SimulatedJournalStorage {
    let journal = moment.journal.copy()
    for place in places { journal.flip(1, in: place.segment, at: place.offset + 45) }
    return journal
  }

  enum Outcome {
    /// Everything is written back, and the backing directory has what the mount shows.
    case settled
    /// Something cannot be written back; the status says what.
    case stuck
    /// The backing directory has not all that the mount shows: only when several records are lost.
    case differs
  }

  /// Writes everything back, and takes up what was refused meanwhile. Answers whether all of it could be.
  static func settle(_ mount: SimulatedMount) -> Bool {
    for _ in 0..<3 {
      guard (try? mount.drain()) != nil else { return false }
      let letters = mount.engine.deadLetters().map(\.letter.subject)
      if letters.isEmpty { return true }
      guard (try? mount.engine.retryDeadLetters(letters)) != nil else { return false }
    }
    return false
  }

  /// Mounts without the given records, and looks whether what is left is consistent.
  func examine(without lost: [StreamedRecord]) throws -> Outcome {
    let what = "LSN \(lost.map(\.logged.lsn.rawValue)) \(lost.map(\.logged.record.summary))"
    let mount = try Self.mounted(moment, damaged(lost), options, .skipCorrupt)
    let isNeeded = lost.contains { $0.logged.lsn >= lowWater && $0.logged.lsn <= proven }
    guard mount.engine.salvage.losses.isEmpty != isNeeded else {
      throw Violation(description: "\(what): losses \(mount.engine.salvage.losses)")
    }
    // With its intent lost, nobody knows what a plan under way has moved: it is written back before anything is looked at, as the
    // daemon does. The rest can be looked at in between.
    let isInDoubt = lost.contains { if case .intent = $0.logged.record { true } else { false } }
    let killed = CrashMoment(after: mount, moment)
    if isInDoubt, !Self.settle(mount) {
      guard mount.engine.status().lastFailure != nil else { throw Violation(description: "\(what): stuck without a reason") }
      return .stuck
    }
    let shown: TreeSnapshot
    do { shown = try mount.snapshot() } catch {
      guard lost.count > 1 else { throw Violation(description: "\(what): \(error)") }
      return .differs
    }
    if lost.count == 1, lost[0].logged.lsn <= proven { try compare(shown, lost, what) }
    // The next mount needs no leniency, and shows the same.
    let next = try Self.mounted(CrashMoment(after: mount, moment), mount.journalDisk.copy(), options, .pointInTime)
    if lost.count == 1 {
      try Self.expect(
        next.snapshot().ignoring(.directoryTimes), equals: shown.ignoring(.directoryTimes), "\(what): the next mount")
    }
    guard Self.settle(mount) else {
      guard mount.engine.status().lastFailure != nil else { throw Violation(description: "\(what): stuck without a reason") }
      return .stuck
    }
    // How many names a file has is told by records that may be lost.
    let aspects: TreeSnapshot.Aspects = [.directoryTimes, .linkCounts]
    guard let wanted = try? mount.snapshot().ignoring(aspects) else { return .differs }
    let found = mount.backing.snapshot().ignoring(aspects)
    if lost.count == 1 { try compareBacking(found, wanted, killed, lost, what) }
    return found == wanted ? .settled : .differs
  }

  /// The backing directory has what the mount shows in the end, and has it too after a kill of the mount before it had written
  /// back what is in doubt.
  private func compareBacking(
    _ found: TreeSnapshot, _ wanted: TreeSnapshot, _ killed: CrashMoment, _ lost: [StreamedRecord], _ what: String
  ) throws {
    let taint = Taint(records, lost: lost.map(\.logged))
    // That names are of one file may be what is lost; and what is written back again does not undo what a lost record had done.
    let mayDiffer: TreeSnapshot.Aspects = [.sameFiles, .extendedAttributes]
    let (foundFiles, wantedFiles) = (found.ignoring(mayDiffer), wanted.ignoring(mayDiffer))
    try Self.expect(found, equals: wanted, "\(what): the backing directory") {
      taint.covers($0) && foundFiles[$0] == wantedFiles[$0]
    }
    let mount = try Self.mounted(killed, killed.journal.copy(), options, .pointInTime)
    guard Self.settle(mount) else {
      throw Violation(description: "\(what): killed and mounted again: \(mount.engine.status())")
    }
    try Self.expect(
      mount.backing.snapshot().ignoring([.directoryTimes, .linkCounts]), equals: found, "\(what): killed and mounted again",
      except: taint.covers)
  }

  static func expect(
    _ found: TreeSnapshot, equals wanted: TreeSnapshot, _ what: String, except isExcepted: (String) -> Bool = { _ in false }
  ) throws {
    for path in Set(found.paths + wanted.paths).sorted() where found[path] != wanted[path] && !isExcepted(path) {
      throw Violation(
        description: "\(what), \(path): \(found[path].map { "\($0)" } ?? "none") instead of "
          + (wanted[path].map { "\($0)" } ?? "none"))
    }
  }

  /// What no lost record can have changed is as without the damage.
  private func compare(_ shown: TreeSnapshot, _ lost: [StreamedRecord], _ what: String) throws {
    let taint = Taint(records, lost: lost.map(\.logged))
    let aspects: TreeSnapshot.Aspects = [.directoryTimes, .linkCounts]
    try Self.expect(shown.ignoring(aspects), equals: whole.ignoring(aspects), what, except: taint.covers)
  }
}

extension CrashMoment {
  /// The disks of a mount as they are now.
  init(after mount: SimulatedMount, _ moment: CrashMoment) {
    self.init(
      death: .now, event: 0, promises: 0, journal: mount.journalDisk.copy(), backing: mount.backing.fork(), time: moment.time,
      seed: moment.seed)
  }
}

/// The paths that lost records, and later ones that build on these, can have to do with.
struct Taint {
  private var inodes: Set<InodeNumber> = []
  private var names: Set<Location> = []
  private var paths: Set<String> = []

  init(_ records: [StreamedRecord], lost: [LoggedRecord]) {
    let isLost = Set(lost.map(\.lsn))
    // Where a file was before counts too: the backing directory may have it there.
    for _ in 0..<2 {
      var book = NameBook()
      for logged in records.map(\.logged) {
        take(logged, isLost.contains(logged.lsn))
        note(book)
        book.take(logged.record)
        note(book)
      }
    }
  }

  private mutating func take(_ logged: LoggedRecord, _ isLost: Bool) {
    switch logged.original.record {
    case .namespace(let change, _, _):
      let (objects, locations) = (change.objects, change.places)
      let isTainted =
        !names.isDisjoint(with: locations) || !inodes.isDisjoint(with: objects + locations.map(\.parent))
      guard isLost || isTainted else { return }
      inodes.formUnion(objects)
      names.formUnion(locations)
    case .content(let change, _, _, _): if isLost { inodes.insert(change.inode) }
    case .binding(let binding): take([binding], isLost)
    case .checkpointTable(let rows): take(rows, isLost)
    case .outcome(let outcome): take(outcome.bindings, false)
    case .discard(let discard):
      let objects = discard.names.compactMap(\.inode) + discard.contents.map(\.inode)
      let locations = discard.names.map(\.location)
      guard isLost || !names.isDisjoint(with: locations) || !inodes.isDisjoint(with: objects + locations.map(\.parent)) else {
        return
      }
      inodes.formUnion(objects)
      names.formUnion(locations)
    case .intent, .checkpointBegin, .checkpointEnd, .copy, .deadLetter, .deadLetterRetry: break
    }
  }

  private mutating func take(_ bindings: [Binding], _ isLost: Bool) {
    for binding in bindings where isLost || binding.locations.contains(where: { inodes.contains($0.parent) }) {
      inodes.insert(binding.inode)
    }
  }

  private mutating func note(_ book: NameBook) {
    for inode in inodes where inode != .root {
      for location in book.locations(of: inode) { add(book.path(of: location)) }
    }
    for location in names { add(book.path(of: location)) }
  }

  private mutating func add(_ path: [EntryName]?) {
    if let path { paths.insert(path.map { TreeSnapshot.text(of: $0) }.joined(separator: "/")) }
  }

  func covers(_ path: String) -> Bool {
    if path == "." { return inodes.contains(.root) }
    if path.contains(".ebbfs-recovered-") || !inodes.isEmpty && path.contains(".ebbfs-0001") { return true }
    return paths.contains { path == $0 || path.hasPrefix($0 + "/") }
  }
}

extension NamespaceChange {
  fileprivate var objects: [InodeNumber] {
    switch self {
    case .create(let new, _): [new.number]
    case .link(let inode, _), .remove(let inode, _): [inode]
    case .rename(let inode, _, _, let replaced): [inode] + (replaced.map { [$0] } ?? [])
    case .exchange(let inode, _, let other, _): [inode, other]
    }
  }

  fileprivate var places: [Location] {
    switch self {
    case .create(_, let location): location.map { [$0] } ?? []
    case .link(_, let location), .remove(_, let location): [location]
    case .rename(_, let source, let target, _): [source, target]
    case .exchange(_, let location, _, let other): [location, other]
    }
  }
}
