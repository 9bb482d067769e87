/// Reads what stands behind `ebbfs debug`.
enum DebugArguments {
  private static let form = "debug bundle"

  static func parse(_ words: [String]) throws(CommandFailure) -> CommandLineRequest {
    guard words.first == "bundle" else {
      throw Arguments.usage(form, words.first.map { "unknown debug command \($0)" } ?? "a debug command is needed")
    }
    var output: String?
    var places: [String] = []
    var rest = words.dropFirst()
    while let word = rest.popFirst() {
      if word == "-o" {
        guard let file = rest.popFirst(), !file.isEmpty else { throw Arguments.usage(form, "-o needs a file behind it") }
        output = file
      } else {
        places.append(word)
      }
    }
    return .debugBundle(place: try Arguments.only(places, form), output: output)
  }
}
