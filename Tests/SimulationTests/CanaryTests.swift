import FilesystemModel
import Support
import Testing

/// Planted mistakes: a rig that does not find them would not find others. Each is to be caught within a stated number of random
/// lives, several times what it took when this was written.
@Suite(.serialized) struct CanaryTests {
  private func catches(
    _ mistake: WritableKeyPath<ProtocolRules, Bool>, within lives: UInt64, withPolicies: Bool = false,
    _ location: SourceLocation = #_sourceLocation
  ) {
    var rules = ProtocolRules()
    rules[keyPath: mistake] = false
    var counts = TrialCounts()
    for seed in 1...lives {
      let walk = RandomWalk(seed: seed, rules: rules, withPolicies: withPolicies)
      guard let why = walk.violation(walk.events, counts: &counts) else { continue }
      return print("canary of line \(location.line): caught after \(seed) lives: \(why.prefix(200))")
    }
    Issue.record("not caught in \(lives) lives", sourceLocation: location)
  }

  @Test func anAnswerBeforeItsRecordIsCaught() { catches(\.answersWaitForRecords, within: 50) }
  @Test func aSkippedSyncOfTheJournalIsCaught() { catches(\.everyCommitSynchronizes, within: 500) }
  @Test func aNameInDoubtThatIsUsedAgainIsCaught() { catches(\.namesInDoubtAreTaken, within: 10_000) }
  @Test func anOutcomeBeforeTheSyncIsCaught() { catches(\.everyPlanSynchronizes, within: 1500) }
  @Test func aSkippedCompletionIsCaught() { catches(\.everyOutcomeIsComplete, within: 500) }
  @Test func aStaleRecordIsCaught() { catches(\.staleRecordsAreRefused, within: 10_000) }
  @Test func aWriteAroundBeforeWhatIsPendingIsCaught() { catches(\.writesAroundComeLast, within: 200, withPolicies: true) }
}
