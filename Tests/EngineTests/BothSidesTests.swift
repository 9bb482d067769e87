import Engine
import FilesystemModel
import StorageInterface
import Support
import Testing

/// What somebody else has done to the backing directory just as it was done on the mount.
@Suite struct BothSidesTests {
  private func modified(_ inode: InodeNumber, _ mount: EngineOnDisks) throws -> Timestamp? {
    guard case .attributes(_, let attributes) = try mount.ask(.getAttributes(inode)) else { return nil }
    return attributes.modified
  }

  @Test func aDirectoryMadeOnBothSidesHasTheTimesOfItsEntries() throws {
    let mount = try EngineOnDisks { $0.conflicts = .theirs }
    mount.backing.order(BackingFault(.inputOutput) { $0.path.text == "d/inside" })
    let directory = try mount.create("d", .directory)
    _ = try mount.create("inside", in: directory)
    try mount.backing.bystander.make("d", kind: .directory, device: 0, target: [])
    mount.settle(milliseconds: 1000)
    #expect(mount.engine.status().conflicts.map(\.resolution) == [.theirs])
    let shown = try modified(directory, mount)
    mount.backing.withdrawFaults()
    mount.settle(milliseconds: 30_000)
    #expect(mount.engine.status().pendingOperations == 0 && mount.backing.snapshot()["d/inside"] != nil)
    #expect(try modified(directory, mount) == shown)
    #expect(mount.backing.snapshot()["d"]?.modified == shown)
  }
}
