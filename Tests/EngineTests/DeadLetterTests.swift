import Engine
import FilesystemModel
import Flushing
import StorageInterface
import Support
import Testing
import Threading

/// What the backing directory refuses for good, or too often, is parked; everything else goes on (P4).
@Suite struct DeadLetterTests {
  static let permanent: [Errno] = [
    .notPermitted, .accessDenied, .invalidArgument, .nameTooLong, .fileTooLarge, .notSupported, .tooManyLinks, .crossDevice,
  ]
  static let transient: [Errno] = [
    .inputOutput, .noSpace, .quotaExceeded, .stale, .notConnected, .readOnlyFilesystem, Errno(rawValue: 110),
  ]

  private func mount(retries: Int = 3) throws -> EngineOnDisks {
    try EngineOnDisks {
      $0.retry.firstMilliseconds = 50
      $0.retry.mostMilliseconds = 200
      $0.retry.retriesMax = retries
    }
  }

  private func refuse(_ names: [BackingCall.Name], _ path: BackingPath, _ errno: Errno, _ mount: EngineOnDisks) {
    mount.backing.order(BackingFault(errno) { names.contains($0.name) && ($0.path == path || $0.target == path) })
  }

  @Test(arguments: permanent) func whatIsRefusedForGoodIsTriedOnce(errno: Errno) throws {
    let mount = try mount()
    refuse([.createFile], "bad", errno, mount)
    let file = try mount.create("bad")
    try mount.write(file, "contents")
    mount.settle(milliseconds: 5000)
    let letters = mount.engine.deadLetters()
    #expect(letters.map(\.letter.errno) == [errno] && letters.map(\.letter.attempts) == [1])
    #expect(letters.map(\.path) == [Array("bad".utf8)] && mount.backing.callCount(.createFile) == 1)
    #expect(try mount.read(file) == "contents")
  }

  /// A server that hangs is not asked again and again: one answer tells that it is there and what is free.
  @Test func anAttemptThatFoundNoSpaceAsksTheServerNoMoreThanOthers() throws {
    func questions(_ errno: Errno) throws -> Int {
      let mount = try mount(retries: 1000)
      mount.settle()
      refuse([.createFile], "bad", errno, mount)
      _ = try mount.create("bad")
      mount.backing.clearCounts()
      for _ in 0..<20 where mount.backing.callCount(.createFile) == 0 { mount.settle(milliseconds: 50) }
      #expect(mount.backing.callCount(.createFile) == 1)
      return mount.backing.callCount(.statistics)
    }
    #expect(try questions(.noSpace) == questions(.inputOutput))
  }

  @Test(arguments: transient) func whatMayPassIsTriedSoOftenAndThenParked(errno: Errno) throws {
    let mount = try mount()
    refuse([.createFile], "bad", errno, mount)
    _ = try mount.create("bad")
    mount.settle(milliseconds: 300)
    #expect(mount.engine.status().deadLetters == 0)
    mount.settle(milliseconds: 5000)
    #expect(mount.engine.deadLetters().map(\.letter.attempts) == [4])
    #expect(mount.engine.deadLetters()[0].letter.last > mount.engine.deadLetters()[0].letter.first)
    let calls = mount.backing.callCount(.createFile)
    mount.settle(milliseconds: 10_000)
    #expect(mount.backing.callCount(.createFile) == calls && mount.engine.status().openPlans == 0)
  }

  @Test func withoutALimitNothingIsGivenUp() throws {
    let mount = try mount(retries: 0)
    refuse([.createFile], "bad", .accessDenied, mount)
    _ = try mount.create("bad")
    mount.settle(milliseconds: 5000)
    #expect(mount.engine.status().deadLetters == 0 && mount.backing.callCount(.createFile) > 10)
  }

  /// A directory that is away, full or broken as a whole fails everything: that says nothing of single changes.
  @Test func aSickDirectoryMakesNoDeadLetters() throws {
    let mount = try mount()
    for number in 0..<5 { _ = try mount.create(EntryName(unchecked: Array("f\(number)".utf8))) }
    mount.backing.goAway()
    mount.settle(milliseconds: 20_000)
    #expect(mount.engine.status().deadLetters == 0)
    mount.backing.comeBack()
    mount.settle(milliseconds: 10_000)
    #expect(mount.engine.status().pendingOperations == 0 && mount.backing.snapshot()["f4"] != nil)
  }

  /// While the root answers and every change fails, some are given up, the others go on being tried.
  @Test func aDirectoryThatFailsEverythingIsNotGivenUpAsAWhole() throws {
    let mount = try mount()
    for number in 0..<100 { _ = try mount.create(EntryName(unchecked: Array("f\(number)".utf8))) }
    mount.backing.order(BackingFault(.inputOutput) { !$0.name.isReading })
    mount.settle(milliseconds: 30_000)
    #expect((1...16).contains(mount.engine.status().deadLetters), "\(mount.engine.status().deadLetters)")
    mount.backing.withdrawFaults()
    mount.settle(milliseconds: 10_000)
    let left = mount.engine.deadLetters()
    #expect(mount.backing.snapshot().entries.count >= 100 - left.count)
    #expect(try mount.engine.retryDeadLetters(left.map(\.letter.subject)) == left.count)
    mount.settle(milliseconds: 10_000)
    #expect(mount.engine.status().pendingOperations == 0)
  }

  @Test func dependentsWaitAndAllElseGoesOn() throws {
    let mount = try mount()
    refuse([.make], "d", .accessDenied, mount)
    let directory = try mount.create("d", .directory)
    let inside = try mount.create("inside", in: directory)
    try mount.write(inside, "kept")
    mount.settle()
    for number in 0..<10 { _ = try mount.create(EntryName(unchecked: Array("good\(number)".utf8))) }
    let isDrained = Lock(false)
    mount.engine.drain { isDrained.withLock { $0 = true } }
    mount.settle(milliseconds: 5000)
    #expect(isDrained.withLock { $0 } && mount.engine.status().deadLetters == 1)
    #expect(mount.engine.deadLetters()[0].dependents.map(\.path) == [Array("d/inside".utf8)])
    for number in 0..<10 { #expect(mount.backing.snapshot()["good\(number)"] != nil) }
    mount.backing.withdrawFaults()
    #expect(try mount.engine.retryDeadLetters(mount.engine.deadLetters().map(\.letter.subject)) == 1)
    mount.settle(milliseconds: 5000)
    #expect(mount.backing.snapshot()["d/inside"]?.contents.size == 4 && mount.engine.status().pendingOperations == 0)
  }

  /// Every kind of change: parked, shown as acknowledged before and after each of two remounts without being tried, written back
  /// when it is taken up.
  @Test(arguments: [Errno.notPermitted, .inputOutput], 0..<8)
  func itStaysParkedAcrossMounts(errno: Errno, kind: Int) throws {
    let mount = try mount()
    try prepare(mount)
    let calls: [BackingCall.Name] = [
      .createFile, .make, .link, .removeFile, .removeDirectory, .rename, .write, .setAttributes, .setExtendedAttribute,
    ]
    for path: BackingPath in ["new", "other"] + (kind >= 3 ? ["f", "d", "e", "g"] : []) { refuse(calls, path, errno, mount) }
    try change(mount, kind)
    mount.settle(milliseconds: 5000)
    let letters = mount.engine.deadLetters()
    #expect(letters.count == 1, "\(letters)")
    let shown = try shown(mount)
    let before = mount.backing.snapshot()
    for round in 0..<2 {
      if round == 1 { mount.settle(milliseconds: 1000) }
      mount.backing.clearCounts()
      try mount.restart()
      mount.settle(milliseconds: 5000)
      #expect(mount.engine.deadLetters().map(\.letter) == letters.map(\.letter), "round \(round)")
      #expect(try self.shown(mount) == shown && mount.backing.snapshot().differences(from: before) == [])
      #expect(mount.backing.callCount(.createFile, .make, .link, .removeFile, .removeDirectory, .rename, .write) == 0)
    }
    mount.backing.withdrawFaults()
    #expect(try mount.engine.retryDeadLetters(letters.map(\.letter.subject)) == 1)
    mount.settle(milliseconds: 5000)
    #expect(mount.engine.status().pendingOperations == 0 && mount.engine.status().deadLetters == 0)
    #expect(try self.shown(mount) == shown)
  }

  /// Where not even looking works nobody knows whether it happened: it is parked as it is, and hangs nothing.
  @Test func whatIsInDoubtWaitsToo() throws {
    let mount = try mount()
    try prepare(mount)
    mount.backing.order(BackingFault(.inputOutput) { [.rename, .status].contains($0.name) && $0.path.text == "f" })
    try change(mount, 5)
    let isDrained = Lock(false)
    mount.settle(milliseconds: 3000)
    _ = try mount.create("other")
    mount.engine.drain { isDrained.withLock { $0 = true } }
    mount.settle(milliseconds: 3000)
    for round in 0..<2 {
      let letters = mount.engine.deadLetters()
      #expect(letters.map(\.isInDoubt) == [true] && letters.map(\.letter.attempts) == [4], "round \(round)")
      #expect(isDrained.withLock { $0 } && mount.backing.snapshot()["other"] != nil)
      #expect(throws: DiscardRefusal.inDoubt(path: Array("g".utf8))) {
        try mount.engine.discardDeadLetters(letters.map(\.letter.subject), withDependents: true)
      }
      let calls = mount.backing.callCount(.rename)
      if round == 0 {
        try mount.restart()
        mount.settle(milliseconds: 3000)
      }
      #expect(mount.backing.callCount(.rename) == calls)
    }
    mount.backing.withdrawFaults()
    _ = try mount.engine.retryDeadLetters(mount.engine.deadLetters().map(\.letter.subject))
    mount.settle()
    #expect(mount.engine.status().pendingOperations == 0 && mount.backing.snapshot()["f"] == nil)
    #expect(try shown(mount)[1] == "old")
  }

  /// A refused creation under another name is another change.
  @Test func whatIsRewrittenIsTriedAgain() throws {
    let mount = try mount()
    refuse([.createFile], "bad", .invalidArgument, mount)
    _ = try mount.create("bad")
    mount.settle()
    #expect(mount.engine.status().deadLetters == 1)
    _ = try mount.ask(.rename(from: Location(.root, "bad"), to: Location(.root, "good"), .replace))
    mount.settle()
    #expect(mount.engine.status().deadLetters == 0 && mount.engine.status().pendingOperations == 0)
    #expect(mount.backing.snapshot()["good"] != nil)
  }

  /// Segments behind a dead letter are retired all the same, and the next mount knows of it.
  @Test func theJournalGoesOnBehindADeadLetter() throws {
    let mount = try mount()
    mount.configuration.copyForwardUsedPercent = 10
    try mount.restart()
    refuse([.createFile], "bad", .accessDenied, mount)
    try mount.write(try mount.create("bad"), "kept")
    mount.settle()
    let letters = mount.engine.deadLetters().map(\.letter)
    let file = try mount.create("good")
    let before = mount.engine.status().lowWaterLSN
    for round in 0..<60 {
      try mount.write(file, String(repeating: "x", count: 40_000), at: round)
      mount.settle(milliseconds: 400)
    }
    #expect(mount.engine.status().lowWaterLSN > before && mount.engine.status().journalUsedBytes < 1 << 20)
    try mount.restart()
    mount.settle()
    #expect(mount.engine.deadLetters().map(\.letter) == letters && letters.count == 1)
    #expect(try mount.read(mount.lookup("bad")) == "kept")
  }

  /// A directory that is only renamed gets no other ancestors: no loop can come of its order (R15).
  @Test func renamingsOfDirectoriesPassByAMoveThatIsRefused() throws {
    let mount = try mount()
    for name: EntryName in ["a", "b", "c", "e"] { _ = try mount.create(name, .directory) }
    mount.settle()
    let into = try mount.lookup("b")
    refuse([.rename], "a", .accessDenied, mount)
    _ = try mount.ask(.rename(from: Location(.root, "a"), to: Location(into, "a"), .replace))
    _ = try mount.ask(.rename(from: Location(.root, "c"), to: Location(.root, "renamed"), .replace))
    _ = try mount.ask(.rename(from: Location(.root, "e"), to: Location(into, "moved"), .replace))
    mount.settle(milliseconds: 3000)
    #expect(mount.backing.snapshot()["renamed"] != nil, "waits for the move of another directory")
    #expect(mount.backing.snapshot()["b/moved"] == nil, "R15: directories get other parents in their order")
    #expect(mount.engine.deadLetters().map(\.dependents.count) == [1])
  }

  private func prepare(_ mount: EngineOnDisks) throws {
    for name: EntryName in ["f", "g"] { try mount.write(try mount.create(name), "old") }
    for name: EntryName in ["d", "e"] { _ = try mount.create(name, .directory) }
    mount.settle()
    #expect(mount.engine.status().pendingOperations == 0)
  }

  private func change(_ mount: EngineOnDisks, _ kind: Int) throws {
    let file = try mount.lookup("f")
    switch kind {
    case 0: try mount.write(try mount.create("new"), "contents")
    case 1: _ = try mount.create("new", .directory)
    case 2: _ = try mount.ask(.link(file, at: Location(.root, "new")))
    case 3: _ = try mount.ask(.unlink(parent: .root, name: "f"))
    case 4: _ = try mount.ask(.removeDirectory(parent: .root, name: "d"))
    case 5: _ = try mount.ask(.rename(from: Location(.root, "f"), to: Location(.root, "g"), .replace))
    case 6: _ = try mount.ask(.rename(from: Location(.root, "d"), to: Location(.root, "new"), .replace))
    default: try mount.write(file, "newer")
    }
  }

  /// Names with what is in them.
  private func shown(_ mount: EngineOnDisks) throws -> [String] {
    try (["f", "g", "d", "e", "new"] as [EntryName]).map { name in
      guard let inode = try? mount.lookup(name) else { return "-" }
      guard case .attributes(_, let attributes) = try mount.ask(.getAttributes(inode)) else { return "?" }
      return attributes.kind == .regular ? try mount.read(inode) : "\(attributes.kind)"
    }
  }
}
