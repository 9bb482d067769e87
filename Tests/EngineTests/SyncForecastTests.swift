import FilesystemModel
import Support
import Testing

@testable import Engine

/// The journal's sync begins before it is asked for, where that can be told.
@Suite struct SyncForecastTests {
  /// Whether a sync was foretold after the last change before each, and never after another.
  private func foretold(_ counts: [Int], _ forecast: inout SyncForecast, by thread: UInt32 = 7) -> [Bool] {
    counts.map { count in
      let told = (0..<count).map { _ in forecast.noteChange(by: thread) }
      forecast.noteSync(by: thread)
      #expect(!told.dropLast().contains(true))
      return told.last ?? false
    }
  }

  @Test func aLogThatIsSyncedAfterEachWriteIsForetold() {
    var forecast = SyncForecast()
    #expect(foretold([1, 1, 1, 1, 1], &forecast) == [false, false, false, true, true])
    #expect(foretold([1], &forecast, by: 8) == [false], "another thread")
  }

  /// As of a database with a rollback journal: the journal, its header, the database.
  @Test func aTransactionMayHaveSeveralSyncs() {
    var forecast = SyncForecast()
    #expect(foretold([6, 1, 3, 6, 1, 3], &forecast).contains(true) == false)
    #expect(foretold([6, 1, 3, 6], &forecast) == [false, true, true, true], "the first one of all counted for nothing")
  }

  @Test func syncsWithoutChangesDoNotCount() {
    var forecast = SyncForecast()
    #expect(foretold([2, 0, 2, 0, 2, 0, 2], &forecast) == [false, false, false, false, false, false, true])
  }

  @Test func whoSyncsAtRandomIsNotForetold() {
    var forecast = SyncForecast()
    #expect(foretold([1, 2, 3, 4, 5, 6, 7, 8, 9], &forecast).contains(true) == false)
  }

  @Test func manyThreadsAreForgotten() {
    var forecast = SyncForecast()
    #expect(foretold([1, 1, 1, 1], &forecast).last == true)
    for thread in 100..<400 { forecast.noteSync(by: UInt32(thread)) }
    #expect(foretold([1], &forecast) == [false])
  }

  /// With `durability=os` nothing else would sync the journal.
  @Test func theSyncIsUnderWayBeforeItIsAskedFor() throws {
    let mount = try EngineOnDisks()
    let file = try mount.create("log")
    for round in 0..<4 {
      _ = mount.submit(.write(file, offset: round, bytes: [1]))
      let isEarly = round >= 3  // the file's creation was one more change before the first sync
      mount.runner.runAll(of: [.journal])
      let status = mount.engine.status()
      #expect((status.durableLSN == status.lastLSN) == isEarly)
      let sync = mount.submit(.synchronize(file, dataOnly: true))
      #expect((sync.answer != nil) == isEarly)
      mount.runner.runAll(of: [.journal])
      _ = try #require(sync.answer).get()
    }
  }
}
