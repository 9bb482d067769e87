import FilesystemModel
import Support
import Testing

@testable import Inodes

@Suite struct DirectoryTests {
  private func listed(_ directory: Directory, after cookie: UInt64 = 0, most: Int = .max) -> [Directory.Listed] {
    var found: [Directory.Listed] = []
    directory.list(after: cookie) { entry in
      found.append(entry)
      return found.count < most
    }
    return found
  }

  @Test func aReplacedEntryKeepsItsCookieAndAReturningNameGetsANewOne() {
    let directory = Directory(isComplete: true)
    directory.set("a", to: InodeNumber(2), kind: .regular)
    directory.set("b", to: InodeNumber(3), kind: .regular)
    directory.set("a", to: InodeNumber(4), kind: .directory)
    #expect(listed(directory).map(\.name) == ["a", "b"])
    #expect(listed(directory).map(\.inode) == [InodeNumber(4), InodeNumber(3)])
    #expect(listed(directory).first?.cookie == Directory.firstCookie && directory.subdirectoryCount == 1)
    directory.remove("a")
    directory.set("a", to: InodeNumber(5), kind: .regular)
    #expect(listed(directory).map(\.name) == ["b", "a"] && directory.subdirectoryCount == 0)
    #expect(listed(directory, after: UInt64.max).isEmpty)
  }

  /// A listing in pieces, as many as the changes between them: what stays all the time is shown exactly once.
  @Test func aListingInPiecesNeitherSkipsNorRepeatsWhatStays() {
    let seed = Seed.fromEnvironment
    var generator = SeededGenerator(seed: seed)
    func name(_ index: Int) -> EntryName { EntryName(unchecked: Array("n\(index)".utf8)) }
    for _ in 0..<30 {
      let directory = Directory(isComplete: true)
      var present: Set<Int> = []
      for index in 0..<200 {
        directory.set(name(index), to: InodeNumber(UInt64(index) + 2), kind: index % 5 == 0 ? .directory : .regular)
        present.insert(index)
      }
      var stayed = present
      var shown: [EntryName: Int] = [:]
      var cookie: UInt64 = 0
      while true {
        let piece = listed(directory, after: cookie, most: Int.random(in: 1...40, using: &generator))
        guard let last = piece.last else { break }
        for entry in piece { shown[entry.name, default: 0] += 1 }
        cookie = last.cookie
        // Enough removals that the rows are packed again and again.
        for _ in 0..<30 {
          let index = Int.random(in: 0..<400, using: &generator)
          if index > 20, present.remove(index) != nil {
            directory.remove(name(index))
            stayed.remove(index)
          } else if shown.count < 300 {
            directory.set(name(index), to: InodeNumber(1000), kind: index % 5 == 0 ? .directory : .regular)
            present.insert(index)
          }
        }
      }
      #expect(stayed.count > 20, "the test shows something")
      for index in stayed { #expect(shown[name(index)] == 1, "EBBFS_SEED=\(seed), entry \(index)") }
      #expect(directory.count == present.count && Set(directory.names).count == present.count)
      #expect(directory.subdirectoryCount == present.count { $0 % 5 == 0 })
    }
  }
}
