import CLinux
import FilesystemModel
import StorageInterface
import Testing
import Threading

@testable import PosixStorage

/// Promise P7: nothing planted in the backing directory makes a call touch a path outside of it.
@Suite struct EscapeTests {
  let outside = TestDirectory()
  let directory = TestDirectory()

  init() throws {
    run("mkdir \(outside.path)/d; echo -n secret > \(outside.path)/f; chmod 640 \(outside.path)/f \(outside.path)/d")
    run("ln -s \(outside.path) \(directory.path)/s; ln -s \(outside.path)/f \(directory.path)/sf; mkdir \(directory.path)/in")
    run("ln -s ../.. \(directory.path)/in/up; ln -s /proc/self/root \(directory.path)/in/magic")
  }

  /// All that can be seen of the outside: names, modes, owners, times, contents, attributes.
  private func look() -> String {
    let report = outside.path + ".report"
    run(
      """
      (cd \(outside.path) && find . -printf '%p %m %U %G %s %T@ %n\\n' | sort && cat f && getfattr -h -d -m - f d) > \(report)
      """)
    defer { run("rm -f \(report)") }
    return contents(report) ?? ""
  }

  private func refused(_ body: () throws -> Void) {
    do {
      try body()
      Issue.record("a call went through a symbolic link")
    } catch {
      let error = error as? Errno
      #expect(error == .tooManySymlinks || error == .notDirectory)
    }
  }

  @Test(arguments: featureSets) func aSymbolicLinkInAPathIsRefusedByEveryCall(_ features: KernelFeatures) throws {
    let storage = try directory.storage(features)
    let before = look()
    #expect(before.contains("secret"))
    let change = AttributeChange(permissions: 0o777, owner: 1, group: 1, modified: Timestamp(seconds: 1))
    let attribute = ExtendedAttributeChange(name: Array("user.a".utf8), value: [1])
    for link in [at("s"), at("in", "up"), at("in", "magic")] {
      let path = link.appending("f")
      refused { _ = try storage.list(link) }
      refused { _ = try storage.status(path) }
      refused { _ = try storage.details(path) }
      refused { _ = try storage.open(path, writable: false) }
      refused { _ = try storage.open(path, writable: true) }
      refused { _ = try storage.createFile(link.appending("new")) }
      for kind in FileKind.allCases where kind != .regular {
        refused { try storage.make(link.appending("new"), kind: kind, device: 0, target: [97]) }
      }
      refused { try storage.link(path, to: at("got")) }
      refused { try storage.link(at("sf"), to: link.appending("new")) }
      refused { try storage.removeFile(path) }
      refused { try storage.removeDirectory(link.appending("d")) }
      refused { try storage.rename(path, to: at("got"), replacing: true) }
      refused { try storage.rename(at("in"), to: link.appending("new"), replacing: true) }
      refused { try storage.setAttributes(path, kind: .regular, change) }
      refused { try storage.setExtendedAttribute(path, attribute) }
      refused { try storage.synchronizeDirectory(link) }
      refused { try storage.synchronize(path) }
    }
    #expect(look() == before)
  }

  @Test(arguments: featureSets) func aSymbolicLinkAsTheLastNameIsNotFollowed(_ features: KernelFeatures) throws {
    let storage = try directory.storage(features)
    let before = look()
    refused { _ = try storage.open(at("sf"), writable: true) }
    refused { _ = try storage.open(at("sf"), writable: false) }
    #expect(throws: Errno.exists) { try storage.createFile(at("sf")) }
    #expect(try storage.status(at("sf")).attributes.kind == .symlink)
    // Told a wrong kind, as if the link had been planted after a look: the mode is refused, the owner and the times are the
    // link's.
    let change = AttributeChange(owner: 7, group: 8, modified: Timestamp(seconds: 99, nanoseconds: 5))
    try storage.setAttributes(at("sf"), kind: .regular, change)
    #expect(throws: Errno.self) {
      try storage.setAttributes(at("sf"), kind: .regular, AttributeChange(permissions: 0o777))
    }
    #expect(throws: Errno.self) {
      try storage.setExtendedAttribute(at("sf"), ExtendedAttributeChange(name: Array("user.a".utf8), value: [1]))
    }
    let attributes = try storage.status(at("sf")).attributes
    #expect(attributes.owner == 7 && attributes.group == 8)
    #expect(attributes.modified == Timestamp(seconds: 99, nanoseconds: 5))
    try storage.synchronize(at("sf"))
    try storage.removeFile(at("sf"))
    #expect(look() == before)
  }

  @Test func specialFilesAreNotOpened() throws {
    let storage = try directory.storage()
    try storage.make(at("fifo"), kind: .fifo, device: 0, target: [])
    try storage.make(at("null"), kind: .characterDevice, device: 1 << 8 | 3, target: [])
    #expect(throws: Errno.noDeviceOrAddress) { try storage.open(at("fifo"), writable: true) }
    #expect(throws: Errno.noDeviceOrAddress) { try storage.open(at("null"), writable: true) }
    #expect(throws: Errno.noDeviceOrAddress) { try storage.open(at("null"), writable: false) }
  }

  /// A directory and a symbolic link to the outside take turns at one name while calls go through it.
  @Test(arguments: [true, false]) func linksSwappedInDuringCallsNeverLeadOutside(_ hasOpenBeneath: Bool) throws {
    let storage = try directory.storage(KernelFeatures(hasOpenBeneath: hasOpenBeneath, hasProc: true))
    run("mkdir \(directory.path)/turn; echo -n inside > \(directory.path)/turn/f; ln -s \(outside.path) \(directory.path)/link")
    let before = look()
    let isDone = Lock(false)
    let root = directory.path
    let swapper = try Thread(name: "swapper") {
      let turn = Array("\(root)/turn".utf8) + [0]
      let link = Array("\(root)/link".utf8) + [0]
      let aside = Array("\(root)/aside".utf8) + [0]
      while !isDone.withLock({ $0 }) {
        for (from, to) in [(turn, aside), (link, turn), (turn, link), (aside, turn)] {
          unsafe linux_rename(-100, from, -100, to)  // AT_FDCWD; the paths are absolute
        }
      }
    }
    var successes = 0
    for round in 0..<3000 {
      do {
        let path = at("turn", "f")
        switch round % 5 {
        case 0: #expect(try storage.text(path) == "inside")
        case 1: try storage.setAttributes(path, kind: .regular, AttributeChange(permissions: 0o604))
        case 2: try storage.open(path, writable: true).write(Array("inside".utf8), at: 0)
        case 3:
          try storage.put("x", at: at("turn", "new"))
          try storage.removeFile(at("turn", "new"))
        default: #expect(try storage.list(at("turn")).contains { $0.name == "d" } == false)
        }
        successes += 1
      } catch let error as Errno {
        let expected: [Errno] = [.tooManySymlinks, .notDirectory, .noEntry, .again, .exists]
        #expect(expected.contains(error))
      }
    }
    isDone.withLock { $0 = true }
    swapper.join()
    #expect(successes > 0)
    #expect(look() == before)
  }
}
