import FilesystemModel
import Policies
import Testing

private func rules(_ text: String) throws -> RuleList { try RuleList(parsing: Array(text.utf8)) }

private func settings(_ list: RuleList, _ path: String, isDirectory: Bool = false) -> PolicySettings {
  list.settings(of: path.split(separator: "/").map { EntryName(unchecked: Array($0.utf8)) }, isDirectory: isDirectory)
}

@Suite struct RuleListTests {
  @Test func firstRuleThatSaysSomethingWinsForEachKey() throws {
    let list = try rules(
      """
      # what matters
      /db/wal/   mode=write-through priority=high

      *.log\tpriority=low durability=batch=5
      /db/       durability=always mode=write-back\r
      """)
    #expect(list.count == 3 && list.shortestBatchMilliseconds == 5)
    #expect(settings(list, "db/wal/1") == PolicySettings(mode: .writeThrough, priority: .high, durability: .always))
    #expect(settings(list, "db/x.log") == PolicySettings(mode: .writeBack, priority: .low, durability: .batch(milliseconds: 5)))
    #expect(settings(list, "x") == PolicySettings())
  }

  @Test func spacesInAPatternAreWrittenWithABackslash() throws {
    let list = try rules("my\\ file\\* priority=low")
    #expect(settings(list, "my file*").priority == .low)
    #expect(settings(list, "my file").priority == nil)
  }

  @Test(arguments: [
    ("a mode=write-through\nb mode=fast", "2:3: mode=fast is none of write-back, write-through"),
    ("a priority=urgent", "1:3: priority=urgent is none of high, normal, low"),
    ("a  durability=batch=0", "1:4: durability=batch=0 is not between 1 and 60000"),
    ("a durability=batch=-5", "1:3: durability=batch=-5 is no"),
    ("a colour=red", "1:3: colour is none of mode, priority, durability"), ("a mode", "1:3: mode is no key=value"),
    ("abc", "1:4: the pattern needs a key=value behind it"), ("a priority=low priority=low", "1:16: priority is said twice"),
    ("a priority=", "1:3: priority= is none of"), ("\n\n  x[ priority=low", "3:4: [ without ]"),
    ("!a priority=low", "1:1: a pattern cannot begin with !"), ("a\0b priority=low", "1:2: a zero byte"),
  ]) func errorsTellLineAndColumn(text: String, message: String) {
    let error = #expect(throws: RuleError.self) { try rules(text) }
    #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "")")
  }

  @Test func whatIsTooLongOrNoTextIsRefused() {
    #expect(throws: RuleError.self) { try RuleList(parsing: [UInt8](repeating: 32, count: RuleList.bytesMax + 1)) }
    #expect(throws: RuleError.self) { try RuleList(parsing: Array("a mode=".utf8) + [0xff]) }
  }

  @Test func attributesSettleTheirKeyAndBadOnesNothing() {
    var settings = PolicySettings()
    settings.take(attribute: Array("user.ebbfs.mode".utf8), Array("write-through".utf8))
    settings.take(attribute: Array("user.ebbfs.priority".utf8), Array("urgent".utf8))
    settings.take(attribute: Array("user.ebbfs.other".utf8), Array("low".utf8))
    settings.take(attribute: Array("user.mode".utf8), Array("write-back".utf8))
    #expect(settings == PolicySettings(mode: .writeThrough))
  }
}
