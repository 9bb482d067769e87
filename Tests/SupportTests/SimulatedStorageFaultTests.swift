import FilesystemModel
import StorageInterface
import Support
import Testing

@Suite struct SimulatedStorageFaultTests {
  @Test func callFailsOnceOrForEver() throws {
    let storage = makeStorage()
    storage.failCall(1, with: .noSpace)
    try storage.makeDirectory("a")
    #expect(throws: Errno.noSpace) { try storage.makeDirectory("b") }
    try storage.makeDirectory("b")
    storage.failCall(storage.nextCallIndex, with: .notConnected, forEver: true)
    #expect(throws: Errno.notConnected) { try storage.makeDirectory("c") }
    #expect(throws: Errno.notConnected) { try storage.status("a") }
    storage.revive()
    #expect(storage.paths() == [".", "a", "b"])
    #expect(try storage.status("a").attributes.kind == .directory)
  }

  @Test func callFailsByNameAndPathAsOftenAsOrdered() throws {
    let storage = makeStorage()
    storage.order(BackingFault(.quotaExceeded, times: 2) { $0.name == .write && $0.path == "b" })
    try storage.put("a", "1")
    let file = try storage.createFile("b")
    #expect(throws: Errno.quotaExceeded) { try file.write([1], at: 0) }
    #expect(throws: Errno.quotaExceeded) { try file.write([1], at: 0) }
    try file.write([1], at: 0)
  }

  @Test func failedCallMayHaveTakenEffect() throws {
    let storage = makeStorage()
    storage.failCall(0, with: .inputOutput, effect: .happens)
    #expect(throws: Errno.inputOutput) { try storage.makeDirectory("a") }
    #expect(storage.paths() == [".", "a"])
  }

  @Test func failedSynchronizationLosesTheBytesAndTheNextOneSucceeds() throws {
    let storage = makeStorage()
    let file = try storage.createFile("a")
    try file.write(Array("old".utf8), at: 0)
    try file.synchronize()
    try storage.synchronizeDirectory(.root)
    try file.write(Array("new".utf8), at: 0)
    storage.failNextSynchronization(of: "a")
    #expect(throws: Errno.inputOutput) { try file.synchronize() }
    try file.synchronize()
    #expect(try file.read(at: 0, count: 3) == Array("new".utf8))
    storage.crash(.powerCut(keep: .all))
    #expect(try storage.text("a") == "old")
  }

  @Test func bytesWrittenAgainAfterAFailedSynchronizationAreDurable() throws {
    let storage = makeStorage()
    let file = try storage.createFile("a")
    try storage.synchronizeDirectory(.root)
    try file.write(Array("new".utf8), at: 0)
    storage.failNextSynchronization()
    #expect(throws: Errno.inputOutput) { try storage.synchronizeFilesystem() }
    #expect(throws: Errno.inputOutput) { try file.synchronize() }
    try file.write(Array("new".utf8), at: 0)
    try file.synchronize()
    storage.crash(.powerCut(keep: .nothing))
    #expect(try storage.text("a") == "new")
  }

  @Test func deadStorageChangesNothingUntilItIsRevived() throws {
    let storage = makeStorage()
    try storage.makeDirectory("a")
    storage.die(atCall: storage.nextCallIndex + 1)
    try storage.makeDirectory("b")
    #expect(throws: Errno.inputOutput) { try storage.makeDirectory("c") }
    #expect(throws: Errno.inputOutput) { try storage.synchronizeFilesystem() }
    #expect(storage.paths() == [".", "a", "b"])
    storage.revive()
    try storage.makeDirectory("c")
  }

  @Test func callsAreCountedAndLoggedButNotTheBystanders() throws {
    let storage = makeStorage()
    storage.keepLog()
    try storage.put("a", "1")
    try storage.rename("a", to: "b", replacing: true)
    storage.failCall(storage.nextCallIndex, with: .inputOutput, forEver: true)
    try storage.bystander.put("c", "2")
    #expect(storage.callCount() == 3 && storage.callCount(.createFile, .write) == 2)
    #expect(storage.log.map(\.description) == ["createFile a", "write a", "rename a -> b"])
    storage.clearCounts()
    #expect(storage.callCount() == 0 && storage.log.isEmpty)
    #expect(storage.paths() == [".", "b", "c"])
  }
}
