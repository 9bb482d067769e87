import FilesystemModel
import StorageInterface
import Support
import Testing

private let root = Caller(owner: 0, group: 0)

@Suite struct ReferenceFilesystemTests {
  private var filesystem = ReferenceFilesystem(clock: SimulatedClock(nanosecondsPerReading: 1), keepsHistory: true)

  private mutating func entry(_ operation: Operation, from caller: Caller = root) throws -> Entry {
    let reply = try filesystem.apply(operation, from: caller).get()
    guard case .entry(let entry) = reply else { throw Errno.inputOutput }
    return entry
  }

  private mutating func make(
    _ name: EntryName, _ kind: FileKind = .regular, _ permissions: UInt16 = 0o644, in parent: InodeNumber = .root,
    from caller: Caller = root
  ) throws -> InodeNumber {
    try entry(.make(parent: parent, name: name, MakeRequest(kind: kind, permissions: permissions)), from: caller).inode
  }

  private mutating func attributes(_ inode: InodeNumber) throws -> Attributes {
    guard case .attributes(_, let attributes) = try filesystem.apply(.getAttributes(inode), from: root).get() else {
      throw Errno.inputOutput
    }
    return attributes
  }

  @Test mutating func unlinkedFileLivesUntilItIsForgotten() throws {
    let file = try make("a")
    _ = try entry(.lookup(parent: .root, name: "a"))
    #expect(filesystem.apply(.unlink(parent: .root, name: "a"), from: root) == .success(.done))
    #expect(filesystem.apply(.write(file, offset: 0, bytes: [1, 2]), from: root) == .success(.count(2)))
    #expect(try attributes(file).linkCount == 0)
    #expect(filesystem.apply(.link(file, at: Location(.root, "b")), from: root) == .failure(.noEntry))
    filesystem.forget(file, count: 1)
    #expect(filesystem.apply(.read(file, offset: 0, count: 9), from: root) == .success(.bytes([1, 2])))
    filesystem.forget(file, count: 1)
    #expect(filesystem.apply(.read(file, offset: 0, count: 9), from: root) == .failure(.stale))
  }

  @Test mutating func forgottenFileWithANameIsFoundByItsNumber() throws {
    let directory = try make("d", .directory)
    let file = try make("a", in: directory)
    filesystem.forget(file, count: 1)
    #expect(try entry(.lookupSelf(file)).inode == file)
    #expect(try entry(.lookupParent(directory)).inode == .root)
    _ = filesystem.apply(.unlink(parent: directory, name: "a"), from: root)
    #expect(filesystem.apply(.lookupSelf(file), from: root) == .failure(.stale))
  }

  @Test mutating func temporaryFileGetsItsNameByLink() throws {
    let file = try entry(.makeTemporary(parent: .root, MakeRequest(kind: .regular, permissions: 0o600))).inode
    #expect(filesystem.snapshot().paths == ["."])
    #expect(try entry(.link(file, at: Location(.root, "a"))).attributes.linkCount == 1)
    #expect(filesystem.snapshot().paths == [".", "a"])
  }

  @Test mutating func removedDirectoryTakesNoNewNames() throws {
    let directory = try make("d", .directory)
    _ = filesystem.apply(.removeDirectory(parent: .root, name: "d"), from: root)
    let request = MakeRequest(kind: .regular, permissions: 0o600)
    #expect(filesystem.apply(.make(parent: directory, name: "a", request), from: root) == .failure(.noEntry))
    #expect(filesystem.apply(.makeTemporary(parent: directory, request), from: root) == .failure(.noEntry))
    #expect(filesystem.apply(.lookupParent(directory), from: root) == .failure(.stale))
  }

  @Test mutating func listingGoesOnBehindACookieWhileEntriesComeAndGo() throws {
    for name in ["a", "b", "c", "d"] as [EntryName] { _ = try make(name) }
    func names(after cookie: UInt64, bytes: Int) throws -> [(name: String, cookie: UInt64)] {
      let request = DirectoryRequest(after: cookie, bytesMax: bytes, bytesPerEntry: 24, withAttributes: false)
      guard case .listing(let entries) = try filesystem.apply(.readDirectory(.root, request), from: root).get() else {
        return []
      }
      return entries.map { (String(decoding: $0.name, as: UTF8.self), $0.cookie) }
    }
    let first = try names(after: 0, bytes: 4 * 32)
    #expect(first.map(\.name) == [".", "..", "a", "b"])
    _ = filesystem.apply(.unlink(parent: .root, name: "b"), from: root)
    _ = filesystem.apply(.unlink(parent: .root, name: "c"), from: root)
    _ = try make("e")
    #expect(try names(after: first.last!.cookie, bytes: 4096).map(\.name) == ["d", "e"])
    #expect(throws: Errno.invalidArgument) { try names(after: 0, bytes: 8) }
  }

  @Test mutating func newObjectsBelongToTheCallerOrToTheGroupOfTheirDirectory() throws {
    let directory = try make("d", .directory, 0o777)
    let request = AttributeRequest(permissions: 0o2777, group: 50)
    _ = filesystem.apply(.setAttributes(directory, request), from: root)
    let caller = Caller(owner: 7, group: 8)
    let file = try make("a", .regular, 0o2755, in: directory, from: caller)
    #expect(try attributes(file).owner == 7 && attributes(file).group == 50)
    #expect(try attributes(file).permissions == 0o755, "no member of the group")
    let inner = try make("e", .directory, 0o755, in: directory, from: caller)
    #expect(try attributes(inner).permissions == 0o2755 && attributes(inner).group == 50)
    let member = Caller(owner: 7, group: 8, groups: [50])
    let other = try make("b", .regular, 0o2755, in: directory, from: member)
    #expect(try attributes(other).permissions == 0o2755)
  }

  @Test mutating func chmodBySomebodyOutsideTheGroupDropsSetGroupID() throws {
    let file = try make("a", from: Caller(owner: 7, group: 8))
    let request = Operation.setAttributes(file, AttributeRequest(permissions: 0o6755))
    _ = filesystem.apply(request, from: Caller(owner: 7, group: 9))
    #expect(try attributes(file).permissions == 0o4755)
    _ = filesystem.apply(request, from: Caller(owner: 7, group: 9, groups: [8]))
    #expect(try attributes(file).permissions == 0o6755)
  }

  @Test mutating func setIDBitsAreClearedOnlyWhenAsked() throws {
    let file = try make("a", .regular, 0o6755)
    let capability = ExtendedAttribute(name: Array("security.capability".utf8), value: [1])
    _ = filesystem.apply(.setExtendedAttribute(file, capability, .set), from: root)
    _ = filesystem.apply(.write(file, offset: 0, bytes: [1]), from: root)
    #expect(try attributes(file).permissions == 0o6755)
    _ = filesystem.apply(.setAttributes(file, AttributeRequest(clearsSetID: true)), from: root)
    #expect(try attributes(file).permissions == 0o755)
    #expect(filesystem.apply(.listExtendedAttributes(file), from: root) == .success(.bytes([])))
  }

  @Test mutating func sizesAboveTheLimitAreRefused() throws {
    var limits = ReferenceFilesystem.Limits()
    limits.fileBytesMax = 1000
    limits.linksMax = 2
    filesystem = ReferenceFilesystem(clock: SimulatedClock(), limits: limits)
    let file = try make("a")
    #expect(filesystem.apply(.write(file, offset: 1000, bytes: [1]), from: root) == .failure(.fileTooLarge))
    #expect(filesystem.apply(.write(file, offset: 999, bytes: [1, 2]), from: root) == .success(.count(1)))
    let request = AttributeRequest(size: 1001)
    #expect(filesystem.apply(.setAttributes(file, request), from: root) == .failure(.fileTooLarge))
    #expect(filesystem.apply(.allocate(file, .keepSize, 900..<1001), from: root) == .failure(.fileTooLarge))
    _ = try entry(.link(file, at: Location(.root, "b")))
    #expect(filesystem.apply(.link(file, at: Location(.root, "c")), from: root) == .failure(.tooManyLinks))
    let long = EntryName(unchecked: [UInt8](repeating: 97, count: 256))
    #expect(filesystem.apply(.lookup(parent: .root, name: long), from: root) == .failure(.nameTooLong))
  }

  @Test mutating func historyShowsTheTreeAfterEachMutation() throws {
    _ = try make("a")
    _ = filesystem.apply(.unlink(parent: .root, name: "x"), from: root)
    _ = filesystem.apply(.getAttributes(.root), from: root)
    let middle = filesystem.snapshot()
    _ = filesystem.apply(.unlink(parent: .root, name: "a"), from: root)
    #expect(filesystem.mutationCount == 2)
    #expect((0...2).map { filesystem.snapshot(afterMutations: $0).paths } == [["."], [".", "a"], ["."]])
    #expect(filesystem.mutations(leadingTo: middle) == [1])
    #expect(filesystem.mutations(leadingTo: filesystem.snapshot(), ignoring: .times) == [0, 2])
  }
}
