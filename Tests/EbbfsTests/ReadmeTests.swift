import Testing

@testable import ebbfs

/// The rows that the README must have; printed when they are missing, to be copied.
private func expectRows(_ rows: [String]) throws {
  let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
  let readme = try Files.text("/" + root + "/README.md")
  let missing = rows.filter { !readme.contains($0 + "\n") }
  #expect(missing.isEmpty, "the README lacks:\n\(missing.joined(separator: "\n"))")
}

/// As text stands in a table.
private func cell(_ text: String) -> String { text.map { $0 == "|" ? "\\|" : String($0) }.joined() }

@Test func theReadmeHasEveryCommandAsTheTableHasIt() throws {
  try expectRows(CommandTable.forms.map { "| `ebbfs \(cell($0.synopsis))` | \(cell($0.help)) |" })
}

@Test func theReadmeHasEveryOptionAsTheTableHasIt() throws {
  try expectRows(
    OptionTable.options.map { option in
      "| `\(cell(option.usage))` | \(option.rangeText) | \(option.defaultText) | \(option.help) |"
    })
}

@Test func theReadmeHasEveryExitStatus() throws {
  try expectRows(ExitStatus.allCases.map { "| \($0.rawValue) | \($0.meaning) |" })
}
