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

  @Test func aPackedNameIsTheSameName() {
    var packer = NamePacker()
    let names = (0..<300).map { EntryName(unchecked: Array("name number \($0)".utf8)) }
    let packed = names.map { packer.packed($0) }
    #expect(packed == names && packed.map(\.bytes) == names.map(\.bytes) && packed.map(\.count) == names.map(\.count))
    #expect(Set(packed) == Set(names) && packed.sorted() == names.sorted())
    for (number, name) in packed.enumerated() {
      #expect(packer.packed(name) == name && name.description == "name number \(number)")
      #expect(name.starts(with: Array("name ".utf8)) && !name.starts(with: Array("name number 1000".utf8)))
      #expect(name.terminated == name.bytes + [0])
    }
  }

  @Test func longNamesAreAsTheyWereAndHaveTheirPlaceBetweenShortOnes() {
    var packer = NamePacker()
    for count in [1, 127, 128, 129, 255, 1, 128, 128, 128, 128, 2] {
      let name = EntryName(unchecked: [UInt8](repeating: UInt8(count & 0x7f | 0x80), count: count))
      #expect(packer.packed(name) == name && packer.packed(name).bytes == name.bytes)
    }
  }

  @Test func namesOfOneHashAreTold() {
    // FNV-1a of 32 bits gives 0x5e4daa9d for both.
    let (one, other): (EntryName, EntryName) = ("costarring", "liquid")
    #expect(one.hash == other.hash && one != other && Set([one, other]).count == 2)
  }
}
