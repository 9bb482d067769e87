import Support
import Testing

@testable import FilesystemModel

@Suite struct ChangeTests {
  private func attributes() -> Attributes {
    let time = Timestamp(seconds: 1)
    return Attributes(
      kind: .regular, permissions: 0o644, owner: 1, group: 2, accessed: time, modified: time, changed: time)
  }

  private func change(using generator: inout SeededGenerator) -> AttributeChange {
    func maybe<Value>(_ value: Value) -> Value? { Bool.random(using: &generator) ? value : nil }
    return AttributeChange(
      permissions: maybe(.random(in: 0...0o7777, using: &generator)), owner: maybe(.random(in: 0...9, using: &generator)),
      group: maybe(.random(in: 0...9, using: &generator)),
      accessed: maybe(Timestamp(seconds: .random(in: -5...5, using: &generator))),
      modified: maybe(Timestamp(seconds: 3, nanoseconds: .random(in: 0..<1_000_000_000, using: &generator))),
      changed: maybe(Timestamp(seconds: .random(in: 0...5, using: &generator))))
  }

  @Test func mergedChangesDoWhatTheyDoOneAfterTheOther() {
    let seed = Seed.fromEnvironment
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<500 {
      let (first, second) = (change(using: &generator), change(using: &generator))
      var oneByOne = attributes()
      first.apply(to: &oneByOne)
      second.apply(to: &oneByOne)
      var merged = first
      merged.merge(second)
      var atOnce = attributes()
      merged.apply(to: &atOnce)
      #expect(atOnce == oneByOne, "EBBFS_SEED=\(seed)")
    }
  }

  @Test func theWholeRecordComesAfterItsStages() {
    let stages = [Stage(LSN(3)), Stage(LSN(4), stage: 1), Stage(LSN(4), stage: 2), Stage(LSN(4)), Stage(LSN(5), stage: 1)]
    #expect(stages.shuffled().sorted() == stages)
  }

  @Test func timesAreOrderedBySecondsThenNanoseconds() {
    let times = [
      Timestamp(seconds: -1, nanoseconds: 999_999_999), Timestamp(seconds: 0), Timestamp(seconds: 0, nanoseconds: 1),
      Timestamp(seconds: 1),
    ]
    #expect(times.shuffled().sorted() == times)
  }
}
