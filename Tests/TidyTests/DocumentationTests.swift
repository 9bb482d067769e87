import Testing

/// What the articles say of the code and the tests is there.
@Suite struct DocumentationTests {
  private static let articles = "Sources/Engine/Engine.docc/"
  private static let functions = Set(
    Repository.files([".swift"]).filter { $0.path.hasPrefix("Tests/") }.flatMap { file in
      file.text.utf8.split(separator: UInt8(ascii: "\n")).compactMap(functionName)
    })

  /// The name behind `func` in a line. Bytes, because a debug build is slow with characters.
  private static func functionName(_ line: Substring.UTF8View) -> String? {
    let words = line.split(separator: UInt8(ascii: " "))
    guard let place = words.firstIndex(where: { $0.elementsEqual("func".utf8) }), place + 1 < words.count else { return nil }
    return String(words[place + 1].prefix { $0 != UInt8(ascii: "(") })
  }

  private func isTest(_ name: String) -> Bool { Self.functions.contains(name) }

  @Test func everyTestThatTheContractNamesExists() {
    let text = Repository.text(Self.articles + "DurabilityContract.md")
    let names = Set(DocumentTable.testNames(in: text)).sorted()
    #expect(names.count > 20)
    for name in names { #expect(isTest(name), "there is no test \(name)") }
    #expect(!isTest("aTestThatNobody" + "HasWritten"))
  }

  @Test func everyRowOfTheContractIsExecuted() {
    let tables = DocumentTable.tables(in: Repository.text(Self.articles + "DurabilityContract.md"))
    #expect(tables.count == 2)
    for table in tables {
      #expect(table.heading.last == "executed by")
      for row in table.rows where !row[1].hasPrefix("promise nothing") {
        #expect(!DocumentTable.testNames(in: row.last ?? "").isEmpty, "no test executes: \(row[0])")
      }
    }
  }

  /// A record of the journal has one fate; only those of changes have different ones.
  @Test func theDecisionTableOfRecoveryHasOneRowForEachCase() {
    let source = Repository.text("Sources/JournalFormat/Record.swift").split(separator: "enum RecordType")
    let kinds = (source.last ?? "").prefix { $0 != "}" }.split(separator: "\n").compactMap { line -> String? in
      let words = line.split(separator: " ")
      return words.first == "case" && words.count > 1 ? String(words[1]) : nil
    }
    #expect(kinds.count == 12)
    let wanted = kinds.flatMap { kind in
      ["namespace", "content"].contains(kind)
        ? ["completed", "in doubt", "pending"].map { "\(kind) \($0)" } : ["\(kind) any"]
    }
    let table = DocumentTable.tables(in: Repository.text(Self.articles + "Recovery.md")).first { $0.heading.first == "record" }
    #expect(table?.rows.map { "\($0[0]) \($0[1])" }.sorted() == wanted.sorted())
  }

  @Test func everyRuleOfTheProtocolIsAccountedForOnce() {
    let table = DocumentTable.tables(in: Repository.text(Self.articles + "Recovery.md")).first { $0.heading.first == "rule" }
    let numbers = table?.rows.compactMap { $0[0].split(separator: " ").first.map(String.init) }
    #expect(numbers == (1...24).map { "R\($0)" })
  }

  @Test func linksOfTheReadmesLeadSomewhere() {
    for (path, folder) in [("README.md", ""), ("Mount/README.md", "Mount/")] {
      for link in DocumentTable.links(in: Repository.text(path)) {
        #expect(!Repository.text(folder + link).isEmpty, "\(path): \(link)")
      }
    }
    #expect(DocumentTable.links(in: "[a](b.md), [c](https://d) and [e](f#g)") == ["b.md", "f"])
  }
}
