import Support
import Testing

@testable import Statistics

@Suite struct HistogramTests {
  @Test func bucketsCoverAllValuesWithoutGaps() {
    #expect(HistogramBuckets.index(of: 0) == 0)
    for index in 0..<HistogramBuckets.count - 1 {
      let bound = HistogramBuckets.upperBound(of: index)
      #expect(HistogramBuckets.index(of: UInt64(bound)) == index)
      #expect(HistogramBuckets.index(of: UInt64(bound) + 1) == index + 1)
    }
    #expect(HistogramBuckets.index(of: .max) == HistogramBuckets.count - 1)
    #expect(HistogramBuckets.upperBound(of: HistogramBuckets.count - 2) == 1_000_000_000_000)
  }

  /// So that what Prometheus is told is exact.
  @Test func decimalBoundsAreBoundsOfBuckets() {
    let bounds = Set((0..<HistogramBuckets.count).map(HistogramBuckets.upperBound))
    var power = 1
    while power <= 100_000_000_000 {
      for digits in [10, 20, 25, 50] where power * digits % 10 == 0 { #expect(bounds.contains(power * digits / 10)) }
      power *= 10
    }
  }

  @Test func quantilesAreNotTooLowAndAtMostATenthTooHigh() {
    var generator = SeededGenerator(seed: Seed.fromEnvironment)
    for _ in 0..<50 {
      let histogram = Histogram("h", "")
      let magnitude = Int.random(in: 0...38, using: &generator)
      let values = (0..<Int.random(in: 1...500, using: &generator)).map { _ in
        Int.random(in: 0...(1 << magnitude), using: &generator)
      }.sorted()
      for value in values.shuffled(using: &generator) { histogram.record(value) }
      let snapshot = histogram.snapshot
      #expect(snapshot.isValid && snapshot.count == values.count && snapshot.sum == values.reduce(0, +))
      #expect(snapshot.max == values.last)
      for percent in [1, 50, 90, 99, 100] {
        let exact = values[(values.count * percent + 99) / 100 - 1]
        let told = snapshot.quantile(percent: percent)
        let isNear = told >= exact && told <= max(exact, 1) + exact / 10
        #expect(isNear, "\(percent) % of \(values.count) values: \(told), not \(exact)")
      }
      let bound = HistogramBuckets.upperBound(of: Int.random(in: 0..<1000, using: &generator))
      let below = values.filter { $0 <= bound }.count
      #expect(snapshot.count(upTo: bound) == below)
    }
    #expect(HistogramSnapshot().quantile(percent: 99) == 0)
  }

  @Test func mergedSnapshotsAreThoseOfAllValues() {
    let (one, other, both) = (Histogram("h", ""), Histogram("h", ""), Histogram("h", ""))
    for value in 0..<2000 {
      (value % 3 == 0 ? one : other).record(value * value)
      both.record(value * value)
    }
    var merged = one.snapshot
    merged.merge(other.snapshot)
    #expect(merged == both.snapshot)
  }

  @Test func aClockThatGoesBackCountsAsZero() {
    let histogram = Histogram("h", "")
    histogram.record(-5)
    histogram.record(Int.max)
    let last = HistogramSnapshot.Bucket(index: HistogramBuckets.count - 1, count: 1)
    #expect(histogram.snapshot == HistogramSnapshot(buckets: [.init(index: 0, count: 1), last], sum: Int.max, max: Int.max))
    #expect(histogram.snapshot.quantile(percent: 100) == Int.max)
  }

  @Test func snapshotsThatCannotHaveBeenRecordedAreNotValid() {
    let bad: [[HistogramSnapshot.Bucket]] = [
      [.init(index: -1, count: 1)], [.init(index: HistogramBuckets.count, count: 1)], [.init(index: 3, count: 0)],
      [.init(index: 3, count: 1), .init(index: 3, count: 1)], [.init(index: 4, count: 1), .init(index: 3, count: 1)],
      [.init(index: 3, count: Int.max), .init(index: 4, count: 1)],
    ]
    for buckets in bad { #expect(!HistogramSnapshot(buckets: buckets).isValid) }
    #expect(!HistogramSnapshot(sum: -1).isValid && !HistogramSnapshot(max: -1).isValid)
    #expect(HistogramSnapshot(buckets: [.init(index: 3, count: Int.max)]).isValid)
    #expect(HistogramSnapshot(buckets: [.init(index: 3, count: Int.max)], max: 4).quantile(percent: 99) == 4)
  }
}
