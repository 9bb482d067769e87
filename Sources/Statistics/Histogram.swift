import Synchronization

/// How often values of each magnitude came: exact up to 100, with two significant digits above.
///
/// Fixed memory (8 KiB), no lock; any thread may record at any time, in some nanoseconds. What a snapshot says is at most a tenth
/// too high, never too low. The buckets are decimal, so that those of the Prometheus text are sums of whole ones.
package final class Histogram: MetricSource {
  private let description: MetricDescription
  private let buckets = InlineArray<1001, Atomic<UInt64>> { _ in Atomic(0) }
  private let sum = Atomic<UInt64>(0)
  private let greatest = Atomic<UInt64>(0)

  /// - Parameter unit: `seconds` for values that are recorded in nanoseconds.
  package init(_ name: String, _ help: String, _ unit: MetricUnit = .seconds) {
    description = MetricDescription(name: name, help: help, unit: unit)
  }

  /// Counts one value; of a negative one, as a clock that went back would give, zero.
  package func record(_ value: Int) {
    let value = UInt64(max(0, value))
    buckets[HistogramBuckets.index(of: value)].add(1, ordering: .relaxed)
    sum.add(value, ordering: .relaxed)
    if value > greatest.load(ordering: .relaxed) { greatest.max(value, ordering: .relaxed) }
  }

  /// What was recorded so far. Of values that are recorded meanwhile some parts may be missing.
  package var snapshot: HistogramSnapshot {
    var result = HistogramSnapshot()
    for index in 0..<HistogramBuckets.count {
      let count = buckets[index].load(ordering: .relaxed)
      if count > 0 { result.buckets.append(.init(index: index, count: Int(clamping: count))) }
    }
    result.sum = Int(clamping: sum.load(ordering: .relaxed))
    result.max = Int(clamping: greatest.load(ordering: .relaxed))
    return result
  }

  package var families: [MetricFamily] { [description.family(.histogram, [MetricSample(.histogram(snapshot))])] }
}

/// The buckets of all histograms: 0 and 1, 2, 3 ... 100, then 90 for each decade up to 10¹², and one for what is greater. Each
/// holds the values above the upper bound of the one before it, up to its own.
package enum HistogramBuckets {
  package static let count = 1001

  /// The bucket of a value. Constant divisors, because a division by a variable takes longer than all the rest.
  static func index(of value: UInt64) -> Int {
    let below = value == 0 ? 0 : value - 1
    return switch below {
    case ..<100: Int(below)
    case ..<1000: 90 + Int(below / 10)
    case ..<10_000: 180 + Int(below / 100)
    case ..<100_000: 270 + Int(below / 1000)
    case ..<1_000_000: 360 + Int(below / 10_000)
    case ..<10_000_000: 450 + Int(below / 100_000)
    case ..<100_000_000: 540 + Int(below / 1_000_000)
    case ..<1_000_000_000: 630 + Int(below / 10_000_000)
    case ..<10_000_000_000: 720 + Int(below / 100_000_000)
    case ..<100_000_000_000: 810 + Int(below / 1_000_000_000)
    case ..<1_000_000_000_000: 900 + Int(below / 10_000_000_000)
    default: 1000
    }
  }

  /// The greatest value in a bucket; `Int.max` in the last.
  package static func upperBound(of index: Int) -> Int {
    if index < 100 { return index + 1 }
    if index >= count - 1 { return Int.max }
    let (decade, digits) = (index - 100).quotientAndRemainder(dividingBy: 90)
    return (digits + 11) * powerOfTen(decade + 1)
  }

  private static func powerOfTen(_ exponent: Int) -> Int { (0..<exponent).reduce(1) { power, _ in power * 10 } }
}

/// What a histogram held at one moment. Snapshots of several histograms can be merged.
package struct HistogramSnapshot: Hashable, Sendable {
  package struct Bucket: Hashable, Sendable {
    package var index: Int
    package var count: Int

    package init(index: Int, count: Int) {
      self.index = index
      self.count = count
    }
  }

  /// Those with values in them, ascending.
  package var buckets: [Bucket] = []
  package var sum = 0
  package var max = 0

  package init(buckets: [Bucket] = [], sum: Int = 0, max: Int = 0) {
    self.buckets = buckets
    self.sum = sum
    self.max = max
  }

  /// How many values there are.
  package var count: Int { buckets.reduce(0) { $0 &+ $1.count } }

  /// How many values are at most `bound`, which is the upper bound of a bucket.
  package func count(upTo bound: Int) -> Int {
    buckets.prefix { HistogramBuckets.upperBound(of: $0.index) <= bound }.reduce(0) { $0 + $1.count }
  }

  /// The value that `percent` of all values do not exceed: not less than the true one, and at most a tenth more. 0 of nothing.
  package func quantile(percent: Int) -> Int {
    let (hundreds, rest) = count.quotientAndRemainder(dividingBy: 100)
    let rank = hundreds * percent + (rest * percent + 99) / 100
    var seen = 0
    for bucket in buckets {
      seen &+= bucket.count
      if seen >= rank { return min(HistogramBuckets.upperBound(of: bucket.index), max) }
    }
    return 0
  }

  /// Adds what another histogram held.
  package mutating func merge(_ other: HistogramSnapshot) {
    var counts: [Int: Int] = [:]
    for bucket in buckets + other.buckets { counts[bucket.index, default: 0] &+= bucket.count }
    buckets = counts.map { Bucket(index: $0.key, count: $0.value) }.sorted { $0.index < $1.index }
    sum &+= other.sum
    max = Swift.max(max, other.max)
  }

  /// What was recorded after an earlier snapshot of the same histogram. The maximum is that of all.
  package func since(_ earlier: HistogramSnapshot) -> HistogramSnapshot {
    let before = Dictionary(earlier.buckets.map { ($0.index, $0.count) }) { first, _ in first }
    let grown = buckets.map { Bucket(index: $0.index, count: $0.count &- before[$0.index, default: 0]) }
    return HistogramSnapshot(buckets: grown.filter { $0.count > 0 }, sum: Swift.max(0, sum &- earlier.sum), max: max)
  }

  /// Whether buckets ascend and counts and sums are such as can have been recorded. What comes from elsewhere must be.
  package var isValid: Bool {
    var total = 0
    var last = -1
    for bucket in buckets {
      guard bucket.index > last, bucket.index < HistogramBuckets.count, bucket.count > 0 else { return false }
      let (sum, overflows) = total.addingReportingOverflow(bucket.count)
      guard !overflows else { return false }
      (total, last) = (sum, bucket.index)
    }
    return sum >= 0 && max >= 0
  }
}
