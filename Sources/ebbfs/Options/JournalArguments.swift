/// Reads what stands behind `ebbfs journal`.
enum JournalArguments {
  private static let check = "journal check"
  private static let dump = "journal dump"
  private static let extract = "journal extract"

  static func parse(_ words: [String]) throws(CommandFailure) -> CommandLineRequest {
    let rest = Array(words.dropFirst())
    switch words.first {
    case "check": return .journal(.check, place: try Arguments.only(rest, check))
    case "dump": return try dump(rest)
    case "extract": return try extract(rest)
    case let word:
      throw Arguments.usage(
        "journal", word.map { "unknown journal command \($0)" } ?? "a journal command is needed")
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

  private static func extract(_ words: [String]) throws(CommandFailure) -> CommandLineRequest {
    var options = JournalExtractOptions(lsn: 0, path: "")
    var plain: [String] = []
    var rest = words[...]
    while let word = rest.popFirst() {
      switch word {
      case "--partial": options.isPartial = true
      case "-o":
        guard let file = rest.popFirst(), !file.isEmpty else { throw Arguments.usage(extract, "-o needs a file behind it") }
        options.output = file
      case "--":
        plain += rest
        rest = []
      case _ where word.hasPrefix("-"): throw Arguments.usage(extract, "unknown option \(word)")
      default: plain.append(word)
      }
    }
    guard plain.count == 3 else {
      throw Arguments.usage(extract, plain.count < 3 ? "an argument is missing" : "unexpected argument \(plain[3])")
    }
    options.lsn = try lsn(plain[1], extract)
    options.path = plain[2]
    return .journal(.extract(options), place: plain[0])
  }

  /// The number of a record: 1 is the first.
  private static func lsn(_ text: String, _ form: String) throws(CommandFailure) -> UInt64 {
    guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let number = UInt64(text),
      (1...1 << 62).contains(number)
    else { throw Arguments.usage(form, text.isEmpty ? "an LSN is missing" : "\(text) is no LSN: a number from 1") }
    return number
  }
}
