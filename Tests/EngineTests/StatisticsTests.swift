import Engine
import FilesystemModel
import Statistics
import Support
import Testing

@Suite struct StatisticsTests {
  /// The sum of a family's samples, or of those with a label's value.
  private static func total(_ engine: Engine, _ name: String, _ label: String? = nil) -> Int {
    let family = engine.statistics().first { $0.name == "ebbfs_" + name }
    let samples = (family?.samples ?? []).filter { sample in label.map { sample.labels.map(\.value) == [$0] } ?? true }
    return samples.reduce(family == nil || samples.isEmpty ? Int.min : 0) { sum, sample in
      switch sample.value {
      case .number(let number): sum + number
      case .histogram(let snapshot): sum + snapshot.count
      }
    }
  }

  @Test func overwritesOfABlockAreOneBackingWrite() throws {
    let disks = try EngineOnDisks()
    let file = try disks.create("f")
    disks.settle()
    disks.backing.clearCounts()
    for round in 0..<10 { try disks.write(file, String(repeating: "\(round)", count: 4096)) }
    func total(_ name: String, _ label: String? = nil) -> Int { Self.total(disks.engine, name, label) }
    #expect(total("writes_total") == 10 && total("written_bytes_total") == 10 * 4096)
    #expect(total("writes_coalesced_total") == 9 && total("bytes_coalesced_total") == 9 * 4096)
    #expect(total("dirty_bytes") == 4096 && total("dirty_blocks") == 1)
    disks.settle()
    #expect(disks.backing.callCount(.write) == 1)
    #expect(total("backing_call_seconds", "write") == 1)
    #expect(total("writeback_operations_total", "write") >= 1 && total("writeback_bytes_total") == 4096)
    #expect(total("dirty_bytes") == 0 && total("dirty_blocks") == 0)
    // What is being written back already takes no more.
    try disks.write(file, "once more")
    #expect(total("writes_coalesced_total") == 9 && total("bytes_coalesced_total") == 9 * 4096)
  }

  @Test func partsOfABlockCoalesceByTheirBytes() throws {
    let disks = try EngineOnDisks()
    let file = try disks.create("f")
    func total(_ name: String) -> Int { Self.total(disks.engine, name) }
    try disks.write(file, String(repeating: "a", count: 100))
    try disks.write(file, String(repeating: "b", count: 100), at: 100)
    #expect(total("writes_coalesced_total") == 1 && total("bytes_coalesced_total") == 0, "one block, no byte twice")
    try disks.write(file, String(repeating: "c", count: 100), at: 150)
    #expect(total("writes_coalesced_total") == 2 && total("bytes_coalesced_total") == 50)
    try disks.write(file, String(repeating: "d", count: 5000), at: 0)
    #expect(total("writes_coalesced_total") == 2, "a block that was not dirty")
    #expect(total("bytes_coalesced_total") == 300 && total("dirty_blocks") == 2)
  }

  @Test func conflictsAreCountedByKind() throws {
    let disks = try EngineOnDisks { $0.conflicts = .ours }
    let file = try disks.create("f")
    disks.settle()
    for number in 1...2 {
      try disks.write(file, "ours")
      try disks.backing.bystander.open("f", writable: true).write([UInt8](repeating: 0, count: 100 * number), at: 0)
      disks.settle(milliseconds: 3000)
    }
    #expect(Self.total(disks.engine, "conflicts_total") == 2 && Self.total(disks.engine, "conflicts_total", "overwrite") == 2)
  }

  @Test func aStormOfTemporaryFilesLeavesNoOperation() throws {
    let disks = try EngineOnDisks {
      $0.segmentBytes = 512 << 10
      $0.journalBytes = 4 << 20
    }
    disks.backing.keepLog()
    for index in 0..<100 {
      let temporary = EntryName(unchecked: Array("t\(index)".utf8))
      let final = EntryName(unchecked: Array("f\(index)".utf8))
      let file = try disks.create(temporary)
      try disks.write(file, String(repeating: "x", count: 1000))
      _ = try disks.ask(.rename(from: Location(.root, temporary), to: Location(.root, final), .replace))
      _ = try disks.ask(.unlink(parent: .root, name: final))
      disks.engine.forget(file, count: 1)
    }
    func total(_ name: String, _ label: String? = nil) -> Int { Self.total(disks.engine, name, label) }
    #expect(total("operations_cancelled_total") == 300)
    #expect(total("bytes_cancelled_total") == 100_000 && total("dirty_bytes") == 0)
    disks.settle()
    let calls = disks.backing.log.filter { !$0.name.isReading && !$0.isSynchronization }
    #expect(calls.isEmpty)
    #expect(total("writeback_operations_total") == 0 && total("writeback_bytes_total") == 0)
    for call in ["create", "make", "link", "unlink", "rmdir", "rename", "write", "truncate", "punch_hole", "setxattr"] {
      #expect(total("backing_call_seconds", call) == 0, "\(call)")
    }
  }

  @Test func readsAreHitsUnlessTheBackingDirectoryIsAsked() throws {
    let disks = try EngineOnDisks()
    try disks.backing.bystander.createFile("f").write(Array("text".utf8), at: 0)
    func total(_ name: String, _ label: String? = nil) -> Int { Self.total(disks.engine, name, label) }
    let file = try disks.lookup("f")
    #expect(total("cache_misses_total", "metadata") == 1 && total("cache_hits_total", "metadata") == 0)
    _ = try disks.lookup("f")
    #expect(total("cache_misses_total", "metadata") == 1 && total("cache_hits_total", "metadata") == 1)
    #expect(try disks.read(file) == "text")
    #expect(total("cache_misses_total", "contents") == 1 && total("cache_hits_total", "contents") == 0)
    try disks.write(file, "TEXT")
    #expect(try disks.read(file) == "TEXT")
    #expect(total("cache_misses_total", "contents") == 1 && total("cache_hits_total", "contents") == 1)
    #expect(total("reads_total") == 2 && total("read_bytes_total") == 8)
    #expect(total("cache_misses_total", "metadata") == 1 && total("cache_hits_total", "metadata") == 4)
    #expect(total("backing_call_seconds", "readdir") == 1 && total("backing_call_seconds", "read") == 1)
  }

  @Test func aCopyIsOneWriteAndOneRequest() throws {
    let disks = try EngineOnDisks()
    let (source, target) = (try disks.create("s"), try disks.create("t"))
    try disks.write(source, "bytes")
    let hits = Self.total(disks.engine, "cache_hits_total", "metadata")
    _ = try disks.ask(.copyRange(from: source, sourceOffset: 0, to: target, targetOffset: 0, count: 5))
    #expect(Self.total(disks.engine, "writes_total") == 2 && Self.total(disks.engine, "written_bytes_total") == 10)
    #expect(Self.total(disks.engine, "cache_hits_total", "metadata") == hits + 1)
    #expect(Self.total(disks.engine, "reads_total") == 0)
  }

  @Test func deadLettersAreCountedWithWhatBecomesOfThem() throws {
    let disks = try EngineOnDisks { $0.retry.retriesMax = 2 }
    func total(_ name: String, _ label: String? = nil) -> Int { Self.total(disks.engine, name, label) }
    disks.backing.order(BackingFault(.accessDenied) { $0.name == .createFile })
    _ = try disks.create("f")
    disks.settle()
    #expect(total("dead_letters") == 1 && total("writeback_failures_total", "dead_letter") == 1)
    _ = try disks.engine.retryDeadLetters(disks.engine.deadLetters().map(\.letter.subject))
    disks.settle()
    #expect(total("dead_letters") == 1 && total("dead_letters_retried_total") == 1)
    _ = try disks.engine.discardDeadLetters(disks.engine.deadLetters().map(\.letter.subject), withDependents: false)
    #expect(total("dead_letters") == 0 && total("dead_letters_discarded_total") == 1)
    #expect(total("writeback_failures_total", "dead_letter") == 2)
  }

  @Test func failuresAndRetriesAreCountedOnce() throws {
    let disks = try EngineOnDisks()
    disks.backing.order(BackingFault(.inputOutput, times: 2) { $0.name == .createFile })
    _ = try disks.create("f")
    func total(_ name: String, _ label: String? = nil) -> Int { Self.total(disks.engine, name, label) }
    #expect(total("pending_operations", "normal") == 2, "the file, and the times of its directory")
    disks.pass(milliseconds: 100)
    disks.runner.runAll()
    #expect(total("writeback_failures_total", "retried") == 1 && total("writeback_retries_total") == 1)
    #expect(total("writeback_batches_open") == 1 && total("writeback_batch_seconds") == 0)
    #expect(total("oldest_pending_age_seconds") == 100_000_000)
    disks.settle(milliseconds: 30_000)
    #expect(total("writeback_failures_total") == 2 && total("writeback_retries_total") == 2)
    #expect(total("writeback_operations_total", "create") == 1 && total("backing_call_seconds", "create") == 3)
    #expect(total("writeback_batches_open") == 0 && total("writeback_batch_seconds") == 2)
    #expect(total("pending_operations") == 0 && total("oldest_pending_age_seconds") == 0)
  }

  /// What every family has: Prometheus's conventions, and no name twice.
  @Test func namesFollowTheConventions() throws {
    let families = try EngineOnDisks().engine.statistics()
    #expect(families.count > 30)
    #expect(Set(families.map(\.name)).count == families.count)
    for family in families {
      #expect(family.isValid && !family.samples.isEmpty && family.name.hasPrefix("ebbfs_"), "\(family.name)")
      #expect(family.help.last == "." && family.help.first?.isUppercase ?? false || family.help.hasPrefix("1 "), "\(family.help)")
      #expect((family.kind == .counter) == family.name.hasSuffix("_total"), "\(family.name)")
      let stem = family.kind == .counter ? String(family.name.dropLast("_total".count)) : family.name
      switch family.unit {
      case .seconds: #expect(stem.hasSuffix("_seconds"))
      case .bytes: #expect(stem.split(separator: "_").contains("bytes"), "\(stem)")
      case .number: #expect(!stem.hasSuffix("_seconds") && !stem.hasSuffix("_bytes"))
      }
    }
  }

  /// The journal of a mount that was killed is no work of the next one.
  @Test func countersBeginAtZeroWithEachMount() throws {
    let disks = try EngineOnDisks()
    let file = try disks.create("f")
    for _ in 0..<3 { try disks.write(file, "text") }
    _ = try disks.ask(.synchronize(file, dataOnly: false))
    try disks.restart()
    for name in ["writes_total", "writes_coalesced_total", "bytes_coalesced_total", "operations_cancelled_total"] {
      #expect(Self.total(disks.engine, name) == 0, "\(name)")
    }
    #expect(Self.total(disks.engine, "dirty_bytes") == 4)
  }
}
