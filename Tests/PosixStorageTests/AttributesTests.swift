import CLinux
import FilesystemModel
import StorageInterface
import Testing

@testable import PosixStorage

@Suite struct AttributesTests {
  let directory = TestDirectory()

  @Test(arguments: featureSets) func ownerModeAndTimesAreSetOnEveryKind(_ features: KernelFeatures) throws {
    let storage = try directory.storage(features)
    try storage.put("x", at: at("regular"))
    for kind in FileKind.allCases {
      let path = at(EntryName(unchecked: Array("\(kind)".utf8)))
      if kind != .regular { try storage.make(path, kind: kind, device: 1 << 8 | 3, target: Array("t".utf8)) }
      try storage.setAttributes(
        path, kind: kind,
        AttributeChange(
          permissions: 0o4755, owner: 1001, group: 1002, accessed: Timestamp(seconds: -5, nanoseconds: 1),
          modified: Timestamp(seconds: 5_000_000_000, nanoseconds: 999_999_999)))
      let found = try storage.status(path).attributes
      #expect(found.owner == 1001 && found.group == 1002)
      #expect(found.permissions == (kind == .symlink ? 0o777 : 0o4755), "set-user-id is set after the owner")
      #expect(found.accessed == Timestamp(seconds: -5, nanoseconds: 1))
      #expect(found.modified == Timestamp(seconds: 5_000_000_000, nanoseconds: 999_999_999))
    }
  }

  @Test func whatIsNotGivenStaysAsItIs() throws {
    let storage = try directory.storage()
    let file = try storage.put("x", at: at("f"))
    let all = AttributeChange(
      permissions: 0o640, owner: 1, group: 2, accessed: Timestamp(seconds: 3), modified: Timestamp(seconds: 4))
    try storage.setAttributes(at("f"), kind: .regular, all)
    try storage.setAttributes(at("f"), kind: .regular, AttributeChange(modified: Timestamp(seconds: 40)))
    try storage.setAttributes(at("f"), kind: .regular, AttributeChange(group: 20))
    try file.setAttributes(AttributeChange(accessed: Timestamp(seconds: 30)))
    try file.setAttributes(AttributeChange(permissions: 0o600))
    let found = try file.status().attributes
    #expect(found.permissions == 0o600 && found.owner == 1 && found.group == 20)
    #expect(found.accessed == Timestamp(seconds: 30) && found.modified == Timestamp(seconds: 40))
    try storage.setAttributes(.root, kind: .directory, AttributeChange(modified: Timestamp(seconds: 7)))
    #expect(try storage.status(.root).attributes.modified == Timestamp(seconds: 7))
  }

  @Test func aSetUserIDBitSurvivesAnOwnerThatIsAlreadyRight() throws {
    let storage = try directory.storage()
    try storage.put("x", at: at("f"))
    try storage.setAttributes(at("f"), kind: .regular, AttributeChange(permissions: 0o4755))
    try storage.setAttributes(at("f"), kind: .regular, AttributeChange(owner: 0, group: 0))
    #expect(try storage.permissions(at("f")) == 0o4755)
  }

  @Test func extendedAttributesOfAllNamespacesAreSeenOnEveryKind() throws {
    let storage = try directory.storage()
    for kind in FileKind.allCases {
      let path = at(EntryName(unchecked: Array("\(kind)".utf8)))
      if kind == .regular {
        try storage.put("x", at: path)
      } else {
        try storage.make(path, kind: kind, device: 1 << 8 | 3, target: Array("t".utf8))
      }
      var expected = [ExtendedAttribute(name: Array("trusted.t".utf8), value: [0, 1, 255])]
      if kind == .regular || kind == .directory {
        expected.append(ExtendedAttribute(name: Array("user.empty".utf8), value: []))
        // As large as ext4 takes without a block of its own for the value.
        expected.append(ExtendedAttribute(name: Array("user.large".utf8), value: [UInt8](repeating: 7, count: 2000)))
      }
      for attribute in expected {
        try storage.setExtendedAttribute(path, ExtendedAttributeChange(name: attribute.name, value: attribute.value))
      }
      let found = try storage.details(path).extendedAttributes
      #expect(Set(found) == Set(expected))
      for attribute in expected {
        let removal = ExtendedAttributeChange(name: attribute.name, value: nil)
        try storage.setExtendedAttribute(path, removal)
        try storage.setExtendedAttribute(path, removal)
      }
      #expect(try storage.details(path).extendedAttributes.isEmpty)
    }
  }

  @Test(arguments: featureSets) func extendedAttributesOfFilesAreSeenWithAndWithoutProc(_ features: KernelFeatures) throws {
    let storage = try directory.storage(features)
    let file = try storage.put("x", at: at("f"))
    let name = Array("user.a".utf8)
    try storage.setExtendedAttribute(at("f"), ExtendedAttributeChange(name: name, value: [1]))
    #expect(try storage.details(at("f")).extendedAttributes == [ExtendedAttribute(name: name, value: [1])])
    try file.setExtendedAttribute(ExtendedAttributeChange(name: name, value: [2, 3]))
    #expect(try storage.details(at("f")).extendedAttributes == [ExtendedAttribute(name: name, value: [2, 3])])
    try file.setExtendedAttribute(ExtendedAttributeChange(name: name, value: nil))
    try file.setExtendedAttribute(ExtendedAttributeChange(name: name, value: nil))
    #expect(try storage.details(at("f")).extendedAttributes.isEmpty)
    try storage.setExtendedAttribute(.root, ExtendedAttributeChange(name: name, value: [4]))
    #expect(try storage.details(.root).extendedAttributes == [ExtendedAttribute(name: name, value: [4])])
  }

  @Test func accessControlListsAreSeenAndPutBack() throws {
    let storage = try directory.storage()
    try storage.makeDirectory(at("d"))
    try storage.makeDirectory(at("e"))
    #expect(runs("setfacl -m u:1234:rwx -d -m u:1234:rx \(directory.path)/d"))
    let lists = try storage.details(at("d")).extendedAttributes
    #expect(
      Set(lists.map { String(decoding: $0.name, as: UTF8.self) }) == [
        "system.posix_acl_access", "system.posix_acl_default",
      ])
    for list in lists { try storage.setExtendedAttribute(at("e"), ExtendedAttributeChange(name: list.name, value: list.value)) }
    #expect(try Set(storage.details(at("e")).extendedAttributes) == Set(lists))
  }

  @Test func aFileWithoutTheAbilitiesOfItsFilesystemShowsNoAttributes() throws {
    // procfs has none and refuses to list them.
    let storage = try PosixBackingStorage(rootPath: "/proc/self/task")
    #expect(try storage.details(.root).extendedAttributes.isEmpty)
    #expect(throws: Errno.notSupported) {
      try storage.setExtendedAttribute(.root, ExtendedAttributeChange(name: Array("user.a".utf8), value: [1]))
    }
  }

  @Test func filesOnAnotherDeviceAreTold() throws {
    let storage = try PosixBackingStorage(rootPath: "/")
    #expect(try storage.status(at("tmp")).identity.isOnRootDevice)
    #expect(try !storage.status(at("proc")).identity.isOnRootDevice)
  }
}
