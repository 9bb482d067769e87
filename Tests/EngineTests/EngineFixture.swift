import Engine
import FilesystemModel
import StorageInterface
import Support
import Testing
import Threading

/// An engine on simulated disks. Its jobs run when the test says so.
final class EngineFixture {
  let clock = SimulatedClock()
  let journalDisk = SimulatedJournalStorage()
  let backing: SimulatedBackingStorage
  let runner = SimulatedJobRunner()
  let engine: Engine

  init(_ change: (inout EngineConfiguration) -> Void = { _ in }) throws {
    var configuration = EngineConfiguration()
    configuration.journalBytes = 1 << 20
    configuration.segmentBytes = 64 << 10
    configuration.memoryBytes = 4 << 20
    configuration.journalSeed = [UInt8](0..<16)
    change(&configuration)
    backing = SimulatedBackingStorage(clock: clock)
    engine = try Engine.open(
      configuration: configuration, journalStorage: journalDisk, backing: backing, runner: runner, clock: clock)
  }

  /// A request that is under way or answered.
  final class Asked: Sendable {
    fileprivate let stored = Lock<Result<Reply, Errno>?>(nil)
    fileprivate let numbered = Lock<UInt64>(0)
    var answer: Result<Reply, Errno>? { stored.withLock { $0 } }
    var number: UInt64 { numbered.withLock { $0 } }
    var errno: Errno? { if case .failure(let errno) = answer { errno } else { nil } }
    var inode: InodeNumber? { if case .success(.entry(let entry)) = answer { entry.inode } else { nil } }
  }

  /// Submits an operation and runs the loads that it needs, no other jobs.
  @discardableResult
  func ask(_ operation: Operation) -> Asked {
    let asked = Asked()
    let number = engine.submit(operation, from: Caller(owner: 0, group: 0)) { result in
      asked.stored.withLock { $0 = result }
    }
    asked.numbered.withLock { $0 = number }
    runner.runAll(of: [.load])
    return asked
  }

  func make(_ name: EntryName) -> Asked {
    ask(.make(parent: .root, name: name, MakeRequest(kind: .regular, permissions: 0o644)))
  }

  /// As the daemon's timer does.
  func pass(milliseconds: Int) {
    for _ in 0..<milliseconds / 50 {
      clock.advance(milliseconds: 50)
      engine.tick()
    }
  }
}
