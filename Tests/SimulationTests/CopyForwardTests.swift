import Engine
import FilesystemModel
import StorageInterface
import Support
import Testing

/// What cannot be written back does not keep the journal: what is needed of it is copied forward (PROTOCOL.md R21).
@Suite(.serialized) struct CopyForwardTests {
  /// A life on a journal of 128 KiB that copies forward after 100 ms.
  private func live(
    _ events: [WalkEvent], tree: InitialTree = .furnished, seeds: ClosedRange<UInt64> = 1...4,
    _ location: SourceLocation = #_sourceLocation
  ) {
    for seed in seeds {
      for interludes in [0, 30] {
        do {
          var options = MountOptions.tiny()
          options.interludePercent = interludes
          options.configuration.copyForwardDelayMilliseconds = 100
          var trial = try CrashTrial(tree, options, seed: seed)
          try trial.run(events)
        } catch {
          Issue.record("seed \(seed): \(error)", sourceLocation: location)
          return
        }
      }
    }
  }

  /// Writes as much as the journal holds twice over.
  private func flood(_ file: BackingPath, writes: Int = 70) -> [WalkEvent] {
    (0..<writes).flatMap { place in
      [
        WalkEvent.perform(.write(file, offset: 0, count: 4000, fill: UInt8(1 + place % 200))), .pass(milliseconds: 60), .jobs(8),
      ]
    }
  }

  private let death = WalkEvent.order(CrashPlan(death: .now, kind: .processDeath))
  private let cut = WalkEvent.order(CrashPlan(death: .now, kind: .powerCut(journal: .nothing, backing: .nothing)))

  @Test func aRefusedFileDoesNotStopTheOthers() {
    live(
      [.perform(.write("a", offset: 10, count: 3000, fill: 9)), .refuse("a"), .pass(milliseconds: 300), .jobs(20)] + flood("b")
        + [death] + flood("b") + [cut])
  }

  @Test func aRefusedFileMayBeWrittenWithoutEnd() {
    live([.refuse("a"), .perform(.truncate("a", size: 3))] + flood("a") + [death])
  }

  @Test func aRefusedCreationIsCopiedWithItsContents() {
    live(
      [
        .refuse("d/new"), .perform(.create("d/new", permissions: 0o640)),
        .perform(.write("d/new", offset: 0, count: 5000, fill: 3)),
        .perform(.rename("d/new", to: "c")), .perform(.rename("b", to: "d/new")), .pass(milliseconds: 300), .jobs(20),
      ] + flood("a") + [death] + flood("a"))
  }

  @Test func aRefusedExchangeIsCopiedWithItsStage() {
    for stage in ["a", "b"] {
      live(
        [
          .perform(.exchange("a", with: "b")), .jobs(3), .pass(milliseconds: 60), .jobs(3), .refuse(BackingPath(stage)),
          .pass(milliseconds: 300), .jobs(20),
        ] + flood("d/a") + [death] + flood("d/a") + [cut])
    }
  }

  @Test func theTimesOfADirectoryAreCopiedFromWhatElseIsDone() {
    live(
      [
        .refuse("d"), .perform(.create("d/x", permissions: 0o600)), .perform(.unlink("d/x")),
        .perform(.create("d/y", permissions: 0o600)),
      ]
        + flood("b") + [death] + flood("b") + [.perform(.unlink("d/y")), death])
  }

  @Test func anOpenFileWithoutANameStaysReadable() {
    live(
      [
        .hold("a"), .perform(.unlink("a")), .writeHeld(offset: 100, count: 9000, fill: 5),
        .writeHeld(offset: 3000, count: 100, fill: 6),
      ] + flood("b") + [.readHeld, .writeHeld(offset: 0, count: 50, fill: 7)] + flood("b") + [.readHeld, .releaseHeld, death])
  }

  @Test func anOpenFileWithoutANameMayBeWrittenWithoutEnd() {
    let writes = (0..<100).flatMap {
      [WalkEvent.writeHeld(offset: 0, count: 4000, fill: UInt8(1 + $0)), .pass(milliseconds: 60), .jobs(8)]
    }
    live([.hold("a"), .perform(.unlink("a"))] + writes + [.readHeld])
  }
}
