import Control
import Testing

@testable import ebbfs

private func refusal(_ words: [String]) -> String {
  do throws(CommandFailure) {
    return "accepted as \(try Arguments.parse(words))"
  } catch {
    #expect(error.status == .usage)
    return error.message
  }
}

private func mount(_ words: [String]) throws -> MountRequest {
  guard case .mount(let request) = try Arguments.parse(words) else { throw CommandFailure(.failed, "no mount") }
  return request
}

@Test func mountIsTheCommandWithoutAName() throws {
  let request = MountRequest(backing: "/b", mountpoint: "/m", options: MountOptions())
  #expect(try mount(["/b", "/m"]) == request)
  #expect(try mount(["mount", "/b", "/m"]) == request)
  #expect(try mount(["mount", "status", "/m"]).backing == "status", "after `mount` every word is a path")
}

@Test func optionsMayStandAnywhereAndRepeat() throws {
  let request = try mount(["-o", "ro", "/b", "-f", "/m", "-omemory=32M", "-o", "noatime"])
  #expect(request.isForeground)
  #expect(request.options.memory == 32 << 20)
  #expect(request.options.kernelWords == ["ro", "noatime"])
  #expect(try mount(["--", "-b", "-m"]).backing == "-b")
}

@Test func commandsTakeTheirArguments() throws {
  #expect(try Arguments.parse(["unmount", "/m"]) == .unmount(mountpoint: "/m", UnmountOptions()))
  let patient = UnmountOptions(isLazy: true, timeoutMilliseconds: 90_000)
  #expect(try Arguments.parse(["umount", "--lazy", "/m", "--timeout", "90s"]) == .unmount(mountpoint: "/m", patient))
  let hasty = UnmountOptions(keepsJournal: true)
  #expect(try Arguments.parse(["unmount", "--keep-journal", "--", "-m"]) == .unmount(mountpoint: "-m", hasty))
  #expect(try Arguments.parse(["wait", "/m/a"]) == .wait(path: "/m/a", timeoutMilliseconds: nil))
  #expect(try Arguments.parse(["wait", "--timeout=0", "/m"]) == .wait(path: "/m", timeoutMilliseconds: 0))
  #expect(try Arguments.parse(["flush", "/m"]) == .flush(mountpoint: "/m", paths: []))
  #expect(try Arguments.parse(["flush", "/m", "/m/a", "b"]) == .flush(mountpoint: "/m", paths: ["/m/a", "b"]))
  #expect(try Arguments.parse(["flush", "--", "/m", "-b"]) == .flush(mountpoint: "/m", paths: ["-b"]))
  #expect(try Arguments.parse(["status"]) == .status(path: nil, asJSON: false))
  #expect(try Arguments.parse(["status", "--json", "/m"]) == .status(path: "/m", asJSON: true))
  #expect(try Arguments.parse(["stats"]) == .statistics(mountpoint: nil, .text))
  #expect(try Arguments.parse(["stats", "--json", "/m"]) == .statistics(mountpoint: "/m", .json))
  #expect(try Arguments.parse(["stats", "--prometheus"]) == .statistics(mountpoint: nil, .prometheus))
  #expect(try Arguments.parse(["stats", "/m", "--watch"]) == .statistics(mountpoint: "/m", .watch(seconds: 1)))
  #expect(try Arguments.parse(["stats", "/m", "--watch=3600"]) == .statistics(mountpoint: "/m", .watch(seconds: 3600)))
  let prometheus = ["stats", "--prometheus", "/m", "--listen"]
  #expect(try Arguments.parse(prometheus + ["unix:/s"]) == .statistics(mountpoint: "/m", .exposition(.socket("/s"))))
  #expect(try Arguments.parse(prometheus + ["./f"]) == .statistics(mountpoint: "/m", .exposition(.file("./f"))))
  #expect(try Arguments.parse(["top"]) == .top(mountpoint: nil))
  #expect(try Arguments.parse(["report", "-o", "f", "/m"]) == .report(mountpoint: "/m", output: "f"))
  #expect(try Arguments.parse(["journal", "check", "/s"]) == .journal(.check, place: "/s"))
  let dump = JournalDumpOptions(from: 7, isFollowing: true, asJSON: true)
  #expect(
    try Arguments.parse(["journal", "dump", "/s", "--from", "7", "--json", "--follow"]) == .journal(.dump(dump), place: "/s"))
  #expect(try Arguments.parse(["journal", "dump", "/s"]) == .journal(.dump(JournalDumpOptions()), place: "/s"))
  let extract = JournalExtractOptions(lsn: 9, path: "/d/f", output: "/o", isPartial: true)
  #expect(
    try Arguments.parse(["journal", "extract", "/s", "--partial", "9", "-o", "/o", "/d/f"])
      == .journal(.extract(extract), place: "/s"))
  #expect(
    try Arguments.parse(["journal", "extract", "/s", "9", "--", "-f"])
      == .journal(.extract(JournalExtractOptions(lsn: 9, path: "-f")), place: "/s"))
  #expect(try Arguments.parse(["--version"]) == .version)
  #expect(try Arguments.parse(["mount", "--help"]) == .help)
}

@Test func wrongArgumentsAreNamedInOneLine() {
  #expect(refusal([]) == "nothing to do; try `ebbfs --help`")
  #expect(refusal(["/b"]).hasPrefix("a backing directory and a mountpoint are needed; usage: ebbfs [mount]"))
  #expect(refusal(["/b", "/m", "/x"]).hasPrefix("unexpected argument /x"))
  #expect(refusal(["/b", "/m", "-z"]).hasPrefix("unknown option -z"))
  #expect(refusal(["/b", "/m", "-o"]).hasPrefix("-o needs options behind it"))
  #expect(refusal(["/b", "/m", "-o", "bogus"]).hasPrefix("unknown option bogus"))
  #expect(refusal(["unmount"]).hasPrefix("an argument is missing; usage: ebbfs unmount MOUNTPOINT [--lazy]"))
  #expect(refusal(["unmount", "/m", "--timeout", "1s", "--keep-journal"]).hasPrefix("--keep-journal waits for nothing"))
  #expect(refusal(["wait", "/m", "--timeout"]).hasPrefix("--timeout needs a value; usage: ebbfs wait PATH|MOUNTPOINT"))
  #expect(
    refusal(["wait", "/m", "/n"]).hasPrefix("unexpected argument /n") && refusal(["wait", "-x"]).hasPrefix("unknown option"))
  for wrong in ["1", "-1s", "x", "25h"] {
    #expect(refusal(["wait", "/m", "--timeout=\(wrong)"]).hasPrefix("--timeout=\(wrong) is no"), "\(wrong)")
  }
  #expect(refusal(["flush", "--now"]) == "unknown option --now; usage: ebbfs flush MOUNTPOINT [PATH...]")
  #expect(refusal(["status", "/a", "/b"]).hasPrefix("unexpected argument /b"))
  #expect(refusal(["status", "--xml"]).hasPrefix("unexpected argument --xml"))
  #expect(refusal(["stats", "/a", "/b"]).hasPrefix("unexpected argument /b; usage: ebbfs stats [MOUNTPOINT]"))
  #expect(refusal(["stats", "/m", "--yaml"]).hasPrefix("unknown option --yaml"))
  #expect(refusal(["stats", "/m", "--json", "--prometheus"]).hasPrefix("only one of --json, --prometheus and --watch"))
  for wrong in [["--listen"], ["--listen", "unix:"], ["--listen", ""]] {
    #expect(refusal(["stats", "--prometheus"] + wrong).hasPrefix("--listen needs FILE or unix:PATH behind it"))
  }
  #expect(refusal(["stats", "--json", "--listen", "f"]).hasPrefix("--listen needs --prometheus"))
  #expect(
    refusal(["report", "-o"]).hasPrefix("-o needs a value") && refusal(["top", "a", "b"]).hasPrefix("unexpected argument b"))
  #expect(refusal(["stats", "--watch"]).hasPrefix("--watch needs a mountpoint"))
  for seconds in ["", "0", "-1", "3601", "1.5", "x", "99999999999999999999"] {
    #expect(refusal(["stats", "/m", "--watch=\(seconds)"]).hasPrefix("--watch=\(seconds): 1 to 3600 whole seconds"))
  }
  #expect(refusal(["journal"]).hasPrefix("a journal command is needed"))
  for wrong in ["", "0", "-1", "+1", "x", "1x", "18446744073709551616", "\u{661}"] {
    #expect(
      refusal(["journal", "dump", "/s", "--from", wrong]).hasSuffix("usage: ebbfs \(CommandTable.usage("journal dump"))"),
      "\(wrong)")
  }
  #expect(refusal(["journal", "dump", "/s", "--from"]).hasPrefix("an LSN is missing"))
  #expect(refusal(["journal", "dump", "/s", "--tail"]).hasPrefix("unexpected argument --tail"))
  #expect(refusal(["journal", "dump", "--json"]).hasPrefix("an argument is missing"))
  for wrong in [["/s"], ["/s", "1"], ["/s", "x", "/f"], ["/s", "1", "/f", "/g"], ["/s", "1", "/f", "-o"], ["/s", "1", "-x"]] {
    #expect(
      refusal(["journal", "extract"] + wrong).hasSuffix("usage: ebbfs \(CommandTable.usage("journal extract"))"), "\(wrong)")
  }
  #expect(refusal(["journal", "burn", "/s"]).hasPrefix("unknown journal command burn"))
  #expect(refusal(["/b\u{FFFD}", "/m"]) == "arguments must be UTF-8")
}

@Test func aFailureIsOneLineWhateverItIsMadeOf() {
  #expect(CommandFailure(.failed, "a\nb\r\nc").message == "a b c")
  #expect(refusal(["/b", "/m", "-\u{1b}[2J\u{85}\u{9b}0m"]).hasPrefix("unknown option -?[2J ?0m; usage"))
  #expect(refusal(["/b", "/m", "-o", "a\u{2028}b\u{7}"]).hasPrefix("unknown option a b?; "))
}

@Test func onlyADescriptorThatCanBeIsTakenForReadiness() throws {
  #expect(try mount(["--readiness-descriptor=3", "/b", "/m"]).readinessDescriptor == 3)
  for number in ["", "x", "-1", "2", "1024", "2147483647", "2147483648"] {
    let word = "--readiness-descriptor=\(number)"
    #expect(refusal([word, "/b", "/m"]).hasPrefix("unknown option \(word);"))
  }
}

@Test func readinessComesThroughThePipe() {
  let failure = CommandFailure(.journal, "segment 3 is corrupt at offset 4096, LSN 17")
  #expect(throws: failure) { try Readiness.decode(Readiness.encode(failure)).get() }
  #expect(throws: Never.self) { try Readiness.decode(Readiness.encode(nil)).get() }
  for text in ["", "REA", "FAILED", "FAILED 999 x", "FAILED x y"] {
    guard case .failure(let failure) = Readiness.decode(Array(text.utf8)) else {
      Issue.record("\(text) was taken for readiness")
      continue
    }
    #expect(failure.status == .daemonDied)
  }
}
