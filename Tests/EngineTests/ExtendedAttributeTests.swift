import FilesystemModel
import Support
import Testing

@testable import Engine

@Suite struct ExtendedAttributeTests {
  @Test func whatCannotBeReadIsListedAndAskedForAgainNotTakenAsAbsent() throws {
    let mount = try EngineOnDisks()
    let file = try mount.create("f")
    let (secret, other) = (Array("user.secret".utf8), Array("user.other".utf8))
    for name in [secret, other] {
      _ = try mount.ask(.setExtendedAttribute(file, ExtendedAttribute(name: name, value: [7]), .set))
    }
    mount.settle()
    mount.backing.setUnreadable([secret])
    try mount.restart()
    let again = try mount.lookup("f")
    #expect(try mount.ask(.getExtendedAttribute(again, name: other)) == .bytes([7]))
    #expect(try mount.ask(.listExtendedAttributes(again)) == .bytes(other + [0] + secret + [0]))
    #expect(throws: Errno.accessDenied) { try mount.ask(.getExtendedAttribute(again, name: secret)) }
    #expect(throws: Errno.exists) {
      try mount.ask(.setExtendedAttribute(again, ExtendedAttribute(name: secret, value: [8]), .create))
    }
    mount.backing.setUnreadable([])
    #expect(try mount.ask(.getExtendedAttribute(again, name: secret)) == .bytes([7]))
  }

  @Test func whatCannotBeReadMayBeReplacedOrRemoved() throws {
    let mount = try EngineOnDisks()
    let names = ["user.a", "user.b"].map { Array($0.utf8) }
    let file = try mount.create("f")
    for name in names { _ = try mount.ask(.setExtendedAttribute(file, ExtendedAttribute(name: name, value: [7]), .set)) }
    mount.settle()
    mount.backing.setUnreadable(Set(names))
    try mount.restart()
    let again = try mount.lookup("f")
    _ = try mount.ask(.setExtendedAttribute(again, ExtendedAttribute(name: names[0], value: [8]), .replace))
    _ = try mount.ask(.removeExtendedAttribute(again, name: names[1]))
    #expect(try mount.ask(.getExtendedAttribute(again, name: names[0])) == .bytes([8]))
    #expect(throws: Errno.noData) { try mount.ask(.getExtendedAttribute(again, name: names[1])) }
    mount.settle()
    #expect(try mount.ask(.listExtendedAttributes(again)) == .bytes(names[0] + [0]))
    mount.backing.setUnreadable([])
    try mount.restart()
    #expect(try mount.ask(.listExtendedAttributes(mount.lookup("f"))) == .bytes(names[0] + [0]))
  }
}
