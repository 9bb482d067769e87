import FilesystemModel
import Testing

@Suite struct ConflictNameTests {
  private let time = Timestamp(seconds: 1_795_253_400, nanoseconds: 5)

  @Test func aNameTellsTheTime() {
    let name: EntryName = "report.txt"
    #expect(name.ofConflict(at: time, attempt: 1, bytesMax: 255).description == "report.txt.ebbfs-conflict-20261121T093000Z")
    #expect(name.ofConflict(at: time, attempt: 2, bytesMax: 255).description == "report.txt.ebbfs-conflict-20261121T093000Z-2")
  }

  @Test func aLongNameIsCutBetweenCharacters() {
    let name = EntryName(unchecked: Array(String(repeating: "ü", count: 127).utf8))
    for attempt in [1, 2, 99] {
      for bytesMax in [100, 254, 255] {
        let beside = name.ofConflict(at: time, attempt: attempt, bytesMax: bytesMax)
        #expect(beside.bytes.count <= bytesMax && String(validating: beside.bytes, as: UTF8.self) != nil)
      }
    }
  }
}
