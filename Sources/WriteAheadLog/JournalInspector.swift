import FilesystemModel
import JournalFormat
import StorageInterface

/// What `ebbfs journal check` tells. Changes nothing.
package enum JournalInspector {
  /// Decides as a mount would, for any backing directory.
  ///
  /// - Parameter observer: is told how far it is.
  /// - Throws: `storage` when the disk cannot be read; everything else is part of the report.
  package static func check(
    _ storage: any JournalStorage, newest: UInt32 = FormatVersion.newest, observer: (@Sendable (JournalReading) -> Void)? = nil
  ) throws(JournalError) -> JournalReport {
    var scanner = JournalScanner(storage, newest: newest, observer: observer)
    var verdict: JournalVerdict
    var scan: JournalScan?
    do {
      let found = try scanner.scan(backingDescription: nil)
      try found.gathered?.check(from: found.lowWater)
      scan = found
      verdict = found.isEmpty ? .empty : .clean
      if let torn = found.tornTail { verdict = .torn(torn) }
    } catch {
      if case .storage = error { throw error }
      verdict = .refused(error)
    }
    return JournalReport(
      verdict: verdict, segments: scanner.candidates.count,
      oldestFormat: scanner.candidates.compactMap(\.header).map(\.version).min(),
      epoch: scanner.candidates.compactMap(\.header).map(\.epoch).max() ?? 0, firstLSN: scanner.extents.first?.firstLSN,
      lastLSN: scanner.extents.isEmpty ? nil : scanner.expected.previous, lowWater: scan?.lowWater,
      backingDescription: scan?.backingDescription ?? "",
      recordsByType: RecordType.allCases.map { (type: $0, count: scanner.recordsByType[$0] ?? 0) })
  }
}

/// What a mount would do with the journal.
package enum JournalVerdict: Hashable, Sendable {
  case empty
  case clean
  case torn(TornTail)
  case refused(JournalError)
}

/// The result of a check.
package struct JournalReport: Sendable, CustomStringConvertible {
  package let verdict: JournalVerdict
  package let segments: Int
  /// The oldest version of the format that a segment has; `nil` when none is in use.
  package let oldestFormat: UInt32?
  package let epoch: UInt64
  package let firstLSN: LSN?
  package let lastLSN: LSN?
  package let lowWater: LSN?
  package let backingDescription: String
  /// In the order of the types' numbers.
  package let recordsByType: [(type: RecordType, count: Int)]

  /// Whether a mount would accept the journal.
  package var isAcceptable: Bool {
    if case .refused = verdict { false } else { true }
  }

  package var description: String {
    let outcome =
      switch verdict {
      case .empty: "empty"
      case .clean: "clean"
      case .torn(let tail): tail.description
      case .refused(let error): error.description
      }
    let counts = recordsByType.filter { $0.count > 0 }.map { "\($0.count) \($0.type)" }.joined(separator: ", ")
    let range =
      if let firstLSN, let lastLSN { "LSN \(firstLSN.rawValue) to \(lastLSN.rawValue)" } else { "no records" }
    let format = oldestFormat.map { " of format version \($0)" } ?? ""
    return "\(outcome); \(segments) segments\(format), epoch \(epoch), \(range), low-water \(lowWater?.rawValue ?? 0)"
      + (counts.isEmpty ? "" : ": " + counts)
  }
}
