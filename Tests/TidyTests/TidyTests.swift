import Testing

/// Style as a test: every rule is checked on all files, and on planted text that must break it.
@Suite struct TidyTests {
  private static let files = Repository.files([".swift", ".c", ".h"])
  private static let swiftFiles = files.filter { $0.path.hasSuffix(".swift") }

  private func expectNone(_ violations: [String]) {
    #expect(violations.isEmpty, "\n\(violations.joined(separator: "\n"))")
  }

  private func planted(_ text: String, path: String = "Sources/Engine/Planted.swift") -> SourceFile {
    SourceFile(path: path, text: text)
  }

  @Test func theRepositoryIsFound() {
    #expect(Self.swiftFiles.count > 100)
    #expect(Self.swiftFiles.contains { $0.path == "Sources/ebbfs/main.swift" && !$0.text.isEmpty })
  }

  @Test func filesAreShort() {
    expectNone(Self.swiftFiles.flatMap(Rules.fileLength))
    #expect(Rules.fileLength(planted(String(repeating: "\n", count: 400))).isEmpty)
    #expect(!Rules.fileLength(planted(String(repeating: "\n", count: 401))).isEmpty)
  }

  @Test func functionsAreShort() {
    expectNone(Self.swiftFiles.flatMap(Rules.functionLength))
    let body = { (count: Int) in "struct S {\n  func f() {\n" + String(repeating: "    x()\n", count: count) + "  }\n}\n" }
    #expect(Rules.functionLength(planted(body(68))).isEmpty)
    #expect(Rules.functionLength(planted(body(69))) == ["Sources/Engine/Planted.swift:2: function of 71 lines, at most 70"])
  }

  @Test func linesAreShortAndEndWithoutSpace() {
    expectNone(Self.files.flatMap(Rules.lineLength))
    expectNone(Self.files.flatMap(Rules.trailingSpace))
    #expect(!Rules.lineLength(planted(String(repeating: "x", count: 131))).isEmpty)
    #expect(!Rules.trailingSpace(planted("x \ny")).isEmpty)
  }

  @Test func nothingIsLeftForLater() {
    expectNone(Self.files.flatMap(Rules.unfinished))
    #expect(!Rules.unfinished(planted("// TO" + "DO: later")).isEmpty)
  }

  @Test func whatIsUnsafeSaysWhyItIsSafe() {
    expectNone(Self.swiftFiles.flatMap(Rules.safety))
    #expect(!Rules.safety(planted("let x = unsafe p.pointee")).isEmpty)
    #expect(!Rules.safety(planted("final class C: @unchecked " + "Sendable {}")).isEmpty)
    #expect(Rules.safety(planted("// SAFETY" + ": because\nlet x = unsafe p.pointee")).isEmpty)
    #expect(Rules.safety(planted("// unsafe things are elsewhere")).isEmpty)
  }

  @Test func namesSaySomething() {
    expectNone(Self.swiftFiles.flatMap(Rules.emptyNames))
    #expect(!Rules.emptyNames(planted("final class JournalManager {")).isEmpty)
    #expect(Rules.emptyNames(planted("// the class of Manager")).isEmpty)
  }

  @Test func theDataPathHasNoActors() {
    expectNone(Self.swiftFiles.flatMap(Rules.concurrency))
    #expect(!Rules.concurrency(planted("actor Journal {")).isEmpty)
    #expect(!Rules.concurrency(planted("func f() async throws {")).isEmpty)
    #expect(Rules.concurrency(planted("let asynchronous = 1  // async")).isEmpty)
  }

  @Test func targetsImportOnlyWhatTheTableAllows() {
    let table = ImportTable(package: Repository.text("Package.swift"))
    #expect(table.dependencies["Inodes"] == ["FilesystemModel", "Policies"])
    #expect(table.dependencies["FilesystemModel"] == [])
    #expect(table.dependencies["Engine"]?.contains("Flushing") == true)
    expectNone(Self.swiftFiles.flatMap(table.violations))
    for text in [
      "import PosixStorage", "import Foundation", "import Glibc", "@testable import ebbfs", "import struct Foundation.Date",
    ] {
      #expect(!table.violations(planted(text)).isEmpty, "\(text) in Engine")
    }
    #expect(!table.violations(planted("import Foundation", path: "Sources/ebbfs/Planted.swift")).isEmpty)
    #expect(!table.violations(planted("import Inodes", path: "Tests/ControlTests/Planted.swift")).isEmpty)
    #expect(!table.violations(planted("", path: "Sources/Unknown/Planted.swift")).isEmpty)
    #expect(table.violations(planted("import Glibc", path: "Sources/Threading/Planted.swift")).isEmpty)
  }
}
