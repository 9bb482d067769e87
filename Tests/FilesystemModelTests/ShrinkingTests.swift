import FilesystemModel
import Testing

@Suite struct ShrinkingTests {
  @Test func collectionsGiveBackTheRoomOfWhatIsGone() {
    var dictionary = Dictionary(uniqueKeysWithValues: (0..<10_000).map { ($0, -$0) })
    var set = Set(0..<10_000)
    var array = Array(0..<10_000)
    for number in 10..<10_000 {
      dictionary[number] = nil
      set.remove(number)
    }
    array.removeLast(9_990)
    dictionary.shrink()
    set.shrink()
    array.shrink()
    #expect(dictionary == Dictionary(uniqueKeysWithValues: (0..<10).map { ($0, -$0) }))
    #expect(set == Set(0..<10))
    #expect(array == Array(0..<10))
    #expect(max(dictionary.capacity, set.capacity, array.capacity) < 100)
  }

  @Test func whatIsNeededAgainSoonIsKept() {
    var array = Array(0..<10_000)
    array.removeLast(6_000)
    array.shrink()
    #expect(array.capacity >= 10_000)
  }
}
