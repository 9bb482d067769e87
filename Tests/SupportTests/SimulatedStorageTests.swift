import FilesystemModel
import StorageInterface
import Support
import Testing

/// A storage with a clock that never tells the same time twice.
func makeStorage(
  _ options: SimulatedBackingStorage.Options = SimulatedBackingStorage.Options()
) -> SimulatedBackingStorage {
  SimulatedBackingStorage(clock: SimulatedClock(nanosecondsPerReading: 1), options: options)
}

extension SimulatedBackingStorage {
  /// Makes a file with these bytes and synchronizes nothing.
  func put(_ path: BackingPath, _ text: String) throws { try createFile(path).write(Array(text.utf8), at: 0) }

  func makeDirectory(_ path: BackingPath) throws { try make(path, kind: .directory, device: 0, target: []) }

  func text(_ path: BackingPath) throws -> String {
    String(decoding: try open(path, writable: false).read(at: 0, count: 1000), as: UTF8.self)
  }

  func paths() -> [String] { snapshot().paths }
}

@Suite struct SimulatedStorageTests {
  @Test func fileKeepsItsBytesUntilItsLastNameAndDescriptorAreGone() throws {
    let storage = makeStorage()
    try storage.put("a", "hello")
    let file = try storage.open("a", writable: true)
    try storage.link("a", to: "b")
    #expect(try storage.status("a").identity == storage.status("b").identity)
    #expect(try storage.status("a").attributes.linkCount == 2)
    try storage.removeFile("a")
    try storage.removeFile("b")
    try file.write(Array("J".utf8), at: 0)
    #expect(try file.read(at: 0, count: 10) == Array("Jello".utf8))
    #expect(try file.status().attributes.linkCount == 0)
  }

  @Test func creationAndLinkingNeverReplace() throws {
    let storage = makeStorage()
    try storage.put("a", "1")
    #expect(throws: Errno.exists) { try storage.createFile("a") }
    #expect(throws: Errno.exists) { try storage.makeDirectory("a") }
    #expect(throws: Errno.exists) { try storage.link("a", to: "a") }
    #expect(throws: Errno.exists) { try storage.rename("a", to: "a", replacing: false) }
  }

  @Test func symbolicLinksAreNeverFollowed() throws {
    let storage = makeStorage()
    try storage.makeDirectory("d")
    try storage.put("d/a", "1")
    try storage.make("s", kind: .symlink, device: 0, target: Array("d".utf8))
    #expect(throws: Errno.tooManySymlinks) { try storage.status("s/a") }
    #expect(throws: Errno.tooManySymlinks) { try storage.open("s", writable: false) }
    #expect(throws: Errno.tooManySymlinks) { try storage.put("s/b", "1") }
    #expect(try storage.details("s").target == Array("d".utf8))
    #expect(try storage.status("s").attributes.kind == .symlink)
  }

  @Test func renameFollowsTheManualPage() throws {
    let storage = makeStorage()
    for path in ["d", "e", "d/f"] as [BackingPath] { try storage.makeDirectory(path) }
    try storage.put("a", "a")
    try storage.put("b", "b")
    #expect(throws: Errno.isDirectory) { try storage.rename("a", to: "d", replacing: true) }
    #expect(throws: Errno.notDirectory) { try storage.rename("d", to: "a", replacing: true) }
    #expect(throws: Errno.notEmpty) { try storage.rename("e", to: "d", replacing: true) }
    #expect(throws: Errno.invalidArgument) { try storage.rename("d", to: "d/f/x", replacing: true) }
    #expect(throws: Errno.notEmpty) { try storage.rename("d/f", to: "d", replacing: true) }
    #expect(throws: Errno.noEntry) { try storage.rename("x", to: "y", replacing: true) }
    try storage.rename("d", to: "e", replacing: true)
    try storage.rename("a", to: "b", replacing: true)
    #expect(storage.paths() == [".", "b", "e", "e/f"])
    #expect(try storage.text("b") == "a")
    try storage.link("b", to: "c")
    try storage.rename("b", to: "c", replacing: true)
    #expect(storage.paths() == [".", "b", "c", "e", "e/f"])
  }

  @Test func directoriesCountTheirSubdirectoriesAndTakeTheTimeOfTheirEntries() throws {
    let clock = SimulatedClock()
    let storage = SimulatedBackingStorage(clock: clock)
    try storage.makeDirectory("d")
    clock.advance(milliseconds: 1000)
    try storage.makeDirectory("d/e")
    #expect(try storage.status("d").attributes.linkCount == 3)
    #expect(try storage.status("d").attributes.modified == clock.now())
    clock.advance(milliseconds: 1000)
    try storage.removeDirectory("d/e")
    #expect(try storage.status("d").attributes.linkCount == 2)
    #expect(try storage.status("d").attributes.modified == clock.now())
    #expect(throws: Errno.notEmpty) {
      try storage.put("d/a", "")
      try storage.removeDirectory("d")
    }
  }

  @Test func chownClearsSetIDBitsAndWritingClearsCapabilities() throws {
    let storage = makeStorage()
    try storage.put("a", "1")
    let capability = Array("security.capability".utf8)
    try storage.setExtendedAttribute("a", ExtendedAttributeChange(name: capability, value: [1]))
    try storage.setAttributes("a", kind: .regular, AttributeChange(permissions: 0o6755))
    #expect(try storage.details("a").extendedAttributes.count == 1)
    try storage.open("a", writable: true).write([1], at: 0)
    #expect(try storage.details("a").extendedAttributes.isEmpty)
    try storage.setAttributes("a", kind: .regular, AttributeChange(owner: 5))
    #expect(try storage.status("a").attributes.permissions == 0o755)
    try storage.setAttributes("a", kind: .regular, AttributeChange(permissions: 0o4755, owner: 6))
    #expect(try storage.status("a").attributes.permissions == 0o4755)
  }

  @Test func sparseFilesHaveHoles() throws {
    let storage = makeStorage()
    let file = try storage.createFile("a")
    try file.write([1], at: 10_000)
    try file.resize(20_000)
    #expect(try file.seek(from: 0, .data) == 9728)
    #expect(try file.seek(from: 10_000, .hole) == 10_240)
    #expect(try file.seek(from: 10_240, .data) == nil)
    #expect(try file.status().attributes.size == 20_000)
    try file.zero(0..<20_000)
    #expect(try file.seek(from: 0, .data) == nil)
    #expect(try file.status().attributes.size == 20_000)
  }

  @Test func whatTheBackingDirectoryCannotDoIsRefused() throws {
    let abilities = BackingAbilities(
      nameBytesMax: 8, fileBytesMax: 1000, linksMax: 2, supportsSymlinks: false, supportsExtendedAttributes: false,
      isPrivileged: false)
    let storage = makeStorage(SimulatedBackingStorage.Options(abilities: abilities, capacityBytes: 1024))
    let file = try storage.createFile("a")
    #expect(throws: Errno.nameTooLong) { try storage.createFile("123456789") }
    #expect(throws: Errno.fileTooLarge) { try file.write([1], at: 1000) }
    #expect(throws: Errno.notPermitted) { try storage.make("s", kind: .symlink, device: 0, target: [1]) }
    #expect(throws: Errno.notPermitted) { try storage.make("n", kind: .blockDevice, device: 1, target: []) }
    #expect(throws: Errno.notPermitted) { try storage.setAttributes("a", kind: .regular, AttributeChange(owner: 0)) }
    #expect(throws: Errno.notSupported) {
      try storage.setExtendedAttribute("a", ExtendedAttributeChange(name: Array("user.x".utf8), value: []))
    }
    try storage.link("a", to: "b")
    #expect(throws: Errno.tooManyLinks) { try storage.link("a", to: "c") }
    try file.write([UInt8](repeating: 1, count: 1000), at: 0)
    #expect(throws: Errno.noSpace) { try storage.put("d", "1") }
  }

  @Test func inodeNumbersAreReusedOnlyWhenTheyAreFreeOnDiskToo() throws {
    let storage = makeStorage()
    try storage.put("a", "1")
    let first = try storage.status("a").identity.inode
    try storage.synchronizeDirectory(.root)
    try storage.removeFile("a")
    try storage.put("b", "1")
    #expect(try storage.status("b").identity.inode != first)
    try storage.synchronizeDirectory(.root)
    try storage.put("c", "1")
    #expect(try storage.status("c").identity.inode == first)
  }
}
