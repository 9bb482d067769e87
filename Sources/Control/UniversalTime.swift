/// Moments for people and programs, RFC 3339 in UTC.
package enum UniversalTime {
  /// `2026-01-31T23:59:59Z` for seconds since 1970; the seconds themselves where the year has no four digits.
  ///
  /// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
  package static func text(_ seconds: Int) -> String {
    guard (-62_135_596_800...253_402_300_799).contains(seconds) else { return String(seconds) }
    let days = Int((Double(seconds) / 86_400).rounded(.down))
    let rest = seconds - days * 86_400
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let day = shifted - era * 146_097
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365
    let dayOfYear = day - (365 * year + year / 4 - year / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let dayOfMonth = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let civilYear = year + era * 400 + (month <= 2 ? 1 : 0)
    return "\(digits(civilYear, 4))-\(digits(month, 2))-\(digits(dayOfMonth, 2))T"
      + "\(digits(rest / 3600, 2)):\(digits(rest / 60 % 60, 2)):\(digits(rest % 60, 2))Z"
  }

  private static func digits(_ number: Int, _ count: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, count - text.count)) + text
  }
}
