import Control

/// How far a write-back is that somebody waits for, how fast it goes and how long it may take.
///
/// The whole is the most that was ever left. The rate is that of the last few seconds.
struct ProgressMeter {
  private struct Sample {
    var milliseconds: Int
    var left: ControlProgress
  }

  private var total = ControlProgress(bytesLeft: 0, operationsLeft: 0)
  private var samples: [Sample] = []
  private var startedAt: Int?
  private static let windowMilliseconds = 5000
  private static let barWidth = 20

  /// Whether there was anything to tell.
  var hasWaited: Bool { startedAt != nil }

  /// Takes what is left at an uptime in milliseconds.
  mutating func note(_ left: ControlProgress, now: Int) {
    if startedAt == nil { startedAt = now }
    // Whatever the other side says, it cannot be less than nothing.
    let left = ControlProgress(bytesLeft: max(0, left.bytesLeft), operationsLeft: max(0, left.operationsLeft))
    total.bytesLeft = max(total.bytesLeft, left.bytesLeft)
    total.operationsLeft = max(total.operationsLeft, left.operationsLeft)
    samples.append(Sample(milliseconds: now, left: left))
    while samples.count > 2, now - samples[0].milliseconds > Self.windowMilliseconds { samples.removeFirst() }
  }

  /// `1.0 MiB of 4.0 MiB, 3 of 10 operations, 512.0 KiB/s, 6.0 s left`; without operations where there are bytes only.
  var text: String {
    guard let left = samples.last?.left else { return "" }
    let bytes = "\(Quantity.size(total.bytesLeft - left.bytesLeft)) of \(Quantity.size(total.bytesLeft))"
    let operations =
      total.operationsLeft == 0 && total.bytesLeft > 0
      ? "" : ", \(total.operationsLeft - left.operationsLeft) of \(Quantity.count(total.operationsLeft, "operation"))"
    let rate = rate { $0.bytesLeft }.map { ", \(Quantity.size($0))/s" } ?? ""
    let time = millisecondsLeft.map { ", \(Quantity.time(milliseconds: $0)) left" } ?? ""
    return "\(bytes)\(operations)\(rate)\(time)"
  }

  /// `[#####...............] `, by bytes, or by operations where no bytes are left.
  var bar: String {
    guard let left = samples.last?.left else { return "" }
    let (part, whole) =
      total.bytesLeft > 0 ? (left.bytesLeft, total.bytesLeft) : (left.operationsLeft, max(total.operationsLeft, 1))
    let done = Int(Double(whole - part) / Double(whole) * Double(Self.barWidth))
    return "[" + String(repeating: "#", count: done) + String(repeating: ".", count: Self.barWidth - done) + "] "
  }

  /// What was done, for the end.
  func summary(now: Int) -> String {
    "wrote back \(Quantity.size(total.bytesLeft)) and \(Quantity.count(total.operationsLeft, "operation")) in "
      + Quantity.time(milliseconds: now - (startedAt ?? now))
  }

  /// How much goes in a second; `nil` while that is not known, and where more comes than goes.
  private func rate(_ amount: (ControlProgress) -> Int) -> Int? {
    guard let first = samples.first, let last = samples.last, last.milliseconds > first.milliseconds else { return nil }
    let gone = Double(amount(first.left)) - Double(amount(last.left))
    let perSecond = gone * 1000 / Double(last.milliseconds - first.milliseconds)
    return perSecond >= 1 ? Int(exactly: perSecond.rounded()) : nil
  }

  /// By whichever of bytes and operations takes longer.
  private var millisecondsLeft: Int? {
    guard let left = samples.last?.left else { return nil }
    let times = [\ControlProgress.bytesLeft, \.operationsLeft].map { amount -> Int? in
      if left[keyPath: amount] == 0 { return 0 }
      return rate { $0[keyPath: amount] }.flatMap { Int(exactly: (Double(left[keyPath: amount]) * 1000 / Double($0)).rounded()) }
    }
    return times.contains(nil) ? nil : times.compactMap(\.self).max()
  }
}
