/// Reads what stands behind `ebbfs debug`.
enum DebugArguments {
  private static let form = "debug bundle"

  static func parse(_ words: [String]) throws(CommandFailure) -> CommandLineRequest {
    guard words.first == "bundle" else {
      throw Arguments.usage(form, words.first.map { "unknown debug command \($0)" } ?? "a debug command is needed")
    }
    let words = try CommandWords(Array(words.dropFirst()), form, valued: ["-o"], pathCounts: 1...1)
    return .debugBundle(place: words.paths[0], output: words.value("-o"))
  }
}
