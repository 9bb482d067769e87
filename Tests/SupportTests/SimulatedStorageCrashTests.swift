import FilesystemModel
import StorageInterface
import Support
import Testing

@Suite struct SimulatedStorageCrashTests {
  @Test func deathOfTheProcessKeepsEverythingButDescriptors() throws {
    let storage = makeStorage()
    try storage.put("a", "1")
    let file = try storage.open("a", writable: true)
    let before = storage.snapshot()
    storage.crash(.processDeath)
    #expect(storage.snapshot() == before)
    #expect(throws: Errno.badDescriptor) { try file.write([2], at: 0) }
    #expect(try storage.text("a") == "1")
  }

  @Test func nothingIsDurableBeforeItIsSynchronized() throws {
    let storage = makeStorage()
    try storage.put("a", "1")
    try storage.makeDirectory("d")
    storage.crash(.powerCut(keep: .nothing))
    #expect(storage.paths() == ["."])
  }

  @Test func synchronizedFileWithoutItsDirectoryIsLostAndTheOtherWayRoundEmpty() throws {
    let storage = makeStorage()
    try storage.put("a", "1")
    try storage.synchronize("a")
    let other = storage.fork()
    storage.crash(.powerCut(keep: .nothing))
    #expect(storage.paths() == ["."])
    try other.put("b", "2")
    try other.synchronizeDirectory(.root)
    other.crash(.powerCut(keep: .nothing))
    #expect(other.paths() == [".", "a", "b"])
    #expect(try other.text("a") == "1" && other.text("b") == "")
  }

  @Test func sectorsAreKeptOrLostOneByOne() throws {
    let storage = makeStorage()
    let file = try storage.createFile("a")
    try file.write([UInt8](repeating: 1, count: 1536), at: 0)
    try storage.synchronizeFilesystem()
    try file.write([UInt8](repeating: 2, count: 1536), at: 0)
    // Three sectors and the times.
    #expect(storage.pendingEffectCount == 4)
    storage.crash(.powerCut(keep: .only([0, 2])))
    let bytes = try storage.open("a", writable: false).read(at: 0, count: 1536)
    #expect(bytes[0] == 2 && bytes[511] == 2 && bytes[512] == 1 && bytes[1023] == 1 && bytes[1024] == 2)
  }

  @Test func sizeMayBeKeptWithoutItsBytes() throws {
    let storage = makeStorage()
    let file = try storage.createFile("a")
    try storage.synchronizeFilesystem()
    try file.write([UInt8](repeating: 1, count: 600), at: 0)
    let other = storage.fork()
    storage.crash(.powerCut(keep: .only([0])))
    #expect(try storage.open("a", writable: false).read(at: 0, count: 1000) == [UInt8](repeating: 0, count: 600))
    other.crash(.powerCut(keep: .only([1, 2])))
    #expect(try other.status("a").attributes.size == 0)
  }

  @Test func renameIsLostOrKeptAsAWhole() throws {
    let storage = makeStorage()
    try storage.put("a", "new")
    try storage.put("b", "old")
    try storage.synchronizeFilesystem()
    try storage.rename("a", to: "b", replacing: true)
    let other = storage.fork()
    storage.crash(.powerCut(keep: .nothing))
    #expect(try storage.text("a") == "new" && storage.text("b") == "old")
    other.crash(.powerCut(keep: .all))
    #expect(try other.paths() == [".", "b"] && other.text("b") == "new")
  }

  @Test func renameIsHalfDoneOnlyWhenAskedForAndNeverLosesTheFile() throws {
    let storage = makeStorage(SimulatedBackingStorage.Options(renamesAreAtomic: false))
    try storage.makeDirectory("d")
    try storage.put("a", "1")
    try storage.synchronizeFilesystem()
    try storage.rename("a", to: "d/a", replacing: true)
    #expect(storage.pendingEffectCount == 2)
    let paths = [[], [0], [1], [0, 1]].map { kept in
      let fork = storage.fork()
      fork.crash(.powerCut(keep: .only(Set(kept))))
      return fork.paths()
    }
    #expect(paths == [[".", "a", "d"], [".", "a", "d", "d/a"], [".", "a", "d"], [".", "d", "d/a"]])
  }

  @Test func synchronizingTheOldDirectoryOfAHalvedRenameKeepsTheFile() throws {
    let storage = makeStorage(SimulatedBackingStorage.Options(renamesAreAtomic: false))
    for path in ["d", "e"] as [BackingPath] { try storage.makeDirectory(path) }
    try storage.put("d/a", "1")
    try storage.synchronizeFilesystem()
    try storage.rename("d/a", to: "e/a", replacing: true)
    let other = storage.fork()
    try storage.synchronizeDirectory("d")
    storage.crash(.powerCut(keep: .nothing))
    #expect(storage.paths() == [".", "d", "e", "e/a"])
    try other.synchronizeDirectory("e")
    other.crash(.powerCut(keep: .nothing))
    #expect(other.paths() == [".", "d", "d/a", "e", "e/a"])
  }

  @Test func directoryIsNotReplacedWhenTheRemovalsInsideWereLost() throws {
    let storage = makeStorage()
    for path in ["d", "e"] as [BackingPath] { try storage.makeDirectory(path) }
    try storage.put("d/a", "1")
    try storage.synchronizeFilesystem()
    try storage.removeFile("d/a")
    try storage.rename("e", to: "d", replacing: true)
    storage.crash(.powerCut(keep: .only([1])))
    #expect(storage.paths() == [".", "d", "d/a", "e"])
  }

  @Test func synchronizingOneNameOfAFileLeavesItsOtherNamesUndecided() throws {
    let storage = makeStorage()
    try storage.makeDirectory("d")
    try storage.synchronizeFilesystem()
    try storage.put("a", "1")
    try storage.link("a", to: "d/a")
    try storage.synchronizeDirectory("d")
    storage.crash(.powerCut(keep: .nothing))
    #expect(try storage.paths() == [".", "d", "d/a"] && storage.text("d/a") == "")
  }

  @Test func synchronizingEitherDirectoryMakesARenameDurable() throws {
    for directory in ["d", "e"] as [BackingPath] {
      let storage = makeStorage()
      for path in ["d", "e"] as [BackingPath] { try storage.makeDirectory(path) }
      try storage.put("d/a", "1")
      try storage.synchronizeFilesystem()
      try storage.rename("d/a", to: "e/b", replacing: true)
      try storage.synchronizeDirectory(directory)
      storage.crash(.powerCut(keep: .nothing))
      #expect(storage.paths() == [".", "d", "e", "e/b"])
    }
  }

  @Test func synchronizingADirectoryCoversWhatItsEntriesBuildUpon() throws {
    let storage = makeStorage()
    for path in ["d", "e", "f"] as [BackingPath] { try storage.makeDirectory(path) }
    try storage.put("d/a", "1")
    try storage.synchronizeFilesystem()
    try storage.rename("d/a", to: "e/a", replacing: true)
    try storage.put("d/a", "2")
    try storage.rename("e/a", to: "f/a", replacing: true)
    try storage.synchronizeDirectory("f")
    storage.crash(.powerCut(keep: .nothing))
    #expect(storage.paths() == [".", "d", "e", "f", "f/a"])
  }

  @Test func durableFileMovedIntoANewDirectoryIsNeverLost() throws {
    let storage = makeStorage()
    try storage.put("a", "1")
    try storage.synchronizeFilesystem()
    try storage.makeDirectory("d")
    try storage.rename("a", to: "d/a", replacing: true)
    let other = storage.fork()
    try storage.synchronizeDirectory("d")
    storage.crash(.powerCut(keep: .nothing))
    #expect(storage.paths() == [".", "d", "d/a"])
    other.crash(.powerCut(keep: .only([1])))
    #expect(other.paths() == [".", "a"])
  }

  @Test func entryOfANewDirectoryIsNotDurableThroughWhatIsInIt() throws {
    let storage = makeStorage()
    try storage.makeDirectory("d")
    try storage.put("d/a", "1")
    try storage.synchronize("d/a")
    try storage.synchronizeDirectory("d")
    storage.crash(.powerCut(keep: .nothing))
    #expect(storage.paths() == ["."])
  }

  @Test func lostUnlinkBringsTheFileBackWithItsBytes() throws {
    let storage = makeStorage()
    try storage.put("a", "1")
    try storage.synchronizeFilesystem()
    try storage.removeFile("a")
    let other = storage.fork()
    storage.crash(.powerCut(keep: .nothing))
    #expect(try storage.text("a") == "1")
    try other.synchronizeDirectory(.root)
    other.crash(.powerCut(keep: .nothing))
    #expect(other.paths() == ["."])
  }

  @Test func everyPrefixIsTheTreeAsItWasThen() {
    forRandomWorkloads(seeds: 8, length: 60) { seed, workload in
      let storage = makeStorage()
      var moments = [(count: 0, tree: storage.snapshot())]
      for operation in workload {
        _ = StorageWorkload.run(operation, on: storage)
        moments.append((storage.pendingEffectCount, storage.snapshot()))
      }
      for moment in moments {
        let fork = storage.fork()
        fork.crash(.powerCut(keep: .prefix(moment.count)))
        let differences = fork.snapshot().differences(from: moment.tree)
        #expect(differences.isEmpty, "EBBFS_SEED=\(seed) \(differences)")
      }
    }
  }

  @Test func anySubsetLeavesAConsistentTree() {
    forRandomWorkloads(seeds: 6, length: 80) { seed, workload in
      let storage = makeStorage(SimulatedBackingStorage.Options(renamesAreAtomic: seed % 2 == 0))
      for (place, operation) in workload.enumerated() {
        _ = StorageWorkload.run(operation, on: storage)
        guard place % 8 == 7 else { continue }
        let fork = storage.fork()
        fork.crash(.powerCut(keep: .random(seed: seed &+ UInt64(place))))
        let tree = fork.snapshot()
        #expect(Self.inconsistencies(of: tree).isEmpty, "EBBFS_SEED=\(seed) \(Self.inconsistencies(of: tree))")
        fork.crash(.powerCut(keep: .nothing))
        #expect(fork.snapshot() == tree, "EBBFS_SEED=\(seed): what a crash left was not durable")
      }
    }
  }

  /// Link counts that are not the number of names, and directories with two names.
  private static func inconsistencies(of tree: TreeSnapshot) -> [String] {
    tree.paths.filter { path in
      let entry = tree[path]!
      let names = tree.paths.filter { tree[$0]!.sameFileAs == entry.sameFileAs }
      guard entry.kind == .directory else { return Int(entry.linkCount) != names.count }
      let prefix = path == "." ? "" : path + "/"
      let subdirectories = tree.paths.filter { child in
        child != "." && child.hasPrefix(prefix) && !child.dropFirst(prefix.count).contains("/")
          && tree[child]!.kind == .directory
      }
      return names.count != 1 || Int(entry.linkCount) != 2 + subdirectories.count
    }
  }
}

/// Gives workloads of operations that a backing storage has to `body`, with their seeds.
func forRandomWorkloads(seeds: Int, length: Int, _ body: (UInt64, [WorkloadOperation]) -> Void) {
  for number in 0..<seeds {
    let seed = Seed.fromEnvironment &+ UInt64(number)
    var generator = WorkloadGenerator(seed: seed)
    var workload: [WorkloadOperation] = []
    while workload.count < length {
      if let operation = StorageWorkload.supported(generator.next()) { workload.append(operation) }
    }
    body(seed, workload)
  }
}
