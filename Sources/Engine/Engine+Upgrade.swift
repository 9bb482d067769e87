import StorageInterface
import WriteAheadLog

extension Engine {
  /// Brings a journal that nobody has mounted wholly to the newest version of the format: what is still needed is copied behind
  /// its end, by the rules of recovery, and the old segments are retired. The backing directory is not asked.
  ///
  /// Idempotent: it may be cut short anywhere and done again; a mount may come in between.
  ///
  /// - Returns: the oldest version that was there; `nil` when there was nothing to do.
  package static func upgradeJournal(
    _ journalStorage: any JournalStorage, configuration: EngineConfiguration, runner: any JobRunner, clock: any Clock
  ) throws(EngineError) -> UInt32? {
    do throws(JournalError) {
      let report = try JournalInspector.check(journalStorage, newest: configuration.formatVersion)
      if case .refused(let error) = report.verdict { throw error }
      guard let oldest = report.oldestFormat, oldest < configuration.formatVersion else { return nil }
      let settings = configuration.journal(of: report.backingDescription)
      let scan = try Journal.scan(journalStorage, settings)
      let losses = try JournalRepair.run(scan, settings, journalStorage, runner, clock)
      precondition(losses.isEmpty, "what is readable is not lost")
      return oldest
    } catch {
      throw .journal(error)
    }
  }
}

extension EngineConfiguration {
  /// What the journal of a backing directory is made with.
  func journal(of backingDescription: String) -> JournalConfiguration {
    var settings = JournalConfiguration(
      capacityBytes: journalBytes, segmentBytes: segmentBytes, backingDescription: backingDescription,
      newJournalUUID: journalSeed)
    settings.rules = rules
    settings.recovery = recovery
    settings.retention = retention
    settings.readingObserver = readingObserver
    settings.formatVersion = formatVersion
    return settings
  }
}
