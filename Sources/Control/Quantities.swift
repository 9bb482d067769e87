/// How sizes and times are written for people.
package enum Quantity {
  /// Bytes in binary units with one decimal: `512 B`, `1.5 MiB`.
  package static func size(_ bytes: Int) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    guard bytes.magnitude >= 1024 else { return "\(bytes) B" }
    var tenths = Double(bytes) / 1024 * 10
    var unit = 0
    while tenths.magnitude >= 10_235, unit < units.count - 1 {
      tenths /= 1024
      unit += 1
    }
    let rounded = Int(tenths.rounded())
    return "\(rounded / 10).\(rounded.magnitude % 10) \(units[unit])"
  }

  /// A time in milliseconds, in the unit that suits it: `250 ms`, `5.0 s`, `3 min 20 s`, `2 h 5 min`.
  package static func time(milliseconds: Int) -> String {
    switch milliseconds {
    case ..<1000: "\(milliseconds) ms"
    case ..<60_000: "\(milliseconds / 1000).\(milliseconds % 1000 / 100) s"
    case ..<3_600_000: "\(milliseconds / 60_000) min \(milliseconds % 60_000 / 1000) s"
    default: "\(milliseconds / 3_600_000) h \(milliseconds % 3_600_000 / 60_000) min"
    }
  }

  /// A time in nanoseconds, in the unit that suits it: `250 ns`, `12.5 us`, `5.0 ms`, and from a second on as above.
  package static func time(nanoseconds: Int) -> String {
    switch nanoseconds {
    case ..<1000: "\(nanoseconds) ns"
    case ..<1_000_000: "\(nanoseconds / 1000).\(nanoseconds % 1000 / 100) us"
    case ..<1_000_000_000: "\(nanoseconds / 1_000_000).\(nanoseconds % 1_000_000 / 100_000) ms"
    default: time(milliseconds: nanoseconds / 1_000_000)
    }
  }

  /// A number of which the last `digits` digits are behind the point, without needless zeros: `1500000000` with 9 is `1.5`.
  package static func decimal(_ number: Int, digits: Int) -> String {
    var text = String(number.magnitude)
    if digits > 0 {
      text = String(repeating: "0", count: max(0, digits + 1 - text.count)) + text
      var fraction = text.suffix(digits)
      while fraction.last == "0" { fraction.removeLast() }
      text = text.dropLast(digits) + (fraction.isEmpty ? "" : "." + fraction)
    }
    return (number < 0 ? "-" : "") + text
  }

  /// Whole percent, rounded down; `nil` of nothing, and where the number would be too great to mean anything.
  package static func percent(_ part: Int, of whole: Int) -> Int? {
    whole > 0 ? Int(exactly: (Double(part) * 100 / Double(whole)).rounded(.towardZero)) : nil
  }

  /// A number with its noun: `1 file`, `2 files`; `plural` where an `s` does not make it.
  package static func count(_ number: Int, _ noun: String, _ plural: String? = nil) -> String {
    "\(number) \(number == 1 ? noun : plural ?? noun + "s")"
  }
}
