import FilesystemModel
import Support
import Testing

@Suite struct AccessControlListTests {
  private typealias Entry = AccessControlList.Entry
  private let named = AccessControlList([
    Entry(.owner, 7), Entry(.namedOwner, 7, identifier: 1000), Entry(.group, 5), Entry(.mask, 7), Entry(.others, 5),
  ])

  @Test func valueOfAnAttributeIsDecodedAndEncodedAlike() throws {
    #expect(try AccessControlList.decode(named.encoded) == named)
    #expect(named.encoded.count == 4 + 5 * 8)
    #expect(try AccessControlList.decode([2, 0, 0, 0]) == nil)
  }

  @Test func whatIsNoListIsRefused() {
    #expect(throws: Errno.invalidArgument) { try AccessControlList.decode([]) }
    #expect(throws: Errno.notSupported) { try AccessControlList.decode([1, 0, 0, 0]) }
    #expect(throws: Errno.invalidArgument) { try AccessControlList.decode(Array(named.encoded.dropLast())) }
    var withoutMask = named
    withoutMask.entries.remove(at: 3)
    #expect(throws: Errno.invalidArgument) { try AccessControlList.decode(withoutMask.encoded) }
    let unordered = AccessControlList([Entry(.group, 5), Entry(.owner, 7), Entry(.others, 5)])
    #expect(throws: Errno.invalidArgument) { try AccessControlList.decode(unordered.encoded) }
  }

  @Test func newFileGetsTheDefaultListCutToItsPermissions() {
    let inherited = named.inherited(permissions: 0o640)
    #expect(inherited.permissions == 0o640)
    #expect(inherited.access?.entries.map(\.permissions) == [6, 7, 5, 4, 0])
    let plain = AccessControlList([Entry(.owner, 7), Entry(.group, 5), Entry(.others, 0)])
    #expect(plain.inherited(permissions: 0o666).permissions == 0o640)
    #expect(plain.inherited(permissions: 0o666).access == nil)
  }

  @Test func chmodChangesTheMaskAndNotTheGroup() {
    let changed = named.afterChangingPermissions(to: 0o710)
    #expect(changed.entries.map(\.permissions) == [7, 7, 5, 1, 0])
    #expect(changed.permissionBits == 0o710)
  }
}
