import FilesystemModel
import Support
import Testing

@testable import Engine

/// Open files without a name and the journal's room (PROTOCOL.md R21); SimulationTests has what is refused for ever.
@Suite struct CopyForwardTests {
  private func engine(_ change: (inout EngineConfiguration) -> Void = { _ in }) throws -> EngineOnDisks {
    try EngineOnDisks {
      $0.segmentBytes = 16 << 10
      $0.journalBytes = 128 << 10
      $0.memoryBytes = 32 << 10
      change(&$0)
    }
  }

  private func writeMuch(_ mount: EngineOnDisks, to file: InodeNumber) throws {
    for place in 0..<80 { try mount.write(file, String(repeating: "x", count: 4000), at: place % 3 * 4000) }
  }

  @Test func anUnnamedFileThatIsLinkedAfterTheJournalWrappedIsWhole() throws {
    let mount = try engine()
    let other = try mount.create("other")
    let file = try mount.entry(.makeTemporary(parent: .root, MakeRequest(kind: .regular, permissions: 0o600)))
    _ = try mount.ask(.setAttributes(file, AttributeRequest(size: 100_000)))
    _ = try mount.ask(.setAttributes(file, AttributeRequest(permissions: 0o640)))
    try mount.write(file, String(repeating: "t", count: 9000))
    try writeMuch(mount, to: other)
    #expect(try mount.read(file, count: 9000) == String(repeating: "t", count: 9000))
    #expect(try mount.entry(.link(file, at: Location(.root, "named"))) == file)
    try mount.restart()
    #expect(try mount.read(mount.lookup("named"), count: 9000) == String(repeating: "t", count: 9000))
    #expect(try mount.size(mount.lookup("named")) == 100_000)
    mount.settle(milliseconds: 3000)
    let written = mount.backing.snapshot()["named"]
    #expect(written?.contents.size == 100_000 && written?.permissions == 0o640)
  }

  @Test func aJournalFullOfNamelessFilesRefusesWritesInsteadOfWaitingForEver() throws {
    let mount = try engine()
    let file = try mount.entry(.makeTemporary(parent: .root, MakeRequest(kind: .regular, permissions: 0o600)))
    var written = 0
    #expect(throws: Errno.noSpace) {
      for place in 0..<60 {
        _ = try mount.ask(.write(file, offset: place * 4000, bytes: [UInt8](repeating: 7, count: 4000)), milliseconds: 60_000)
        written += 1
      }
    }
    #expect(written >= 10)
    for place in 0..<written { #expect(try mount.read(file, offset: place * 4000, count: 4000).utf8.allSatisfy { $0 == 7 }) }
    mount.engine.forget(file, count: 1)
    mount.settle()
    let other = try mount.create("other")
    try writeMuch(mount, to: other)
  }

  /// It will be written back in its time: a copy would only make the journal fuller.
  @Test(arguments: [false, true]) func whatRestsIsNotCopied(copiesForwardWhatRests: Bool) throws {
    let mount = try EngineOnDisks {
      $0.writebackDelayMilliseconds = 3_600_000
      $0.writebackDeadlineMilliseconds = 3_600_000
      $0.copyForwardUsedPercent = 20
      $0.copiesForwardWhatRests = copiesForwardWhatRests
    }
    try mount.write(try mount.create("old"), "resting")
    let other = try mount.create("other")
    for round in 0..<8 { try mount.write(other, String(repeating: "x", count: 40_000), at: round) }
    mount.settle(milliseconds: 5000)
    #expect((mount.engine.shared.withLock { $0.copyForward.bytesCopied } > 0) == copiesForwardWhatRests)
  }
}
