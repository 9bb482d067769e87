import Control
import FilesystemModel
import Testing

@Test(arguments: [
  (0, "1970-01-01T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"), (1_709_251_199, "2024-02-29T23:59:59Z"),
  (-1, "1969-12-31T23:59:59Z"), (4_107_542_400, "2100-03-01T00:00:00Z"), (253_402_300_799, "9999-12-31T23:59:59Z"),
  (-62_135_596_800, "0001-01-01T00:00:00Z"), (Int.max, "\(Int.max)"), (Int.min, "\(Int.min)"),
]) func momentsAreWrittenInUniversalTime(seconds: Int, text: String) {
  #expect(UniversalTime.text(seconds) == text)
}

@Test func pathsOfAnyBytesAreOneReadableLine() {
  #expect(TerminalText.path(Array("d/\u{e4} b".utf8)) == "d/\u{e4} b")
  #expect(TerminalText.path([]) == ".")
  #expect(TerminalText.path([0x61, 0xff, 0x5c]) == #"a\xff\x5c"#)
  #expect(TerminalText.path([0x61, 0x0a, 0x1b]) == #"a\x0a\x1b"#)
}

@Test func subjectsComeBackFromTheirText() {
  for subject: WritebackSubject in [.names(Stage(LSN(12))), .names(Stage(LSN(12), stage: 2)), .contents(InodeNumber(34))] {
    #expect(WritebackSubject(text: subject.text) == subject)
  }
  for text in ["", "i", "x", "12.", "12.0", "12.1.1", "-1", "i-1", "12.256", ".1"] {
    #expect(WritebackSubject(text: text) == nil)
  }
}

@Test func aLetterIsOneLineWhateverItsPath() {
  let text = fullLetter().text
  #expect(
    text == #"#12.1  rename d/\#u{e4} to \xff\x0a\x5c: Permission denied, 3 attempts, "#
      + "2023-11-14T22:13:20Z to 2023-11-14T22:14:20Z, in doubt")
  #expect(fullLetter().json.text().contains(#""path_hex": "ff0a5c""#))
}
