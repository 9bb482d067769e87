import FilesystemModel
import StorageInterface
import Support
import Testing

/// Call *i* fails, for each *i* until a run has no such call: of the backing directory's calls that change something, and of the
/// journal's.
@Suite(.serialized) struct FailingCallTests {
  /// Together they make every kind of call.
  static let scenarios: [(tree: InitialTree, operations: [WorkloadOperation])] = [
    (.small, [.create("c", permissions: 0o640), .write("c", offset: 0, count: 5000, fill: 1), .synchronize("c")]),
    (.small, [.write("a", offset: 100, count: 900, fill: 2), .truncate("a", size: 300), .rename("a", to: "d/b")]),
    (.small, [.makeDirectory("e", permissions: 0o755), .rename("d/b", to: "e/x"), .removeDirectory("d"), .makeFIFO("d")]),
    (.small, [.exchange("a", with: "d/b"), .unlink("a"), .create("a", permissions: 0o600)]),
    (.small, [.symlink("s", target: "a"), .rename("s", to: "d/s"), .unlink("d/s"), .link("a", to: "s")]),
    (.linked, [.unlink("a"), .write("h", offset: 0, count: 600, fill: 3), .link("h", to: "d/c"), .rename("d/c", to: "b")]),
    (
      .furnished,
      [
        .setExtendedAttribute("b", name: "user.x", [9], .set), .changePermissions("d", 0o700),
        .changeOwner("a", 5, group: 6), .allocate("d/a", .zeroRange, offset: 0, count: 3000),
      ]
    ),
    (.furnished, [.rename("d", to: "c"), .rename("e", to: "c/e2"), .makeDirectory("d", permissions: 0o711), .unlink("s")]),
  ]

  private static let failures: [(errno: Errno, happens: Bool)] = [
    (.inputOutput, false), (.inputOutput, true), (.noSpace, false), (.stale, false), (.quotaExceeded, false),
    (.accessDenied, false),
  ]

  @Test(arguments: scenarios.indices) func oneCallOfTheBackingDirectoryFails(_ index: Int) throws {
    let (tree, operations) = Self.scenarios[index]
    var runs = 0
    for failure in Self.failures {
      for variant in [BackingVariant.usual, .separateSynchronizations] where operations.allSatisfy({ variant.allows($0) }) {
        var place = 0
        while place >= 0 {
          var trial = try CrashTrial(tree, .small(), seed: UInt64(place), backing: variant.options)
          let first = trial.mount.backing.nextCallIndex
          let fault = WalkEvent.failBacking(after: place, happens: failure.happens, failure.errno)
          let events = [fault] + operations.map { .perform($0) }
          try check("call \(place) fails with \(failure), \(variant)") { try trial.run(events) }
          runs += 1
          place = trial.mount.backing.nextCallIndex - first > place ? place + 1 : -1
        }
      }
    }
    print("failing calls, scenario \(index): \(runs) runs")
  }

  @Test(arguments: scenarios.indices) func oneSynchronizationFailsAndLosesWhatWasWritten(_ index: Int) throws {
    let (tree, operations) = Self.scenarios[index]
    for variant in [BackingVariant.usual, .separateSynchronizations] where operations.allSatisfy({ variant.allows($0) }) {
      for place in 0...operations.count {
        var events = operations.map { WalkEvent.perform($0) }
        events.insert(.failSynchronization, at: place)
        events.insert(.pass(milliseconds: 100), at: place)
        var trial = try CrashTrial(tree, .small(), seed: UInt64(place), backing: variant.options)
        try check("a sync after operation \(place) fails, \(variant)") { try trial.run(events) }
      }
    }
  }

  /// The journal's failure is final: nothing but what was answered before survives, and all of that does.
  @Test(arguments: scenarios.indices) func oneOperationOfTheJournalFails(_ index: Int) throws {
    let (tree, operations) = Self.scenarios[index]
    var runs = 0
    for kind in CrashEnumeration.kinds {
      var place = 0
      while place >= 0 {
        var trial = try CrashTrial(tree, .small(durability: .always), seed: UInt64(place))
        let first = trial.mount.journalDisk.operations.count
        let fault = WalkEvent.failJournal(after: place, kind)
        try check("operation \(place) of the journal fails, then \(kind)") {
          try trial.run([fault] + operations.map { .perform($0) } + [.drain])
        }
        runs += 1
        place = trial.mount.journalDisk.operations.count - first > place ? place + 1 : -1
      }
    }
    print("failing journal, scenario \(index): \(runs) runs")
  }

  private func check(_ what: String, _ body: () throws -> Void) throws {
    do { try body() } catch { throw Violation(description: "\(what): \(error)") }
  }
}
