import CLinux
import FilesystemModel
import StorageInterface
import Testing
import Threading

@testable import PosixStorage

/// A daemon without privileges: R20's momentary access, and what it may not do.
@Suite struct OrdinaryUserTests {
  let directory = TestDirectory()

  init() { run("chown \(ordinaryUser):\(ordinaryUser) \(directory.path)") }

  @Test(arguments: featureSets) func aReadOnlyFileOfItsOwnIsWrittenAndStaysReadOnly(_ features: KernelFeatures) throws {
    try asOrdinaryUser { [directory] in
      let storage = try directory.storage(features)
      #expect(!storage.abilities.isPrivileged)
      try storage.put("old", at: at("f"))
      for mode: UInt16 in [0o444, 0o400, 0] {
        try storage.setAttributes(at("f"), kind: .regular, AttributeChange(permissions: mode))
        let file = try storage.open(at("f"), writable: true)
        #expect(try storage.permissions(at("f")) == mode)
        try file.write(Array("new".utf8), at: 0)
        try file.setExtendedAttribute(ExtendedAttributeChange(name: Array("user.a".utf8), value: [1]))
        #expect(try storage.permissions(at("f")) == mode)
        try storage.setExtendedAttribute(at("f"), ExtendedAttributeChange(name: Array("user.b".utf8), value: [1]))
        try storage.synchronize(at("f"))
        #expect(try storage.text(at("f")) == "new")
        #expect(try storage.permissions(at("f")) == mode)
      }
    }
  }

  @Test(arguments: featureSets) func namesChangeInADirectoryOfItsOwnThatIsClosedToItself(_ features: KernelFeatures) throws {
    try asOrdinaryUser { [directory] in
      let storage = try directory.storage(features)
      try storage.makeDirectory(at("d"))
      try storage.makeDirectory(at("d", "e"))
      let closed: [UInt16] = [0o555, 0o600, 0]
      for mode in closed {
        let change = AttributeChange(permissions: mode)
        try storage.setAttributes(at("d", "e"), kind: .directory, change)
        try storage.setAttributes(at("d"), kind: .directory, change)
        try storage.put("x", at: at("d", "e", "f"))
        try storage.link(at("d", "e", "f"), to: at("d", "g"))
        try storage.rename(at("d", "g"), to: at("d", "e", "h"), replacing: false)
        try storage.make(at("d", "e", "s"), kind: .symlink, device: 0, target: [97])
        #expect(throws: Errno.exists) { try storage.createFile(at("d", "e", "f")) }
        #expect(throws: Errno.noEntry) { try storage.status(at("d", "e", "no")) }
        #expect(try storage.text(at("d", "e", "h")) == "x")
        for name: EntryName in ["f", "h", "s"] { try storage.removeFile(at("d", "e", name)) }
        try storage.synchronizeDirectory(at("d", "e"))
        try storage.rename(at("d", "e"), to: at("moved"), replacing: false)
        try storage.rename(at("moved"), to: at("d", "e"), replacing: false)
        #expect(try storage.permissions(at("d", "e")) == mode)
        #expect(try storage.permissions(at("d")) == mode)
      }
    }
  }

  @Test func aListingIsRefusedWhereTheUserMayNotRead() throws {
    try asOrdinaryUser { [directory] in
      let storage = try directory.storage()
      try storage.makeDirectory(at("d"))
      try storage.setAttributes(at("d"), kind: .directory, AttributeChange(permissions: 0o300))
      #expect(throws: Errno.accessDenied) { try storage.list(at("d")) }
      #expect(try storage.permissions(at("d")) == 0o300)
    }
  }

  @Test func theOwnerThatAFileHasMayBeSetAndNoOther() throws {
    try asOrdinaryUser { [directory] in
      let storage = try directory.storage()
      let file = try storage.put("x", at: at("f"))
      let own = AttributeChange(permissions: 0o640, owner: ordinaryUser, group: ordinaryUser, modified: Timestamp(seconds: 1))
      try storage.setAttributes(at("f"), kind: .regular, own)
      try file.setAttributes(own)
      #expect(throws: Errno.notPermitted) {
        try storage.setAttributes(at("f"), kind: .regular, AttributeChange(owner: 0))
      }
      #expect(throws: Errno.notPermitted) { try file.setAttributes(AttributeChange(group: 0)) }
      #expect(throws: Errno.notPermitted) {
        try storage.make(at("null"), kind: .characterDevice, device: 1 << 8 | 3, target: [])
      }
    }
  }

  @Test func filesOfOthersStayClosed() throws {
    run("echo -n root > \(directory.path)/f; chmod 600 \(directory.path)/f; mkdir -m 700 \(directory.path)/d")
    try asOrdinaryUser { [directory] in
      let storage = try directory.storage()
      #expect(throws: Errno.accessDenied) { try storage.open(at("f"), writable: false) }
      #expect(throws: Errno.accessDenied) { try storage.createFile(at("d", "x")) }
      #expect(throws: Errno.notPermitted) {
        try storage.setAttributes(at("f"), kind: .regular, AttributeChange(permissions: 0o666))
      }
    }
    #expect(runs("test $(stat -c %a \(directory.path)/f) = 600 && test $(stat -c %a \(directory.path)/d) = 700"))
  }

  @Test func attributesOfAFileOfOthersAreNamedThoughTheyCannotBeRead() throws {
    run("touch \(directory.path)/f; chmod 600 \(directory.path)/f; setfattr -n user.secret -v 1 \(directory.path)/f")
    try asOrdinaryUser { [directory] in
      let details = try directory.storage().details(at("f"))
      #expect(details.extendedAttributes.isEmpty && details.unreadableAttributes == [Array("user.secret".utf8)])
    }
  }

  @Test func aReadableFileOfAnotherIsReadThoughItsAccessTimeCannotBeKept() throws {
    run("echo -n root > \(directory.path)/f; chmod 644 \(directory.path)/f; mkdir -m 755 \(directory.path)/d")
    try asOrdinaryUser { [directory] in
      let storage = try directory.storage()
      #expect(try storage.text(at("f")) == "root")
      #expect(try storage.list(at("d")).isEmpty)
    }
  }

  @Test func modesAreRightAfterManyThreadsHadMomentaryAccess() throws {
    let failures = Lock<[String]>([])
    try asOrdinaryUser { [directory] in
      let storage = try directory.storage()
      try storage.makeDirectory(at("d"))
      try storage.setAttributes(at("d"), kind: .directory, AttributeChange(permissions: 0o500))
      for number in 0..<4 { try storage.makeDirectory(at("d", EntryName(unchecked: [UInt8(97 + number)]))) }
      // Threads inherit the user of the thread that makes them.
      let pool = try ThreadPool(name: "access", threadsMax: 4)
      for number in 0..<400 {
        pool.run {
          let own = at("d", EntryName(unchecked: [UInt8(97 + number % 4)]))
          let file = own.appending(EntryName(unchecked: Array("\(number)".utf8)))
          do {
            try storage.setAttributes(own, kind: .directory, AttributeChange(permissions: 0o555))
            try storage.put("x", at: file)
            try storage.setAttributes(file, kind: .regular, AttributeChange(permissions: 0o400))
            try storage.open(file, writable: true).write([1], at: 0)
            try storage.removeFile(file)
          } catch { failures.withLock { $0.append("\(error)") } }
        }
      }
      #expect(pool.shutdown(waiting: nil))
      #expect(try storage.permissions(at("d")) == 0o500)
      for number in 0..<4 {
        #expect(try storage.permissions(at("d", EntryName(unchecked: [UInt8(97 + number)]))) == 0o555)
      }
    }
    #expect(failures.withLock { $0 } == [])
  }
}
