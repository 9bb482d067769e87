import Engine
import FilesystemModel
import Support
import Testing

/// What a mount does, and does not, before it answers.
@Suite struct RecoveryTests {
  @Test func pendingOperationsCostNoCallOfTheBackingDirectoryBeforeTheFirstAnswers() throws {
    let mount = try EngineOnDisks { configuration in
      configuration.journalBytes = 8 << 20
      configuration.writebackDelayMilliseconds = 3_600_000
      configuration.writebackDeadlineMilliseconds = 3_600_000
    }
    let directory = try mount.create("d", .directory)
    for number in 0..<300 {
      let file = try mount.create(EntryName(unchecked: Array("f\(number)".utf8)), in: directory)
      try mount.write(file, "contents \(number)")
    }
    let pending = mount.engine.status().pendingOperations
    #expect(pending >= 600)
    mount.backing.clearCounts()
    try mount.restart()
    #expect(mount.engine.status().pendingOperations == pending)
    let found = try answer(.lookup(parent: .root, name: "d"), mount)
    guard case .entry(let entry) = found else { throw EngineOnDisks.NoAnswer(operation: "lookup") }
    guard case .entry(let file) = try answer(.lookup(parent: entry.inode, name: "f137"), mount),
      case .bytes(let bytes) = try answer(.read(file.inode, offset: 0, count: 4096), mount)
    else { throw EngineOnDisks.NoAnswer(operation: "read") }
    #expect(bytes == Array("contents 137".utf8))
    #expect(mount.backing.callCount() == 0)
    // The counting is not what is broken: write-back has its calls to make.
    mount.settle()
    #expect(mount.backing.callCount() > 600 && mount.engine.status().pendingOperations == 0)
  }

  /// The answer to an operation that needs no job but those that read the journal.
  private func answer(_ operation: Operation, _ mount: EngineOnDisks) throws -> Reply {
    let pending = mount.submit(operation)
    mount.runner.runAll(of: [.journalRead])
    guard let answer = pending.answer else { throw EngineOnDisks.NoAnswer(operation: "\(operation)") }
    return try answer.get()
  }
}
