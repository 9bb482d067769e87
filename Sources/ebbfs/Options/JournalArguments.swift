/// Reads what stands behind `ebbfs journal`.
enum JournalArguments {
  private static let place = "STATEDIR|BACKING|MOUNTPOINT"
  private static let check = "journal check \(place)"
  static let dump = "journal dump \(place) [--from LSN] [--follow] [--json]"

  static func parse(_ words: [String]) throws(CommandFailure) -> CommandLineRequest {
    let rest = Array(words.dropFirst())
    switch words.first {
    case "check": return .journal(.check, place: try Arguments.only(rest, check))
    case "dump": return try dump(rest)
    case let word:
      throw Arguments.usage(
        "journal check|dump \(place)", word.map { "unknown journal command \($0)" } ?? "a journal command is needed")
    }
  }

  private static func dump(_ words: [String]) throws(CommandFailure) -> CommandLineRequest {
    var options = JournalDumpOptions()
    var places: [String] = []
    var rest = words[...]
    while let word = rest.popFirst() {
      switch word {
      case "--follow": options.isFollowing = true
      case "--json": options.asJSON = true
      case "--from": options.from = try lsn(rest.popFirst() ?? "", dump)
      default: places.append(word)
      }
    }
    return .journal(.dump(options), place: try Arguments.only(places, dump))
  }

  /// The number of a record: 1 is the first.
  private static func lsn(_ text: String, _ form: String) throws(CommandFailure) -> UInt64 {
    guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let number = UInt64(text),
      (1...1 << 62).contains(number)
    else { throw Arguments.usage(form, text.isEmpty ? "--from needs an LSN" : "\(text) is no LSN: a number from 1") }
    return number
  }
}
