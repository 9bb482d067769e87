import FilesystemModel
import StorageInterface
import Support
import Testing

@Suite struct StorageAgainstReferenceTests {
  @Test func simulatedStorageAndReferenceAgreeWhereTheyOverlap() {
    forRandomWorkloads(seeds: 12, length: 100) { seed, workload in
      guard Self.difference(workload) != nil else { return }
      let smallest = shrink(workload) { Self.difference($0) != nil }
      Issue.record("EBBFS_SEED=\(seed)\n\(swiftSource(of: smallest))\n\(Self.difference(smallest) ?? "")")
    }
  }

  private static func difference(_ workload: [WorkloadOperation]) -> String? {
    let clock = SimulatedClock()
    let storage = SimulatedBackingStorage(clock: clock)
    var reference = ReferenceFilesystem(clock: clock)
    for operation in workload {
      clock.advance(milliseconds: 1)
      let mine = StorageWorkload.run(operation, on: storage)
      let outcome = operation.run(on: &reference)
      guard areAlike(mine, outcome, reference) else { return "\(operation): storage \(mine), reference \(outcome.answer)" }
      let differences = storage.snapshot().differences(from: reference.snapshot())
      guard differences.isEmpty else { return "\(operation): - storage, + reference\n\(differences.joined(separator: "\n"))" }
    }
    return nil
  }

  private static func areAlike(
    _ mine: Result<Reply, Errno>, _ outcome: WorkloadOperation.Outcome, _ reference: ReferenceFilesystem
  ) -> Bool {
    if case .seek(let inode, let offset, let target) = outcome.operation, let contents = reference.contents(of: inode) {
      return ReplyComparison.isAllowed(mine, from: offset, target, in: contents)
    }
    switch (mine, outcome.answer) {
    case (.success(.bytes(let left)), .success(.bytes(let right))): return left == right
    case (.success, .success): return true
    // The storage follows no path through a symbolic link, the reference none through what is no directory.
    case (.failure(.tooManySymlinks), .failure(.notDirectory)): return true
    // Removing an attribute that is not there is no error of the storage.
    case (.success, .failure(.noData)): return true
    case (.failure(let left), .failure(let right)): return left == right
    case (.failure, .success): return false
    case (.success, .failure): return false
    }
  }

  @Test func referenceOfAStorageShowsTheSameTree() {
    forRandomWorkloads(seeds: 4, length: 100) { seed, workload in
      let storage = makeStorage()
      for operation in workload { _ = StorageWorkload.run(operation, on: storage) }
      let reference = ReferenceFilesystem(storage)
      let differences = reference.snapshot().differences(from: storage.snapshot())
      #expect(differences.isEmpty, "EBBFS_SEED=\(seed) \(differences)")
    }
  }
}
