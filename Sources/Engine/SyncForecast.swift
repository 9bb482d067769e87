/// Which threads are about to ask for a sync: those that did so lately after the same numbers of changes in turn, as databases
/// and mail servers do. The journal's sync can begin while the answer to the last change, and then the request, are on their way.
///
/// A wrong forecast costs a sync that nobody waits for.
struct SyncForecast {
  private struct Habit {
    /// Changes since the last sync.
    var changes = 0
    /// Changes before each of the last syncs.
    var recent: [Int] = []
    /// Changes before the next sync; `nil` while there is no telling.
    var expected: Int?

    /// The last turn was like the one before: a transaction may have several syncs.
    mutating func learn() {
      recent.append(changes)
      if recent.count > 2 * SyncForecast.syncsInTurnMax { recent.removeFirst() }
      changes = 0
      let turn = (1...SyncForecast.syncsInTurnMax).first { length in
        recent.count >= 2 * length && recent.suffix(length).elementsEqual(recent.dropLast(length).suffix(length))
      }
      expected = turn.map { recent[recent.count - $0] }
    }
  }

  private static let syncsInTurnMax = 4
  private static let threadsMax = 256

  /// Threads that have asked for a sync. Those that have ended stay until there are too many.
  private var habits: [UInt32: Habit] = [:]

  /// Notes a change that the thread asked for.
  ///
  /// - Returns: whether it will ask for a sync next.
  mutating func noteChange(by thread: UInt32) -> Bool {
    guard let place = habits.index(forKey: thread) else { return false }
    habits.values[place].changes += 1
    return habits.values[place].changes == habits.values[place].expected
  }

  mutating func noteSync(by thread: UInt32) {
    guard let changes = habits[thread]?.changes else {
      if habits.count >= Self.threadsMax { habits = [:] }
      habits[thread] = Habit()
      return
    }
    // One more without a change between, of the directory perhaps, finds everything durable.
    if changes > 0 { habits[thread]?.learn() }
  }
}
