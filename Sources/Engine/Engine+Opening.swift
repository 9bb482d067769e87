import FilesystemModel
import Flushing
import Policies
import StorageInterface
import WriteAheadLog
import WritebackCache

/// Why a mount cannot begin. The description is one line for the operator: what is wrong, and what to do.
package enum EngineError: Error, CustomStringConvertible {
  case journal(JournalError)

  package var description: String {
    switch self {
    case .journal(let error): error.description
    }
  }
}

extension Engine {
  /// Opens the journal, recovers what it holds and answers an engine that serves at once. The backing directory is not asked, and
  /// what it can do not waited for before the journal is read.
  ///
  /// `observe` is told of this and of all that comes.
  ///
  /// Idempotent: it may be cut short anywhere and done again. Plans in doubt are redone by jobs before anything else touches
  /// their names.
  package static func open(
    configuration: EngineConfiguration, journalStorage: any JournalStorage, backing: any BackingStorage, runner: any JobRunner,
    clock: any Clock, observe: @escaping EngineObserver = { _ in }
  ) throws(EngineError) -> Engine {
    do {
      let settings = configuration.journal(of: backing.place)
      var scan = try Journal.scan(journalStorage, settings)
      var losses: [RecoveryLoss] = []
      if !scan.losses.isEmpty || !scan.damaged.isEmpty {
        losses = try JournalRepair.run(scan, settings, journalStorage, runner, clock)
        scan = try Journal.scan(journalStorage, settings)
      }
      var recovery = Recovery(
        table: scan.checkpoint?.table ?? [], nextInode: scan.checkpoint?.nextInode ?? .root, rules: configuration.rules,
        recordsMax: scan.gatheredRecords, creationsMax: scan.gatheredCreations)
      try scan.takeRecords { recovery.read($0) }
      recovery.finishReading()
      let journal = try Journal(
        starting: scan, storage: journalStorage, configuration: settings, runner: runner, clock: clock)
      // Intents may be among what was lost: what may be in doubt is not cancelled or folded (R3).
      var rules = configuration.rules
      if recovery.isDoubtful { rules.rewrites = false }
      var state = makeState(journal, backing, clock, configuration, rules)
      recovery.rollForward(temporaryNamePrefix: state.temporaryNamePrefix)
      state.copiedBelow = scan.lowWater
      state.around.streamBytesMin = configuration.sequentialBypassBytes
      state.queue.hasIdleTimes = configuration.revalidateMilliseconds == nil
      state.recover(recovery)
      state.reserveAll(recovery)
      // How long they waited before is not known, and lives shorter than the deadline would never write anything back (P6).
      state.queue.pressAll(through: journal.lastLSN)
      state.doubtfulThrough = recovery.doubtfulThrough
      let damaged = try journalStorage.damagedSegments()
      let engine = Engine(
        state: state, journal: journal, backing: backing, runner: runner, clock: clock, configuration: configuration,
        salvage: SalvageReport(losses: losses, damagedSegments: damaged, isDoubtful: recovery.isDoubtful), observe: observe)
      engine.beginWatching()
      engine.redoOpenPlans(recovery)
      let status = engine.status()
      observe(
        .opened(
          pending: status.pendingOperations, plansInDoubt: recovery.openPlans.count, deadLetters: status.deadLetters,
          tornTail: scan.tornTail))
      return engine
    } catch {
      throw .journal(error)
    }
  }

  private static func makeState(
    _ journal: Journal, _ backing: any BackingStorage, _ clock: any Clock, _ configuration: EngineConfiguration,
    _ rules: ProtocolRules
  ) -> EngineState {
    let prefix = EngineState.temporaryNamePrefix(journalUUID: journal.journalUUID)
    let settings = WritebackSettings(
      delayMilliseconds: configuration.writebackDelayMilliseconds,
      deadlineMilliseconds: configuration.writebackDeadlineMilliseconds, batchOperations: configuration.batchOperations,
      batchBytes: configuration.batchBytes, retry: configuration.retry)
    let queue = WritebackQueue(rules: rules, settings: settings, seed: journal.epoch) {
      EntryName(unchecked: prefix + Array(String($0.rawValue).utf8))
    }
    return EngineState(
      cache: DirtyContents(memoryBytes: configuration.memoryBytes, rules: configuration.rules), queue: queue, journal: journal,
      clock: clock, abilities: backing.abilities, configuration: configuration, generation: journal.epoch,
      policies: PolicySources(base: configuration.policy, rules: configuration.policyRules),
      fullBatch: FullBatch(operationsMax: configuration.fullBatchOperations, bytesMax: configuration.fullBatchBytes),
      temporaryNamePrefix: prefix)
  }
}
