import Support
import Testing
import Threading

@testable import Statistics

private enum Taste: Int, LabelValue {
  case sweet, sour

  var label: String { self == .sweet ? "sweet" : "sour" }
}

private final class Fruits: MetricSet {
  let eaten = Labelled("taste", by: Taste.self) { Counter("eaten_total", "Fruits eaten.") }
  let kilns = 3
  let weight = Counter("weight_bytes_total", "Their weight.", .bytes)
  let seconds = Histogram("eating_seconds", "How long it took.")
}

@Suite struct MetricTests {
  @Test func whatIsDeclaredIsTold() {
    let fruits = Fruits()
    fruits.eaten[.sour].add(2)
    fruits.weight.add(100)
    fruits.seconds.record(7)
    let families = fruits.families
    #expect(families.map(\.name) == ["eaten_total", "weight_bytes_total", "eating_seconds"])
    #expect(families.map(\.kind) == [.counter, .counter, .histogram])
    #expect(families.map(\.unit) == [.number, .bytes, .seconds])
    #expect(
      families[0].samples == [
        MetricSample(labels: [.init("taste", "sweet")], .number(0)), MetricSample(labels: [.init("taste", "sour")], .number(2)),
      ])
    #expect(families[2].samples[0].value == .histogram(HistogramSnapshot(buckets: [.init(index: 6, count: 1)], sum: 7, max: 7)))
    #expect(families.filter { !$0.isValid }.isEmpty)
  }

  @Test func nothingIsLostBetweenThreads() throws {
    let fruits = Fruits()
    let running = Lock(4)
    for number in 0..<4 {
      let thread = try Thread(name: "eater") {
        for value in 0..<20_000 {
          fruits.weight.add(number)
          fruits.seconds.record(value)
        }
        running.withLock { $0 -= 1 }
        running.wake()
      }
      thread.detach()
    }
    try #require(running.wait(milliseconds: 60_000) { $0 == 0 ? true : nil } == true)
    #expect(fruits.weight.value == 6 * 20_000)
    let snapshot = fruits.seconds.snapshot
    #expect(snapshot.count == 80_000 && snapshot.sum == 4 * 20_000 * 19_999 / 2 && snapshot.max == 19_999)
  }

  @Test func familiesThatPrometheusWouldRefuseAreNotValid() {
    let number = MetricSample(.number(1))
    func isValid(_ samples: [MetricSample], _ kind: MetricKind = .gauge, name: String = "a_1") -> Bool {
      MetricFamily(name: name, help: "", kind: kind, unit: .number, samples: samples).isValid
    }
    #expect(isValid([number]) && isValid([], .counter))
    for name in ["", "1a", "a b", "a-b", "\u{e4}", "A", "a{"] { #expect(!isValid([number], name: name), "\(name)") }
    #expect(!isValid([number, number]), "the same sample twice")
    #expect(!isValid([number], .histogram))
    #expect(!isValid([MetricSample(.histogram(HistogramSnapshot()))]))
    #expect(!isValid([MetricSample(.number(-1))], .counter) && isValid([MetricSample(.number(-1))]))
    for label in ["", "le", "mountpoint", "a b"] { #expect(!isValid([number.labelled(label, "x")]), "\(label)") }
    #expect(!isValid([number.labelled("l", "x").labelled("l", "y")]))
  }
}
