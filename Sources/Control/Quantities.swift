import FilesystemModel

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

  /// A moment in UTC, `20261121T093000Z`, as names of conflicts have it.
  package static func moment(seconds: Int) -> String { Timestamp(seconds: Int64(seconds)).calendarText }

  /// Whole percent, rounded down; `nil` of nothing, and where the number would be too great to mean anything.
  package static func percent(_ part: Int, of whole: Int) -> Int? {
    whole > 0 ? Int(exactly: (Double(part) * 100 / Double(whole)).rounded(.towardZero)) : nil
  }

  /// A number with its noun: `1 file`, `2 files`.
  package static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
}
