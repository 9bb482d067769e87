import Engine
import FilesystemModel
import StorageInterface
import Support
import Testing

/// What changes meet while the journal is full because the backing directory is away.
@Suite struct FullJournalTests {
  private let bytes = [UInt8](repeating: 7, count: 16 << 10)

  private func mount(_ whenFull: WhenFull) throws -> (EngineOnDisks, InodeNumber) {
    let mount = try EngineOnDisks { $0.whenFull = whenFull }
    let reply = try mount.ask(
      .make(parent: .root, name: "f", MakeRequest(kind: .regular, permissions: 0o644)))
    guard case .entry(let entry) = reply else { throw EngineOnDisks.NoAnswer(operation: "make") }
    mount.backing.goAway()
    return (mount, entry.inode)
  }

  /// Writes until one is refused or waits; answers that and how many were acknowledged.
  private func fill(_ mount: EngineOnDisks, _ inode: InodeNumber) throws -> (EngineOnDisks.Pending, Int) {
    for place in 0..<200 {
      let pending = mount.submit(.write(inode, offset: place * bytes.count, bytes: bytes))
      mount.runner.runAll()
      // Before the journal is full changes are only slowed down.
      for _ in 0..<120 where pending.answer == nil { mount.pass(milliseconds: 50) }
      guard case .success = pending.answer else { return (pending, place) }
    }
    throw EngineOnDisks.NoAnswer(operation: "the journal is never full")
  }

  private func drain(_ mount: EngineOnDisks) {
    for _ in 0..<2000 where mount.engine.status().pendingOperations + mount.engine.status().parkedRequests > 0 {
      mount.runner.runAll()
      mount.pass(milliseconds: 50)
    }
  }

  @Test(arguments: [false, true]) func changesFailAndNothingAcknowledgedIsLost(isKilled: Bool) throws {
    let (mount, inode) = try mount(.fail)
    let (refused, count) = try fill(mount, inode)
    #expect(refused.answer == .failure(.noSpace))
    if isKilled { try mount.restart() }
    mount.backing.comeBack()
    drain(mount)
    let status = try mount.backing.status(BackingPath(["f"]))
    #expect(status.attributes.size == count * bytes.count)
    let again = isKilled ? try mount.ask(.lookup(parent: .root, name: "f")) : .done
    let number = if case .entry(let entry) = again { entry.inode } else { inode }
    #expect(try mount.ask(.write(number, offset: 0, bytes: bytes)) == .count(bytes.count), "there is room again")
  }

  @Test func changesWaitAndGoOnByThemselves() throws {
    let (mount, inode) = try mount(.wait)
    let (waiting, _) = try fill(mount, inode)
    mount.pass(milliseconds: 60_000)
    mount.runner.runAll()
    #expect(waiting.answer == nil)
    mount.backing.comeBack()
    drain(mount)
    #expect(waiting.answer == .success(.count(bytes.count)))
  }
}
