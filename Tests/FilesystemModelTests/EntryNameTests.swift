import Testing

@testable import FilesystemModel

@Suite struct EntryNameTests {
  private func failure(_ bytes: [UInt8]) -> Errno? {
    do {
      _ = try EntryName(validating: bytes)
      return nil
    } catch {
      return error
    }
  }

  @Test func everyByteButSlashAndNULMakesAName() {
    for byte in UInt8.min...UInt8.max {
      #expect((failure([byte, 0x78]) == nil) == (byte != 0 && byte != UInt8(ascii: "/")), "byte \(byte)")
    }
  }

  @Test func namesThatNoFileCanHaveAreRefusedAsTheKernelDoes() {
    #expect(failure([]) == .noEntry)
    #expect(failure([UInt8](repeating: 0x61, count: 255)) == nil)
    #expect(failure([UInt8](repeating: 0x61, count: 256)) == .nameTooLong)
    #expect(failure(Array(".".utf8)) == .invalidArgument)
    #expect(failure(Array("..".utf8)) == .invalidArgument)
    #expect(failure(Array("...".utf8)) == nil)
  }

  @Test func namesAreOrderedByTheirBytes() {
    let ordered: [EntryName] = ["A", "B", "a", "aa", "b"]
    #expect(ordered.shuffled().sorted() == ordered)
    #expect(Location(InodeNumber(2), "z") < Location(InodeNumber(10), "a"))
  }
}
