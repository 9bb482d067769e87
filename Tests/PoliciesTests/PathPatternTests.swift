import FilesystemModel
import Policies
import Testing

private func path(_ text: String) -> [EntryName] {
  text.split(separator: "/").map { EntryName(unchecked: Array($0.utf8)) }
}

private func covers(_ pattern: String, _ file: String, isDirectory: Bool = false) throws -> Bool {
  try PathPattern(Array(pattern.utf8)).covers(path(file), isDirectory: isDirectory)
}

@Suite struct PathPatternTests {
  /// As `git check-ignore` answers for the same pattern in a .gitignore of the root.
  @Test(arguments: [
    ("*.log", "a.log", true), ("*.log", "d/e/a.log", true), ("*.log", "a.logs", false), ("*.log", ".log", true),
    ("/*.log", "a.log", true), ("/*.log", "d/a.log", false), ("d/*.log", "d/a.log", true), ("d/*.log", "d/e/a.log", false),
    ("d/*.log", "x/d/a.log", false), ("**/d", "d", true), ("**/d", "x/y/d", true), ("d/**", "d/e/f", true), ("d/**", "d", false),
    ("a/**/b", "a/b", true), ("a/**/b", "a/x/y/b", true), ("a/**/b", "a/xb", false), ("d", "d/e/f", true), ("d/", "d", false),
    ("d/", "d/e", true), ("d/", "x/d/e", true), ("a?c", "abc", true), ("a?c", "ac", false), ("a?c", "a/c", false),
    ("[a-c]x", "bx", true), ("[!a-c]x", "bx", false), ("[!a-c]x", "dx", true), ("[]x]", "]", true), ("[a-]", "-", true),
    ("\\*", "*", true), ("\\*", "a", false), ("a\\?", "a?", true), ("*a*a*b", "aaaaaaaab", true), ("*a*a*b", "aaaaaaaac", false),
    ("*", "a/b", true), ("**", "a", true), ("a**b", "axxb", true), ("a/**/**/b", "a/x/b", true), ("x/*", "x/y/z", true),
  ]) func patternsMeanWhatGitSays(pattern: String, file: String, isCovered: Bool) throws {
    #expect(try covers(pattern, file) == isCovered, "\(pattern) of \(file)")
  }

  @Test func patternWithASlashAtItsEndIsForDirectories() throws {
    #expect(try covers("d/", "d", isDirectory: true))
    #expect(try covers("/d/", "d", isDirectory: true))
    #expect(try !covers("/d/", "x/d", isDirectory: true))
  }

  @Test func rootIsCoveredByNothing() throws {
    for pattern in ["*", "**", "/**"] { #expect(try !covers(pattern, "", isDirectory: true)) }
  }

  @Test func namesAreBytes() throws {
    let pattern = try PathPattern([0xff, UInt8(ascii: "*")])
    #expect(pattern.covers([EntryName(unchecked: [0xff, 0xfe])], isDirectory: false))
    #expect(!pattern.covers([EntryName(unchecked: [0xfe])], isDirectory: false))
  }

  @Test(arguments: [
    ("!a", 0, "!"), ("a//b", 2, "empty"), ("/", 1, "empty"), ("a[b", 1, "[ without ]"), ("x/a[b", 3, "[ without ]"),
    ("a\\", 1, "backslash"), ("[b-a]", 2, "range"), ("[[:alpha:]]", 1, "classes"),
  ]) func badPatternsAreRefusedWithTheirPlace(pattern: String, offset: Int, reason: String) {
    let error = #expect(throws: PatternError.self) { try PathPattern(Array(pattern.utf8)) }
    #expect(error?.offset == offset && error?.reason.contains(reason) == true, "\(String(describing: error))")
  }

  /// A matcher that tries all ways would not end.
  @Test func patternWithManyStarsEndsSoon() throws {
    let stars = String(repeating: "*a", count: 60) + "b"
    #expect(try !covers(stars, String(repeating: "a", count: 250)))
    let directories = String(repeating: "**/a/", count: 60) + "b"
    #expect(try !covers(directories, String(repeating: "a/", count: 250)))
  }
}
