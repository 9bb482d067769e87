/// What `ebbfs dead-letters` does.
enum DeadLetterVerb: Hashable, Sendable {
  case list(asJSON: Bool)
  case retry(DeadLetterSelection)
  case export(directory: String)
  case discard(DeadLetterSelection, withDependents: Bool)
}

/// Which dead letters a command is about: each word is a path of the mount, or `#` and what the list shows behind it.
enum DeadLetterSelection: Hashable, Sendable {
  case all
  case words([String])
}

/// The words behind `ebbfs dead-letters`.
enum DeadLetterArguments {
  private static let usage = "dead-letters"

  static func parse(_ words: [String]) throws(CommandFailure) -> CommandLineRequest {
    guard let mountpoint = words.first, !mountpoint.hasPrefix("-") else {
      throw Arguments.usage(usage, "a mountpoint is needed")
    }
    var flags = Set<String>()
    var rest: [String] = []
    var isPathsOnly = false
    for word in words.dropFirst(2) {
      if word == "--", !isPathsOnly {
        isPathsOnly = true
      } else if word.hasPrefix("-"), !isPathsOnly {
        flags.insert(word)
      } else {
        rest.append(word)
      }
    }
    let name = words.count > 1 ? words[1] : "list"
    let known: Set<String> =
      switch name {
      case "list": ["--json"]
      case "retry": ["--all"]
      case "discard": ["--all", "--force"]
      case "export": []
      default: throw Arguments.usage(usage, "unknown dead-letters command \(name)")
      }
    if let unknown = flags.subtracting(known).min() { throw Arguments.usage(usage, "unknown option \(unknown)") }
    return .deadLetters(try verb(name, flags, rest), mountpoint: mountpoint)
  }

  private static func verb(
    _ name: String, _ flags: Set<String>, _ rest: [String]
  ) throws(CommandFailure) -> DeadLetterVerb {
    let isAll = flags.contains("--all")
    if isAll, let word = rest.first { throw Arguments.usage(usage, "unexpected argument \(word) beside --all") }
    switch name {
    case "retry": return .retry(rest.isEmpty ? .all : .words(rest))
    case "discard":
      guard isAll || !rest.isEmpty else { throw Arguments.usage(usage, "paths or --all are needed") }
      return .discard(isAll ? .all : .words(rest), withDependents: flags.contains("--force"))
    case "export":
      guard rest.count == 1 else {
        throw Arguments.usage(usage, rest.isEmpty ? "a directory is needed" : "unexpected argument \(rest[1])")
      }
      return .export(directory: rest[0])
    default:
      if let word = rest.first { throw Arguments.usage(usage, "unexpected argument \(word)") }
      return .list(asJSON: flags.contains("--json"))
    }
  }
}
