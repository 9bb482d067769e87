import Policies
import Testing

@testable import ebbfs

private func options(_ list: String) throws -> MountOptions {
  var options = MountOptions()
  try OptionParser.parse(list, into: &options)
  return options
}

/// The line that a list of options is refused with.
private func refusal(_ list: String) -> String {
  var options = MountOptions()
  do throws(CommandFailure) {
    try OptionParser.parse(list, into: &options)
    return "accepted"
  } catch {
    #expect(error.status == .usage)
    return error.message
  }
}

@Test func everyOptionReachesItsField() throws {
  let parsed = try options(
    "state=/s,durability=always,writeback_delay=250ms,writeback_deadline=1m,flush_threads=3,memory=1G,journal_size=512M,"
      + "warn_age=1m,critical_age=2h,warn_dirty=1G,critical_dirty=99%,dirty_background=64M,dirty_limit=70%,"
      + "when_full=fail,unmount_timeout=20s,allow_other,ro,retry_delay=20ms,retry_delay_max=1m,max_retries=0"
  )
  var expected = MountOptions()
  expected.stateDirectory = "/s"
  expected.durability = .always
  expected.writebackDelay = 250
  expected.writebackDeadline = 60_000
  expected.flushThreads = 3
  expected.memory = 1 << 30
  expected.journalSize = 512 << 20
  expected.dirtyBackground = .bytes(64 << 20)
  expected.dirtyLimit = .percent(70)
  expected.whenFull = .fail
  expected.health = HealthThresholds(
    warnAge: 60_000, criticalAge: 7_200_000, warnDirty: .bytes(1 << 30), criticalDirty: .percent(99))
  expected.unmountTimeout = 20_000
  expected.allowOther = true
  expected.kernelWords = ["ro"]
  expected.retryDelay = 20
  expected.retryDelayMax = 60_000
  expected.maxRetries = 0
  #expect(parsed == expected)
}

@Test func aBackslashLetsAPathHoldACommaOrABackslash() throws {
  #expect(try options(#"state=/a\,b\\c,ro"#).stateDirectory == #"/a,b\c"#)
}

@Test func aCombiningAccentDoesNotHideASeparator() throws {
  #expect(refusal("state=/a,\u{301}ro").hasPrefix("unknown option \u{301}ro;"))
  #expect(try options("state=\u{301}a").stateDirectory == "\u{301}a")
  #expect(try options("state=\\\\\u{301},ro").kernelWords == ["ro"])
}

@Test func wordsOfMountAreAccepted() throws {
  // As root's and a user's fstab lines arrive, see mount(8).
  let words = "rw,dev,suid,noexec,nosuid,nodev,exec,noatime,sync,dirsync"
  #expect(try options(words).kernelWords == words.split(separator: ",").map(String.init))
  #expect(try options("relatime,defaults,noauto,user,nofail,_netdev,x-systemd.automount,comment=a,x-a=b,") == MountOptions())
}

@Test(arguments: [
  ("durability=batch", Durability.batch(milliseconds: 100)), ("durability=batch=7", .batch(milliseconds: 7)),
  ("durability=batch=2s", .batch(milliseconds: 2000)), ("durability=os", .system), ("durability=always", .always),
]) func durabilityIsRead(text: String, durability: Durability) throws {
  #expect(try options(text).durability == durability)
  #expect(try OptionValues.durability(durability.text) == durability, "what status shows can be given as the option")
}

@Test func malformedOptionsAreRefusedByName() {
  #expect(refusal("nonsense=1") == "unknown option nonsense=1; `ebbfs --help` lists the options")
  #expect(refusal("ro=1").hasPrefix("unknown option ro=1"))
  #expect(refusal("remount,ro") == "option remount is not supported: unmount, then mount with the new options")
  #expect(refusal("memory=1M") == "option memory=1M is not between 16M and 1T")
  #expect(
    refusal("memory=99999999999999999999T")
      == "option memory=99999999999999999999T is no size: digits, then nothing, K, M, G or T")
  #expect(refusal("memory=9223372036854775807T").contains("is no size"))
  #expect(refusal("memory=-1").contains("is no size"))
  #expect(refusal("memory=1Q").contains("is no size"))
  #expect(refusal("memory=32768\u{212a}").contains("is no size"), "the sign of the unit kelvin is no K")
  #expect(refusal("memory") == "option memory needs a value: memory=SIZE")
  #expect(refusal("memory=") == "option memory= needs a value: memory=SIZE")
  #expect(refusal("state=") == "option state= needs a value: state=DIR")
  #expect(refusal("writeback_delay=5") == "option writeback_delay=5 is no time: digits, then ms, s, m or h")
  #expect(refusal("writeback_delay=2h") == "option writeback_delay=2h is not between 0 and 1h")
  #expect(refusal("flush_threads=0") == "option flush_threads=0 is not between 1 and 256")
  #expect(refusal("dirty_limit=101%") == "option dirty_limit=101% is not between 1 and 100")
  #expect(refusal("when_full=maybe") == "option when_full=maybe is none of wait, fail")
  #expect(refusal("flush_threads=x") == "option flush_threads=x is no number")
  #expect(refusal("flush_threads=\u{0665}") == "option flush_threads=\u{0665} is no number")
  #expect(refusal("allow_other=1") == "option allow_other=1 takes no value")
  #expect(refusal("durability=maybe") == "option durability=maybe is none of always, batch, batch=MS, os")
  #expect(refusal("durability=batch=0") == "option durability=batch=0 is not between 1 and 60000")
}

@Test func everyDefaultIsWithinItsRange() throws {
  var read = 0
  for option in OptionTable.options where !option.word.isEmpty {
    guard let value = option.value(MountOptions()) else { continue }
    #expect(try options("\(option.name)=\(value)") == MountOptions() && value == option.defaultText, "\(option.name)")
    read += 1
  }
  #expect(read > 20)
}

@Test func helpNamesEveryCommandOptionAndExitStatus() {
  // What is long is on several lines.
  let help = Help.text.split { $0 == " " || $0 == "\n" }.joined(separator: " ")
  func expect(_ text: String) { #expect(help.contains(text.filter { $0 != "`" }), "\(text)") }
  for form in CommandTable.forms { expect("ebbfs \(form.synopsis) \(form.help)") }
  for option in OptionTable.options { expect("\(option.usage) \(option.help) \(option.limits)") }
  for status in ExitStatus.allCases { expect("\(status.rawValue) \(status.meaning)") }
  #expect(Help.text.split(separator: "\n").allSatisfy { $0.count <= 130 })
}

@Test func sizesAndTimesAreWrittenAsTheyAreRead() throws {
  #expect(OptionValues.sizeText(1536 << 20) == "1536M")
  #expect(OptionValues.sizeText(8 << 30) == "8G")
  #expect(OptionValues.sizeText(1000) == "1000")
  #expect(OptionValues.timeText(90_000) == "90s")
  #expect(OptionValues.timeText(0) == "0")
}
