import Engine
import FilesystemModel
import Policies
import StorageInterface
import Support
import Testing

/// Which policy holds for which file, and what follows from it.
@Suite struct PolicyTests {
  private static func rules(_ text: String) throws -> RuleList { try RuleList(parsing: Array(text.utf8)) }

  private func set(_ key: String, _ value: String, of inode: InodeNumber, _ mount: EngineOnDisks) throws {
    let attribute = ExtendedAttribute(name: Array("user.ebbfs.\(key)".utf8), value: Array(value.utf8))
    _ = try mount.ask(.setExtendedAttribute(inode, attribute, .set))
  }

  /// The order in which names came to be in the root of the backing directory.
  private func arrivals(_ mount: EngineOnDisks, _ names: [EntryName]) -> [String] {
    var order: [String] = []
    for _ in 0..<10_000 where order.count < names.count {
      if mount.runner.runOldest() == nil { mount.pass(milliseconds: 50) }
      for name in names where !order.contains(name.description) {
        if (try? mount.backing.details(BackingPath([name]))) != nil { order.append(name.description) }
      }
    }
    return order
  }

  // MARK: Priorities

  @Test func whatIsDueIsWrittenBackByPriorityThenAge() throws {
    let mount = try EngineOnDisks {
      $0.flushThreads = 1
      $0.writebackDelayMilliseconds = 1000
      $0.writebackDeadlineMilliseconds = 100_000
      $0.policyRules = try! Self.rules("*.low priority=low\n*.high priority=high")
    }
    let names: [EntryName] = ["a.low", "b", "c.high", "d.low", "e", "f.high"]
    for name in names { _ = try mount.create(name) }
    mount.clock.advance(milliseconds: 2000)
    #expect(arrivals(mount, names) == ["c.high", "f.high", "b", "e", "a.low", "d.low"])
  }

  @Test func lowIsNotStarvedBeyondTheDeadline() throws {
    let mount = try EngineOnDisks {
      $0.flushThreads = 1
      $0.batchOperations = 1
      $0.writebackDelayMilliseconds = 0
      $0.writebackDeadlineMilliseconds = 2000
      $0.policyRules = try! Self.rules("*.low priority=low\n*.high priority=high")
    }
    _ = try mount.create("z.low")
    let born = mount.clock.uptimeMilliseconds()
    var number = 0
    // More of high priority comes than one thread can write back: a batch of one takes 100 ms.
    while (try? mount.backing.details(BackingPath(["z.low"]))) == nil {
      for _ in 0..<2 {
        number += 1
        let name = EntryName(unchecked: Array("\(number).high".utf8))
        _ = mount.submit(.make(parent: .root, name: name, MakeRequest(kind: .regular, permissions: 0o644)))
      }
      mount.runner.runAll(of: [.load])
      for _ in 0..<3 { mount.runner.runOldest() }
      mount.pass(milliseconds: 100)
      try #require(number < 1000, "starved")
    }
    let age = mount.clock.uptimeMilliseconds() - born
    #expect(age >= 1500 && age <= 3000, "written back after \(age) ms")
  }

  @Test func whatAnUrgentChangeWaitsForGoesBeforeIt() throws {
    let mount = try EngineOnDisks {
      $0.flushThreads = 1
      $0.batchOperations = 1
      $0.writebackDelayMilliseconds = 500
      $0.writebackDeadlineMilliseconds = 100_000
      $0.policyRules = try! Self.rules("*.high priority=high\n* priority=low")
    }
    for name: EntryName in ["p", "q"] { _ = try mount.create(name) }
    let directory = try mount.create("d", .directory)
    _ = try mount.create("x.high", in: directory)
    let status = mount.engine.status()
    #expect(status.queues.reduce(0) { $0 + $1.count } == status.pendingOperations)
    #expect(status.queues.first { $0.priority == "high" }?.count == 2, "the file, and the directory that it waits for")
    mount.clock.advance(milliseconds: 1000)
    #expect(arrivals(mount, ["p", "q", "d"]) == ["d", "p", "q"])
    mount.engine.drain {}
    mount.settle()
    #expect(mount.engine.status().queues.allSatisfy { $0.count == 0 })
  }

  @Test func attributesWinOverRulesAndAreInherited() throws {
    let mount = try EngineOnDisks {
      $0.flushThreads = 1
      $0.writebackDelayMilliseconds = 60_000
      $0.writebackDeadlineMilliseconds = 100_000
      $0.policyRules = try! Self.rules("/d/ priority=high")
    }
    let directory = try mount.create("d", .directory)
    let below = try mount.create("e", in: directory, .directory)
    mount.engine.drain {}
    mount.settle()
    try set("priority", "low", of: directory, mount)
    mount.engine.drain {}
    mount.settle()
    _ = try mount.create("slow", in: below)
    let file = try mount.create("a")
    _ = try mount.create("b")
    // A later change of the policy of a pending file counts for it.
    try set("priority", "high", of: file, mount)
    mount.engine.drain {}
    #expect(arrivals(mount, ["a", "b"]) == ["a", "b"])
    mount.settle()
    #expect(try mount.backing.details(BackingPath(["d", "e", "slow"])).status.attributes.kind == .regular)
  }

  @Test func badValuesOfAttributesAreRefused() throws {
    let mount = try EngineOnDisks()
    let file = try mount.create("a")
    for (key, value) in [("mode", "fast"), ("priority", ""), ("durability", "batch=0"), ("mode", "write-back\u{0}")] {
      #expect(throws: Errno.invalidArgument) { try set(key, value, of: file, mount) }
    }
    try set("other", "anything", of: file, mount)
    try set("durability", "batch=10", of: file, mount)
  }

  // MARK: Durability

  @Test func durabilityIsThatOfTheFile() throws {
    let mount = try EngineOnDisks {
      $0.durability = .system
      $0.policyRules = try! Self.rules("/safe/ durability=always")
    }
    let safe = try mount.create("safe", .directory)
    let inside = try mount.create("f", in: safe)
    let other = try mount.create("g")
    let plain = mount.submit(.write(other, offset: 0, bytes: [1]))
    #expect(plain.answer != nil, "the mount's own policy is os")
    let strict = mount.submit(.write(inside, offset: 0, bytes: [1]))
    #expect(strict.answer == nil, "acknowledged before it is durable")
    mount.runner.runAll(of: [.journal])
    #expect(strict.answer != nil)
    #expect(mount.engine.status().durableLSN == mount.engine.status().lastLSN)
    // A name that moves in or out has the stricter policy of both places.
    let move = mount.submit(.rename(from: Location(safe, "f"), to: Location(.root, "f"), .replace))
    #expect(move.answer == nil)
    mount.runner.runAll(of: [.journal])
    #expect(move.answer != nil)
    let moved = mount.submit(.write(inside, offset: 0, bytes: [2]))
    #expect(moved.answer != nil, "the rule is for another place")
  }

  @Test func shortestBatchAmongPendingChangesDecidesTheSync() throws {
    let mount = try EngineOnDisks {
      $0.durability = .batch(milliseconds: 10_000)
      $0.writebackDelayMilliseconds = 60_000
      $0.writebackDeadlineMilliseconds = 100_000
      $0.policyRules = try! Self.rules("*.fast durability=batch=200")
    }
    mount.settle(milliseconds: 20_000)
    let file = try mount.create("a")
    mount.settle(milliseconds: 1000)
    #expect(mount.engine.status().durableLSN < mount.engine.status().lastLSN, "ten seconds are not over")
    _ = try mount.create("b.fast")
    mount.settle(milliseconds: 200)
    #expect(mount.engine.status().durableLSN == mount.engine.status().lastLSN, "not durable after 200 ms")
    try mount.write(file, "x")
    mount.settle(milliseconds: 10_000)
    #expect(mount.engine.status().durableLSN == mount.engine.status().lastLSN)
  }

  // MARK: Changing at run time

  @Test func settingsAndRulesChangeWhatComesNext() throws {
    let mount = try EngineOnDisks()
    let file = try mount.create("a")
    mount.settle()
    var settings = EngineSettings()
    settings.policy.durability = .always
    mount.engine.set(settings)
    #expect(mount.engine.policy.durability == .always)
    #expect(mount.submit(.write(file, offset: 0, bytes: [1])).answer == nil)
    mount.settle()
    mount.engine.replaceRules(with: try Self.rules("a durability=os"))
    #expect(mount.submit(.write(file, offset: 0, bytes: [1])).answer != nil)
  }

  @Test func aFullBatchIsWrittenBackAtOnce() throws {
    let mount = try EngineOnDisks {
      $0.writebackDelayMilliseconds = 60_000
      $0.writebackDeadlineMilliseconds = 100_000
      $0.fullBatchOperations = 4
    }
    for name: EntryName in ["a", "b"] { _ = try mount.create(name) }
    mount.settle()
    #expect(mount.engine.status().pendingOperations > 0, "a batch that is not full rests")
    for name: EntryName in ["c", "d", "e"] { _ = try mount.create(name) }
    mount.settle()
    #expect((try? mount.backing.details(BackingPath(["c"]))) != nil, "a full batch waits")
    var settings = EngineSettings()
    settings.batchBytes = 64 << 10
    settings.batchOperations = 1000
    mount.engine.set(settings)
    mount.engine.drain {}
    mount.settle()
    let file = try mount.create("big")
    for _ in 0..<20 { _ = try mount.ask(.write(file, offset: 0, bytes: [UInt8](repeating: 7, count: 8192))) }
    mount.settle()
    #expect(mount.engine.status().dirtyBytes == 8192, "overwritten bytes fill no batch")
    for block in 2..<16 { _ = try mount.ask(.write(file, offset: block * 4096, bytes: [UInt8](repeating: 7, count: 4096))) }
    mount.settle()
    #expect(mount.engine.status().dirtyBytes == 0, "a full batch waits")
  }
}
