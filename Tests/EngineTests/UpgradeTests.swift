import Engine
import FilesystemModel
import JournalFormat
import StorageInterface
import Support
import Testing
import WriteAheadLog

/// Journals of an older version of the format. Only version 1 exists yet: a later ebbfs is played by one that writes version 2,
/// of the same records, and reads 1.
@Suite struct UpgradeTests {
  /// A journal of version 1 with what is written back, what waits, and a rename in between.
  private func olderJournal() throws -> EngineOnDisks {
    let mount = try EngineOnDisks()
    let directory = try mount.create("d", .directory)
    let file = try mount.create("f", in: directory)
    try mount.write(file, "written back")
    mount.settle(milliseconds: 2000)
    mount.configuration.writebackDelayMilliseconds = 60_000
    mount.configuration.writebackDeadlineMilliseconds = 60_000
    try mount.restart()
    mount.settle(milliseconds: 2000)
    let kept = try mount.lookup("f", in: mount.lookup("d"))
    try mount.write(kept, "not written back")
    _ = try mount.ask(.rename(from: Location(.root, "d"), to: Location(.root, "e"), .replace))
    _ = try mount.create("g")
    mount.runner.discardAll()
    mount.journalDisk.restart()
    mount.configuration.formatVersion = FormatVersion.newest + 1
    return mount
  }

  /// Mounts copies of disks, writes everything back, and tells what the backing directory has then.
  private func settled(_ mount: EngineOnDisks, journal: SimulatedJournalStorage) throws -> TreeSnapshot {
    let (backing, runner) = (mount.backing.fork(), SimulatedJobRunner())
    backing.crash(.processDeath)
    var configuration = mount.configuration
    configuration.writebackDelayMilliseconds = 0
    let engine = try Engine.open(
      configuration: configuration, journalStorage: journal, backing: backing, runner: runner, clock: mount.clock)
    for _ in 0..<100 {
      mount.clock.advance(milliseconds: 50)
      engine.tick()
      runner.runAll()
    }
    #expect(engine.status().pendingOperations == 0 && engine.status().deadLetters == 0)
    return backing.snapshot()
  }

  private func upgrade(_ journal: SimulatedJournalStorage, _ mount: EngineOnDisks) throws -> UInt32? {
    try Engine.upgradeJournal(
      journal, configuration: mount.configuration, runner: SimulatedJobRunner(), clock: mount.clock)
  }

  private func oldestFormat(_ journal: SimulatedJournalStorage, _ mount: EngineOnDisks) throws -> UInt32? {
    try JournalInspector.check(journal, newest: mount.configuration.formatVersion).oldestFormat
  }

  @Test func anOlderJournalIsMountedAsItIsAndTheOlderEbbfsRefusesWhatBecameOfIt() throws {
    let mount = try olderJournal()
    let newest = mount.configuration.formatVersion
    #expect(try oldestFormat(mount.journalDisk, mount) == newest - 1)
    let journal = mount.journalDisk.copy()
    let tree = try settled(mount, journal: journal)
    #expect(tree.entries.keys.sorted() == [".", "e", "e/f", "g"], "\(tree.entries.keys.sorted())")
    let refusal = JournalError.newerVersion(found: newest, supported: newest - 1, neededRelease: nil)
    #expect(try JournalInspector.check(journal).verdict == .refused(refusal))
  }

  @Test func anUpgradeLeavesNothingOlderAndLosesNothingWhereverItIsCutShort() throws {
    let mount = try olderJournal()
    let wanted = try settled(mount, journal: mount.journalDisk.copy())
    var isWhole = false
    var cuts = 0
    while !isWhole {
      let journal = mount.journalDisk.copy()
      journal.die(atOperation: journal.operations.count + cuts)
      isWhole = (try? upgrade(journal, mount)) != nil
      journal.restart()
      if !isWhole { #expect(try settled(mount, journal: journal.copy()) == wanted, "mounted when cut at \(cuts)") }
      _ = try upgrade(journal, mount)
      #expect(try oldestFormat(journal, mount) == mount.configuration.formatVersion, "cut at \(cuts)")
      #expect(try upgrade(journal, mount) == nil, "nothing is left to do")
      #expect(try settled(mount, journal: journal) == wanted, "cut at \(cuts)")
      cuts += 1
    }
    #expect(cuts > 5)
  }

  @Test func aJournalOfThisVersionOrNoneIsLeftAlone() throws {
    let mount = try olderJournal()
    mount.configuration.formatVersion = FormatVersion.newest
    for journal in [mount.journalDisk, SimulatedJournalStorage()] {
      let before = journal.operations.count
      #expect(try upgrade(journal, mount) == nil)
      #expect(journal.operations.count == before)
    }
  }
}
