import FilesystemModel
import JournalFormat
import Testing
import WriteAheadLog

@Suite struct NameBookTests {
  private static func create(_ number: UInt64, _ parent: UInt64, _ name: EntryName, _ kind: FileKind = .regular) -> Record {
    let now = Timestamp(seconds: 0)
    let attributes = Attributes(
      kind: kind, permissions: 0o644, owner: 0, group: 0, accessed: now, modified: now, changed: now)
    let new = NewInode(number: InodeNumber(number), attributes: attributes)
    return change(.create(new, at: Location(InodeNumber(parent), name)))
  }

  private static func change(_ change: NamespaceChange) -> Record {
    .namespace(change, time: Timestamp(seconds: 0), request: 0)
  }

  private static func place(_ parent: UInt64, _ name: EntryName) -> Location { Location(InodeNumber(parent), name) }

  @Test func pathsFollowEveryKindOfChange() {
    var book = NameBook()
    book.take(Self.create(2, 1, "d", .directory))
    book.take(Self.create(3, 2, "f"))
    #expect(book.path(of: InodeNumber(3)) == ["d", "f"] && book.inode(at: ["d", "f"]) == InodeNumber(3))
    book.take(Self.change(.rename(InodeNumber(2), from: Self.place(1, "d"), to: Self.place(1, "e"), replacing: nil)))
    #expect(book.path(of: InodeNumber(3)) == ["e", "f"] && book.inode(at: ["d", "f"]) == nil)
    book.take(Self.change(.link(InodeNumber(3), at: Self.place(1, "l"))))
    book.take(Self.change(.remove(InodeNumber(3), from: Self.place(2, "f"))))
    #expect(book.path(of: InodeNumber(3)) == ["l"])
    book.take(Self.create(4, 1, "x"))
    book.take(
      Self.change(.exchange(InodeNumber(3), at: Self.place(1, "l"), with: InodeNumber(4), otherAt: Self.place(1, "x"))))
    #expect(book.inode(at: ["x"]) == InodeNumber(3) && book.inode(at: ["l"]) == InodeNumber(4))
    book.take(Self.change(.rename(InodeNumber(4), from: Self.place(1, "l"), to: Self.place(1, "x"), replacing: InodeNumber(3))))
    #expect(book.path(of: InodeNumber(3)) == nil && book.locations(of: InodeNumber(4)) == [Self.place(1, "x")])
  }

  @Test func whereTheBackingDirectoryHasAFileCountsOnlyWhileNothingElseIsKnown() {
    var book = NameBook()
    let binding = { (name: EntryName) in
      Record.binding(Binding(inode: InodeNumber(7), kind: .regular, locations: [Self.place(1, name)]))
    }
    book.take(binding("old"))
    book.take(Self.change(.rename(InodeNumber(7), from: Self.place(1, "old"), to: Self.place(1, "new"), replacing: nil)))
    book.take(binding("old"))
    #expect(book.path(of: InodeNumber(7)) == ["new"])
  }

  @Test func anUnknownDirectoryMakesAPathUnknown() {
    var book = NameBook()
    book.take(Self.create(3, 9, "f"))
    #expect(book.path(of: InodeNumber(3)) == nil)
    #expect(book.path(of: .root) == [])
  }

  @Test func everyNameComesBackFromItsText() {
    for first in 0...255 as ClosedRange<UInt8> {
      for second in [0x41, 0x5c, 0x78, 0x80, 0xc3, 0xa4, 0xff, 0x22, 0x0a] as [UInt8] {
        let bytes = [first, second, 0x5c]
        #expect(EscapedText.decode(EscapedText.encode(bytes)) == bytes)
        let printed = EscapedText.printable(bytes)
        #expect(EscapedText.decode(String(printed.dropFirst().dropLast())) == bytes)
        #expect(printed.utf8.allSatisfy { (0x20..<0x7f).contains($0) })
      }
    }
    #expect(EscapedText.encode([0xc3, 0xa4, 0xc3, 0x5c]) == "\u{e4}\\xc3\\\\")
    for wrong in ["\\", "\\y", "\\x", "\\x1", "\\xg0", "\\x+1"] { #expect(EscapedText.decode(wrong) == nil) }
  }
}
