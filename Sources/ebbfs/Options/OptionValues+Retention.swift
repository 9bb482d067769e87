import Policies
import WriteAheadLog

extension OptionValues {
  static let retainedBytes = 0...1 << 44
  static let retainedTime = 1000...8760 * 3_600_000

  /// `10G` or `7h`: the units of times are small letters, so that `m` is minutes and `M` is 1024 * 1024 bytes.
  static func retention(_ text: String) throws(ValueError) -> Retention {
    let unit = split(text).unit
    if timeUnits.contains(where: { $0.suffix == unit }) { return .time(milliseconds: try time(text, retainedTime)) }
    guard unit.isEmpty || sizeUnits.contains(where: { $0.suffix == unit }) else {
      throw ValueError(reason: "is neither a size (digits, then nothing, K, M, G or T) nor a time (digits, then ms, s, m or h)")
    }
    return .bytes(try size(text, retainedBytes))
  }

  static func retentionText(_ retention: Retention) -> String {
    switch retention {
    case .bytes(let bytes): sizeText(bytes)
    case .time(let milliseconds): timeText(milliseconds)
    }
  }
}
