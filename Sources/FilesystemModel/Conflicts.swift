/// Whose version a name keeps when this mount and somebody else have changed the same file (P5).
package enum ConflictPolicy: Hashable, Sendable, CaseIterable {
  /// Ours has the name, theirs is kept beside it.
  case keepBoth
  case ours
  /// What was changed on the mount is given up.
  case theirs
}

/// A change of the mount that met a change which somebody else has made in the backing directory.
package struct Conflict: Hashable, Sendable {
  /// What the mount's change was about to do to what somebody else has changed.
  package enum Kind: UInt8, Hashable, Sendable, CaseIterable {
    case overwrite = 1
    case truncate = 2
    case unlink = 3
    case renameOver = 4
    /// Of a directory with new entries.
    case removeDirectory = 5
    /// The name has come into being on both sides.
    case newName = 6

    /// For people, and in JSON.
    package var name: String {
      switch self {
      case .overwrite: "overwrite"
      case .truncate: "truncate"
      case .unlink: "unlink"
      case .renameOver: "rename-over"
      case .removeDirectory: "rmdir"
      case .newName: "new-name"
      }
    }
  }

  /// What was done about it.
  package enum Resolution: Hashable, Sendable {
    /// Theirs has this name in the same directory, ours the one in conflict.
    case kept(as: EntryName)
    /// Theirs is gone.
    case ours
    /// Ours is gone.
    case theirs
  }

  package var kind: Kind
  /// The path in the backing directory, without a slash at its beginning.
  package var path: [UInt8]
  package var time: Timestamp
  package var resolution: Resolution

  package init(kind: Kind, path: [UInt8], time: Timestamp, resolution: Resolution) {
    self.kind = kind
    self.path = path
    self.time = time
    self.resolution = resolution
  }
}

extension EntryName {
  /// The name under which theirs is kept beside `self`: `NAME.ebbfs-conflict-20261121T093000Z`, from the second attempt on with a
  /// number behind it. The end of a long name is cut, between characters where it is UTF-8.
  ///
  /// - Parameters:
  ///   - attempt: From 1.
  ///   - bytesMax: The longest name that the directory takes.
  package func ofConflict(at time: Timestamp, attempt: Int, bytesMax: Int) -> EntryName {
    let suffix = Array((".ebbfs-conflict-\(time.calendarText)" + (attempt > 1 ? "-\(attempt)" : "")).utf8)
    var stem = bytes.prefix(max(1, bytesMax - suffix.count))
    // A byte 10xxxxxx goes on with a character: it stays with those before it.
    if stem.count < bytes.count {
      while stem.count > 1, bytes[stem.count] & 0xc0 == 0x80 { stem.removeLast() }
    }
    return EntryName(unchecked: stem + suffix)
  }
}

extension Timestamp {
  /// UTC in the basic form of ISO 8601, to the second: `20261121T093000Z`.
  package var calendarText: String {
    let day = Int(seconds.quotientRoundedDown(by: 86_400))
    let second = Int(seconds) - day * 86_400
    let (year, month, dayOfMonth) = Self.civilDate(daysSince1970: day)
    let fields = [(year, 4), (month, 2), (dayOfMonth, 2)].map(Self.padded).joined()
    return fields + "T" + [(second / 3600, 2), (second / 60 % 60, 2), (second % 60, 2)].map(Self.padded).joined() + "Z"
  }

  private static func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }

  /// Counts years from March, so that the leap day is a year's last. Source: Howard Hinnant, "chrono-Compatible Low-Level Date
  /// Algorithms", `civil_from_days`.
  private static func civilDate(daysSince1970 days: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
  }
}

extension Int64 {
  fileprivate func quotientRoundedDown(by divisor: Int64) -> Int64 {
    let quotient = self / divisor
    return self % divisor < 0 ? quotient - 1 : quotient
  }
}
