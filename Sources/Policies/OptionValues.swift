/// Why the text of an option is no value of it: the end of a sentence that begins with the option.
package struct ValueError: Error, Hashable, Sendable {
  package var reason: String

  package init(reason: String) { self.reason = reason }
}

/// Reads what stands behind the `=` of an option or in a rules file.
package enum OptionValues {
  package static let sizeUnits: [(suffix: String, factor: Int)] = [
    ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30), ("T", 1 << 40),
  ]
  package static let timeUnits: [(suffix: String, factor: Int)] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)]

  /// `512M`: bytes, with K, M, G or T for the powers of 1024.
  package static func size(_ text: String, _ range: ClosedRange<Int>) throws(ValueError) -> Int {
    let (digits, unit) = split(text)
    // Bytes: to Swift the sign of the unit kelvin equals a K.
    let factor = unit.isEmpty ? 1 : sizeUnits.first { $0.suffix.utf8.elementsEqual(unit.uppercased().utf8) }?.factor
    guard let factor, let bytes = product(digits, factor) else {
      throw ValueError(reason: "is no size: digits, then nothing, K, M, G or T")
    }
    guard range.contains(bytes) else {
      throw ValueError(reason: "is not between \(sizeText(range.lowerBound)) and \(sizeText(range.upperBound))")
    }
    return bytes
  }

  /// `250ms`, `5s`, `1m`, `1h` in milliseconds; `0` needs no unit.
  package static func time(_ text: String, _ range: ClosedRange<Int>) throws(ValueError) -> Int {
    let (digits, unit) = split(text)
    let factor = text == "0" ? 1 : timeUnits.first { $0.suffix == unit }?.factor
    guard let factor, let milliseconds = product(digits, factor) else {
      throw ValueError(reason: "is no time: digits, then ms, s, m or h")
    }
    guard range.contains(milliseconds) else {
      throw ValueError(reason: "is not between \(timeText(range.lowerBound)) and \(timeText(range.upperBound))")
    }
    return milliseconds
  }

  package static func count(_ text: String, _ range: ClosedRange<Int>) throws(ValueError) -> Int {
    guard let count = product(text, 1) else { throw ValueError(reason: "is no number") }
    guard range.contains(count) else { throw ValueError(reason: "is not between \(range.lowerBound) and \(range.upperBound)") }
    return count
  }

  /// The index of one of some words.
  package static func choice(_ text: String, _ words: [String]) throws(ValueError) -> Int {
    // Bytes: to Swift different spellings of an accent are equal.
    if let index = words.firstIndex(where: { $0.utf8.elementsEqual(text.utf8) }) { return index }
    throw ValueError(reason: "is none of \(words.joined(separator: ", "))")
  }

  /// `always`, `os`, `batch`, `batch=100` or `batch=100ms`.
  package static func durability(_ text: String) throws(ValueError) -> Durability {
    switch text {
    case "always": return .always
    case "os": return .system
    case "batch": return .batchDefault
    case _ where text.hasPrefix("batch="):
      let time = String(text.dropFirst("batch=".count))
      let range = Durability.batchMillisecondsRange
      return .batch(milliseconds: try time.allSatisfy(\.isNumber) ? count(time, range) : self.time(time, range))
    default: throw ValueError(reason: "is none of always, batch, batch=MS, os")
    }
  }

  /// A size in the greatest unit that divides it.
  package static func sizeText(_ bytes: Int) -> String { text(bytes, sizeUnits) }

  package static func timeText(_ milliseconds: Int) -> String { text(milliseconds, timeUnits) }

  private static func text(_ number: Int, _ units: [(suffix: String, factor: Int)]) -> String {
    guard number != 0, let unit = units.last(where: { number % $0.factor == 0 }) else { return String(number) }
    return String(number / unit.factor) + unit.suffix
  }

  package static func split(_ text: String) -> (digits: String, unit: String) {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    return (String(digits), String(text.dropFirst(digits.count)))
  }

  private static func product(_ digits: String, _ factor: Int) -> Int? {
    guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int(digits) else { return nil }
    let (result, overflow) = number.multipliedReportingOverflow(by: factor)
    return overflow ? nil : result
  }
}
