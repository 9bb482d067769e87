import Engine
import FilesystemModel
import Support
import Testing

/// Shrunk lives of random walks that once broke a promise. Each is tried in several orders of jobs.
@Suite(.serialized) struct RegressionTests {
  private func hold(
    _ tree: InitialTree, durability: Durability = .system, seed: UInt64 = 1, _ events: [WalkEvent],
    _ location: SourceLocation = #_sourceLocation
  ) {
    for options in [MountOptions(durability: durability), .small(durability: durability)] {
      for seed in [seed] + Array(1...8) {
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
}
