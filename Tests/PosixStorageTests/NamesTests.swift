import CLinux
import FilesystemModel
import StorageInterface
import Testing

@testable import PosixStorage

@Suite struct NamesTests {
  let directory = TestDirectory()

  /// What was moved or removed is not taken for what has its name since.
  @Test(arguments: featureSets) func aPathLeadsToWhatHasItsNameNow(_ features: KernelFeatures) throws {
    let storage = try directory.storage(features)
    func makeDirectory(_ path: BackingPath) throws { try storage.make(path, kind: .directory, device: 0, target: []) }
    for path in [at("a"), at("a", "b")] { try makeDirectory(path) }
    try storage.put("1", at: at("a", "b", "one"))
    try storage.rename(at("a", "b"), to: at("a", "c"), replacing: false)
    try makeDirectory(at("a", "b"))
    try storage.put("2", at: at("a", "b", "two"))
    #expect(try storage.list(at("a", "b")).map(\.name) == ["two"])
    try storage.removeFile(at("a", "b", "two"))
    try storage.removeDirectory(at("a", "b"))
    #expect(throws: Errno.noEntry) { try storage.createFile(at("a", "b", "none")) }
    try storage.rename(at("a"), to: at("z"), replacing: false)
    for path in [at("a"), at("a", "c")] { try makeDirectory(path) }
    try storage.put("3", at: at("a", "c", "three"))
    try storage.synchronizeDirectory(at("a", "c"))
    #expect(try storage.list(at("a", "c")).map(\.name) == ["three"] && storage.list(at("z", "c")).map(\.name) == ["one"])
    try storage.rename(at("z", "c"), to: at("a", "d"), replacing: false)
    try storage.put("4", at: at("a", "d", "four"))
    #expect(try storage.list(at("a", "d")).count == 2)
  }

  @Test(arguments: featureSets) func everyKindOfFileIsMadeAndListed(_ features: KernelFeatures) throws {
    let storage = try directory.storage(features)
    let device: UInt64 = 1 << 8 | 3  // the numbers of /dev/null
    for kind in FileKind.allCases where kind != .regular {
      let isDevice = kind == .characterDevice || kind == .blockDevice
      try storage.make(
        at(EntryName(unchecked: Array("\(kind)".utf8))), kind: kind, device: isDevice ? device : 0,
        target: Array("to/nowhere".utf8))
    }
    try storage.put("x", at: at("regular"))
    let listed = try storage.list(.root)
    #expect(Set(listed.map(\.kind)) == Set(FileKind.allCases))
    for entry in listed {
      let details = try storage.details(at(entry.name))
      #expect("\(details.status.attributes.kind)" == entry.name.description)
      #expect(details.status.attributes.kind == entry.kind)
      let isDevice = entry.kind == .characterDevice || entry.kind == .blockDevice
      #expect(details.status.attributes.device == (isDevice ? device : 0))
      #expect(details.target == (entry.kind == .symlink ? Array("to/nowhere".utf8) : []))
      #expect(details.status.attributes.born != nil)
      #expect(details.status.identity.isOnRootDevice)
    }
    let permissions = try storage.permissions(at("directory"))
    #expect(permissions == 0o700)
    #expect(try storage.permissions(at("regular")) == 0o600)
    for entry in listed {
      if entry.kind == .directory { try storage.removeDirectory(at(entry.name)) } else { try storage.removeFile(at(entry.name)) }
    }
    #expect(try storage.list(.root).isEmpty)
  }

  @Test func namesMayHaveAnyBytes() throws {
    let storage = try directory.storage()
    let longest = EntryName(unchecked: [UInt8](repeating: 0xff, count: 255))
    let names = [
      longest, "\n", " ", "*", "...", EntryName(unchecked: [0x80]), EntryName(unchecked: Array(1...46) + Array(48...255)),
    ]
    for name in names { try storage.put("x", at: at(name)) }
    #expect(try Set(storage.list(.root).map(\.name)) == Set(names))
    for name in names { #expect(try storage.text(at(name)) == "x") }
  }

  @Test func aLongListingIsComplete() throws {
    let storage = try directory.storage()
    let names = (0..<3000).map { EntryName(unchecked: Array("a file with a rather long name \($0)".utf8)) }
    for name in names { try storage.make(at(name), kind: .fifo, device: 0, target: []) }
    #expect(try storage.list(.root).map(\.name).sorted() == names.sorted())
  }

  @Test(arguments: featureSets) func noCallTakesANameThatIsTaken(_ features: KernelFeatures) throws {
    let storage = try directory.storage(features)
    try storage.put("old", at: at("a"))
    try storage.put("other", at: at("b"))
    #expect(throws: Errno.exists) { try storage.createFile(at("a")) }
    for kind in FileKind.allCases where kind != .regular {
      #expect(throws: Errno.exists) { try storage.make(at("a"), kind: kind, device: 0, target: [97]) }
    }
    #expect(throws: Errno.exists) { try storage.link(at("b"), to: at("a")) }
    #expect(throws: Errno.exists) { try storage.rename(at("b"), to: at("a"), replacing: false) }
    #expect(try storage.text(at("a")) == "old")
    try storage.rename(at("b"), to: at("a"), replacing: true)
    #expect(try storage.text(at("a")) == "other")
    #expect(throws: Errno.noEntry) { try storage.status(at("b")) }
    try storage.rename(at("a"), to: at("free"), replacing: false)
    #expect(try storage.list(.root).map(\.name) == ["free"])
    try storage.make(at("s"), kind: .symlink, device: 0, target: Array("nowhere".utf8))
    #expect(throws: Errno.exists) { try storage.rename(at("free"), to: at("s"), replacing: false) }
    try storage.makeDirectory(at("d"))
    #expect(throws: Errno.invalidArgument) { try storage.rename(at("d"), to: at("d", "e"), replacing: false) }
    #expect(throws: Errno.noEntry) { try storage.rename(at("no"), to: at("e"), replacing: false) }
    for name: EntryName in ["free", "s"] { try storage.removeFile(at(name)) }
    try storage.removeDirectory(at("d"))
  }

  @Test func theRootItselfCannotBeMadeRemovedOrRenamed() throws {
    let storage = try directory.storage()
    try storage.makeDirectory(at("d"))
    #expect(throws: Errno.exists) { try storage.makeDirectory(.root) }
    #expect(throws: Errno.exists) { try storage.createFile(.root) }
    #expect(throws: Errno.busy) { try storage.removeDirectory(.root) }
    #expect(throws: Errno.busy) { try storage.rename(.root, to: at("d"), replacing: true) }
    #expect(throws: Errno.busy) { try storage.rename(at("d"), to: .root, replacing: true) }
    #expect(try storage.status(.root).attributes.kind == .directory)
  }

  @Test func hardLinksAreOneFile() throws {
    let storage = try directory.storage()
    try storage.put("x", at: at("a"))
    try storage.makeDirectory(at("d"))
    try storage.link(at("a"), to: at("d", "b"))
    let first = try storage.status(at("a")).identity
    let second = try storage.status(at("d", "b")).identity
    #expect(first == second)
    #expect(first.linkCount == 2)
  }

  @Test func aLinkToASymbolicLinkIsTheLinkItself() throws {
    let storage = try directory.storage()
    try storage.put("x", at: at("a"))
    try storage.make(at("s"), kind: .symlink, device: 0, target: Array("a".utf8))
    try storage.link(at("s"), to: at("t"))
    #expect(try storage.status(at("t")).attributes.kind == .symlink)
    #expect(try storage.status(at("a")).identity.linkCount == 1)
  }

  @Test(arguments: featureSets) func pathsLongerThanPathMaxAreFollowed(_ features: KernelFeatures) throws {
    let storage = try directory.storage(features)
    let name = EntryName(unchecked: [UInt8](repeating: UInt8(ascii: "n"), count: 250))
    var path = BackingPath.root
    for _ in 0..<40 {
      path = path.appending(name)
      try storage.makeDirectory(path)
    }
    try storage.put("deep", at: path.appending("f"))
    #expect(try storage.text(path.appending("f")) == "deep")
    try storage.rename(path.appending("f"), to: at("f"), replacing: false)
    #expect(try storage.text(at("f")) == "deep")
    #expect(try storage.list(path).isEmpty)
    for count in stride(from: 40, to: 0, by: -1) {
      try storage.removeDirectory(BackingPath(Array(path.components.prefix(count))))
    }
  }

  @Test func aPathOfExactlyPathMaxIsFollowed() throws {
    let storage = try directory.storage()
    // 16 names of 254 bytes and their slashes are 4079 bytes; the last name fills up to 4094, 4095, 4096 and 4097.
    let name = EntryName(unchecked: [UInt8](repeating: UInt8(ascii: "n"), count: 254))
    var path = BackingPath.root
    for _ in 0..<16 {
      path = path.appending(name)
      try storage.makeDirectory(path)
    }
    for count in 14...17 {
      let file = path.appending(EntryName(unchecked: [UInt8](repeating: UInt8(ascii: "f"), count: count)))
      try storage.put("\(count)", at: file)
      #expect(try storage.text(file) == "\(count)")
    }
  }

  @Test func strictAnswersForWhatIsNotThere() throws {
    let storage = try directory.storage()
    try storage.put("x", at: at("f"))
    #expect(throws: Errno.noEntry) { try storage.list(at("no")) }
    #expect(throws: Errno.noEntry) { try storage.createFile(at("no", "f")) }
    #expect(throws: Errno.noEntry) { try storage.removeFile(at("no")) }
    #expect(throws: Errno.noEntry) { try storage.rename(at("no"), to: at("f"), replacing: true) }
    #expect(throws: Errno.notDirectory) { try storage.list(at("f")) }
    #expect(throws: Errno.notDirectory) { try storage.status(at("f", "x")) }
    #expect(throws: Errno.notDirectory) { try storage.removeDirectory(at("f")) }
    try storage.makeDirectory(at("d"))
    try storage.put("x", at: at("d", "f"))
    #expect(throws: Errno.isDirectory) { try storage.removeFile(at("d")) }
    #expect(throws: Errno.notEmpty) { try storage.removeDirectory(at("d")) }
    #expect(throws: Errno.invalidArgument) { try storage.rename(at("d"), to: at("d", "e"), replacing: false) }
    #expect(throws: Errno.isDirectory) { try storage.open(at("d"), writable: false) }
  }
}
