import Engine
import Policies

extension OptionValues {
  private static let shareBytes = 1 << 20...1 << 44

  /// `512M`, or `50%` of the journal's capacity.
  static func share(_ text: String) throws(ValueError) -> JournalShare {
    guard text.hasSuffix("%") else { return .bytes(try size(text, shareBytes)) }
    return .percent(try count(String(text.dropLast()), 1...100))
  }

  static func shareText(_ share: JournalShare) -> String {
    switch share {
    case .bytes(let bytes): sizeText(bytes)
    case .percent(let percent): "\(percent)%"
    }
  }
}
