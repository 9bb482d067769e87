import Engine
import FilesystemModel
import Policies
import Support
import Testing

/// Shrunk lives of random walks that once broke a promise. Each is tried in several orders of jobs.
@Suite(.serialized) struct RegressionTests {
  private func hold(
    _ tree: InitialTree, durability: Durability = .system, seed: UInt64 = 1, interludePercent: Int = 0, attempts: UInt64 = 8,
    retriesMax: Int = 0, _ events: [WalkEvent], _ location: SourceLocation = #_sourceLocation
  ) {
    for var options in [MountOptions(durability: durability), .small(durability: durability)] {
      options.interludePercent = interludePercent
      options.configuration.retry.retriesMax = retriesMax
      for seed in [seed] + Array(1...attempts) {
        do {
          var trial = try CrashTrial(tree, options, seed: seed)
          try trial.run(events)
        } catch {
          Issue.record("seed \(seed): \(error)", sourceLocation: location)
          return
        }
      }
    }
  }

  private func crash(_ death: Death, _ kind: CrashKind, looksAtOnce: Bool = true) -> WalkEvent {
    .order(CrashPlan(death: death, kind: kind, looksAtOnce: looksAtOnce))
  }

  @Test func contentsOfARecoveredPlanDoNotWaitForATurnOfTheirOwn() {
    for after in 0..<12 {
      hold(
        .small,
        [
          crash(.journal(after: after, lastWriteBytes: 0), .processDeath), .perform(.rename("a", to: "d/b")),
          .pass(milliseconds: 90), .jobs(8),
        ])
    }
  }

  @Test func aRenameWhoseSyncFailsOftenCanBeReadInTheEnd() {
    hold(
      .furnished, durability: .batch(milliseconds: 100), seed: 3_378_108_947, retriesMax: 1,
      [
        .perform(.rename("b", to: "e/a")), .failSynchronization, .pass(milliseconds: 62), .jobs(3), .pass(milliseconds: 27),
        .failSynchronization, .jobs(1),
      ])
    for after in 0..<6 {
      hold(
        .small, durability: .always, retriesMax: 1,
        [
          .perform(.rename("a", to: "d/a")), .pass(milliseconds: 98),
          .failBacking(after: after, happens: false, .accessDenied), .jobs(8),
        ])
    }
  }

  /// Nor could be seen, at first, what had become of the rename: the whole life of a random walk.
  @Test func aRenameThatCannotBeLookedAtCanBeReadInTheEnd() { holds(RandomWalk(seed: 1_025_096_950)) }

  /// Looked at by the next mount, and taken back by a power cut: the whole life of a random walk.
  @Test func whatARefusedWriteHasLeftIsNotSomebodyElses() { holds(RandomWalk(seed: 1_840_122_909)) }

  /// Times that were set, not synced, and then refused, were taken back by a power cut: the whole life of a random walk.
  @Test func whatRefusedTimesHaveLeftIsNotSomebodyElses() { holds(RandomWalk(seed: 460_674_383)) }

  private func holds(_ walk: RandomWalk) {
    var counts = TrialCounts()
    #expect(walk.violation(walk.events, counts: &counts) == nil)
  }

  @Test func contentsInARecoveredPlanOutliveTheLastName() {
    hold(
      .small, durability: .always, seed: 39,
      [
        crash(.backing(after: 6), .processDeath), .perform(.truncate("d/b", size: 200)), .pass(milliseconds: 62),
        .perform(.unlink("d/b")), .jobs(3),
      ])
  }

  @Test func attributesOfAFIFOAreDurableBeforeItsRecordIsDone() {
    hold(
      .empty, durability: .always, seed: 102,
      [
        crash(.backing(after: 18), .powerCut(journal: .all, backing: .nothing), looksAtOnce: false),
        .perform(.makeFIFO("a")), .perform(.makeDirectory("d", permissions: 0o1777)), .drain,
      ])
  }

  @Test func aFurtherNameOfABoundFileIsJournaled() {
    hold(
      .linked, seed: 28,
      [
        crash(.backing(after: 15), .powerCut(journal: .all, backing: .nothing)),
        .perform(.allocate("d/a", .punchHole, offset: 300, count: 4096)),
        .perform(.makeDirectory("e", permissions: 0o700)), .perform(.rename("d/b", to: "b")), .drain,
      ])
  }

  @Test func aFileThatARecoveredPlanIsStillToMakeReadsAsItWasWritten() {
    for after in 0..<16 {
      hold(
        .small, seed: 155,
        [
          crash(.journal(after: after, lastWriteBytes: 0), .processDeath),
          .perform(.makeDirectory("e", permissions: 0o755)), .perform(.create("e/a", permissions: 0o644)),
          .perform(.write("e/a", offset: 4095, count: 1, fill: 29)), .pass(milliseconds: 91), .jobs(6),
        ])
    }
  }

  @Test func aFileWithoutNamesAfterRollingForwardHoldsNothingUp() {
    hold(
      .small, seed: 790,
      [
        crash(.backing(after: 13), .processDeath, looksAtOnce: false),
        .perform(.allocate("d/b", .extend, offset: 4095, count: 1)), .perform(.symlink("d/a", target: "nowhere")),
        .perform(.rename("a", to: "d/b")), .pass(milliseconds: 78), .jobs(2),
      ])
  }

  @Test func aLinkedFileIsKnownWhileOneOfItsNamesIsInDoubt() {
    for after in 4..<12 {
      hold(
        .linked, durability: .always, seed: 616,
        [
          crash(.journal(after: after, lastWriteBytes: 0), .powerCut(journal: .nothing, backing: .all)),
          .perform(.unlink("d/a")), .pass(milliseconds: 75), .jobs(9),
        ])
    }
  }

  @Test func aDirectorysLinkCountFollowsRecoveredRenames() {
    for after in 4..<14 {
      hold(
        .furnished, durability: .always, seed: 4701,
        [
          crash(.backing(after: after), .powerCut(journal: .all, backing: .all), looksAtOnce: false),
          .perform(.rename("d/e", to: "e")), .perform(.unlink("d/a")), .perform(.status("d")),
        ])
    }
  }

  @Test func aDefaultListSetLaterIsNotInherited() {
    let list: [UInt8] = [
      2, 0, 0, 0, 1, 0, 1, 0, 255, 255, 255, 255, 2, 0, 4, 0, 232, 3, 0, 0, 4, 0, 7, 0, 255, 255, 255, 255, 16, 0, 3, 0, 255,
      255, 255, 255, 32, 0, 5, 0, 255, 255, 255, 255,
    ]
    hold(
      .empty,
      [
        .perform(.makeDirectory("e", permissions: 0o1777)), .perform(.makeDirectory("e/d", permissions: 0o755)),
        .perform(.create("e/a", permissions: 0o644)),
        .perform(.setExtendedAttribute("e", name: "system.posix_acl_default", list, .set)),
      ])
  }

  @Test func whatIsInADirectoryIsNotDoneBeforeIt() {
    hold(
      .empty, durability: .always, seed: 7634,
      [
        .failSynchronization, .perform(.makeDirectory("d", permissions: 0o1777)),
        .perform(.create("d/a", permissions: 0o600)), .pass(milliseconds: 71), .jobs(7),
        .perform(.allocate("d/a", .extend, offset: 1000, count: 5000)),
      ])
  }

  @Test func aLinkWhileTheFileIsWrittenBackLeavesNothingPending() {
    hold(
      .small, seed: 202,
      [
        .perform(.allocate("d/b", .keepSize, offset: 4096, count: 4096)), .perform(.rename("d/b", to: "d/a")),
        .pass(milliseconds: 57), .perform(.link("d/a", to: "d/e")),
      ])
  }

  @Test func anExchangeChangesTheTimesOfItsDirectoriesOnly() {
    hold(.furnished, [.perform(.exchange("d/a", with: "d/e"))])
  }

  @Test func contentsAreKeptForNamesThatNobodyHasLookedUp() {
    hold(
      .linked, seed: 18,
      [
        .perform(.allocate("a", .punchHole, offset: 1, count: 1)), .perform(.changePermissions("a", 0o755)),
        .perform(.rename("b", to: "a")),
      ])
  }

  @Test func overdueTimesOfADirectoryDoNotBlockAFoldOverThem() {
    hold(
      .empty, seed: 614536,
      [
        .perform(.create("a", permissions: 0o644)), .perform(.makeDirectory("e", permissions: 0o700)),
        .pass(milliseconds: 98), .pass(milliseconds: 56), .perform(.rename("e", to: "d")), .pass(milliseconds: 27),
        .perform(.status("d")), .pass(milliseconds: 16), .perform(.unlink("a")), .perform(.rename("d", to: "a")),
      ])
  }

  @Test func aDirectoryThatTakesANameDoesNotWaitForItsTimes() {
    hold(
      .furnished, seed: 620305,
      [
        .perform(.rename("d/e/a", to: "a")), .perform(.rename("d/e", to: "e")), .perform(.rename("d", to: "e/a")),
      ])
  }

  @Test func attributesReadWhileAPlanIsRedoneAreReadAgain() {
    for after in 14..<24 {
      hold(
        .furnished, durability: .batch(milliseconds: 100), seed: 700863, interludePercent: 40, attempts: 10,
        [
          crash(.backing(after: after), .processDeath), .perform(.truncate("b", size: 0)), .pass(milliseconds: 97),
          .perform(.changeOwner("d/a", 1000, group: 0)), .drain,
        ])
    }
  }

  @Test func aReadOvertakenByARenameIsNotAnotherFiles() {
    for after in 8..<16 {
      hold(
        .small, durability: .batch(milliseconds: 100), seed: 701714, interludePercent: 40, attempts: 10,
        [
          crash(.backing(after: after), .powerCut(journal: .all, backing: .all)),
          .perform(.allocate("d/b", .punchHole, offset: 0, count: 4096)), .perform(.create("d/a", permissions: 0o600)),
          .perform(.write("d/a", offset: 4096, count: 600, fill: 72)), .perform(.truncate("a", size: 0)),
          .perform(.link("d/a", to: "b")), .perform(.rename("d/b", to: "d/a")), .pass(milliseconds: 79), .jobs(4),
        ])
    }
  }

  @Test func aLinkCountLoadedBeforeARedoIsNotBelieved() {
    for after in 6..<14 {
      hold(
        .furnished, seed: 614769, interludePercent: 10,
        [
          crash(.journal(after: after, lastWriteBytes: 0), .processDeath, looksAtOnce: false),
          .perform(.rename("d/e", to: "e")), .pass(milliseconds: 62), .jobs(3),
          .perform(.write("b", offset: 300, count: 4096, fill: 208)), .pass(milliseconds: 69),
          .perform(.exchange("b", with: "d")), .jobs(1), .perform(.write("a", offset: 300, count: 4096, fill: 155)),
        ])
    }
  }

  @Test func aLinkCountReadUnderAnotherNameIsNotOlderThanARemoval() {
    for seed: UInt64 in [764, 2264] {
      hold(.linked, durability: .batch(milliseconds: 100), seed: seed, interludePercent: 40, [.perform(.unlink("a"))])
    }
  }

  @Test func timesOfAnExchangedDirectoryAreWrittenBackAfterACrash() {
    for after in 16..<26 {
      hold(
        .small, durability: .batch(milliseconds: 100), seed: 2, attempts: 12,
        [
          crash(.journal(after: after, lastWriteBytes: 0), .processDeath), .perform(.rename("d/b", to: "a")),
          .pass(milliseconds: 80), .jobs(5), .perform(.create("d/b", permissions: 0o644)),
          .perform(.exchange("a", with: "d")), .pass(milliseconds: 93), .jobs(13),
        ])
    }
  }

  /// The rename and the removal are one action, so that the name is free and is given again before the exchange is done. Recovery
  /// must see them as one again, though the file has a hidden name in the middle of the exchange.
  @Test func aFileWithAHiddenNameOfAnExchangeCanLoseItsLastOne() {
    for after in 1..<24 {
      for death in [Death.backing(after: after), .journal(after: after, lastWriteBytes: 0)] {
        hold(
          .small, attempts: 2,
          [
            crash(death, .processDeath), .perform(.exchange("a", with: "d/b")), .perform(.rename("d/b", to: "c")),
            .perform(.unlink("c")), .perform(.create("c", permissions: 0o644)), .drain,
          ])
      }
    }
  }

  /// Attributes of a further name that were read before the plan removed the other one.
  @Test func theLinkCountOfAFurtherNameIsThatAfterARemoval() {
    for percent in [10, 40] {
      hold(
        .linked, durability: .batch(milliseconds: 100), seed: 3_245_539, interludePercent: percent, attempts: 20,
        [.perform(.unlink("a"))])
    }
  }
}
