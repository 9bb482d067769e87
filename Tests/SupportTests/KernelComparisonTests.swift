import FilesystemModel
import Glibc
import StorageInterface
import Support
import Testing

/// Runs the same workload on ext4 and on the reference and compares errno, tree, mtimes and changes of ctime after every
/// operation.
private final class KernelComparison {
  private let tree = KernelTree()
  private var reference: ReferenceFilesystem
  private let caller: Caller
  private let umask: UInt16
  /// A time that no operation sets.
  private static let marker = Timestamp(seconds: 500)

  init(caller: Caller, umask: UInt16) {
    self.caller = caller
    self.umask = umask
    reference = ReferenceFilesystem(clock: SimulatedClock(nanosecondsPerReading: 1))
    if caller.owner != 0 {
      precondition(unsafe chmod(tree.path, 0o777) == 0)
      _ = WorkloadOperation.changePermissions(.root, 0o777).run(on: &reference)
    }
  }

  deinit { tree.remove() }

  /// The first difference; `nil` when there is none.
  func firstDifference(in workload: [WorkloadOperation]) -> String? {
    for operation in workload {
      do throws(Errno) {
        if let difference = try step(operation) { return "\(operation): \(difference)" }
      } catch {
        return "\(operation): the tree cannot be read: errno \(error.rawValue)"
      }
    }
    return nil
  }

  private func step(_ operation: WorkloadOperation) throws(Errno) -> String? {
    try mark()
    let changedBefore = try kernelChangeTimes()
    let referenceBefore = referenceChangeTimes()
    var answer: Result<Reply, Errno>
    become(caller)
    do throws(Errno) { answer = .success(try tree.run(operation)) } catch { answer = .failure(error) }
    become(Caller(owner: 0, group: 0))
    if caller.owner != 0, answer == .failure(.accessDenied) || answer == .failure(.notPermitted) { return nil }
    if caller.owner != 0, case .success(let reply) = answer, reply != .count(0) { clearSetIDAsTheKernelDoes(operation) }
    let outcome = operation.run(on: &reference, from: caller, umask: umask)
    if let difference = difference(answer, outcome, operation) { return difference }
    let kernel = Self.comparable(try tree.snapshot())
    let differences = kernel.differences(from: Self.comparable(reference.snapshot()))
    guard differences.isEmpty else { return "- ext4, + reference:\n" + differences.joined(separator: "\n") }
    let kernelChanges = Self.changes(changedBefore, try kernelChangeTimes())
    let referenceChanges = Self.changes(referenceBefore, referenceChangeTimes())
    // ext4 takes setting an attribute to the value it has for no change at all.
    if case .setExtendedAttribute = operation, kernelChanges.isEmpty { return nil }
    guard kernelChanges == referenceChanges else {
      return "ctime changed of \(kernelChanges), reference: \(referenceChanges)"
    }
    return nil
  }

  /// The kernel clears set-id bits when one without CAP_FSETID writes; on a mount it tells the daemon so beforehand.
  private func clearSetIDAsTheKernelDoes(_ operation: WorkloadOperation) {
    let path: BackingPath
    switch operation {
    case .write(let written, _, _, _), .truncate(let written, _), .allocate(let written, _, _, _): path = written
    case .copyRange(_, _, let target, _, _): path = target
    default: return
    }
    guard let inode = reference.inode(at: path) else { return }
    _ = reference.apply(.setAttributes(inode, AttributeRequest(clearsSetID: true)), from: caller)
  }

  private func become(_ caller: Caller) {
    _ = KernelCalls.setfsuid(0)
    _ = KernelCalls.setfsgid(caller.group)
    _ = KernelCalls.setfsuid(caller.owner)
  }

  private func difference(
    _ answer: Result<Reply, Errno>, _ outcome: WorkloadOperation.Outcome, _ operation: WorkloadOperation
  ) -> String? {
    switch (answer, outcome.answer) {
    case (.failure(let mine), .failure(let theirs)) where mine == theirs: return nil
    case (.success(.bytes(let mine)), .success(.bytes(let theirs))) where mine == theirs: return nil
    case (.success(.count(let mine)), .success(.count(let theirs))) where mine != theirs: break
    case (_, _):
      if case .seek(let inode, let offset, let target) = outcome.operation, let contents = reference.contents(of: inode),
        ReplyComparison.isAllowed(answer, from: offset, target, in: contents)
      {
        return nil
      }
      if case .read = operation { break }
      if case .success = answer, case .success = outcome.answer { return nil }
    }
    return "ext4 \(answer), reference \(outcome.answer)"
  }

  // MARK: Times

  private func mark() throws(Errno) {
    for path in try tree.paths() {
      _ = try tree.run(.setTime(BackingPath(path), seconds: Self.marker.seconds))
      _ = WorkloadOperation.setTime(BackingPath(path), seconds: Self.marker.seconds).run(on: &reference)
    }
  }

  /// All recent times are one: the clocks differ.
  private static func comparable(_ snapshot: TreeSnapshot) -> TreeSnapshot {
    TreeSnapshot(
      Dictionary(
        uniqueKeysWithValues: snapshot.paths.map { path in
          var entry = snapshot[path]!
          if entry.modified.seconds > 1_500_000_000 { entry.modified = Timestamp(seconds: 1_500_000_000) }
          return (path, entry)
        }))
  }

  private struct ChangeTime: Equatable {
    var inode: UInt64
    var time: Timestamp
  }

  private func kernelChangeTimes() throws(Errno) -> [String: ChangeTime] {
    var times: [String: ChangeTime] = [:]
    for path in try tree.paths() {
      let status = try tree.status(BackingPath(path))
      let time = Timestamp(seconds: Int64(status.st_ctim.tv_sec), nanoseconds: UInt32(status.st_ctim.tv_nsec))
      times[path] = ChangeTime(inode: UInt64(status.st_ino), time: time)
    }
    return times
  }

  private func referenceChangeTimes() -> [String: ChangeTime] {
    var times: [String: ChangeTime] = [:]
    for path in reference.snapshot().paths {
      let inode = reference.inode(at: BackingPath(path))!
      times[path] = ChangeTime(inode: inode.rawValue, time: reference.attributes(of: inode).changed)
    }
    return times
  }

  /// The paths, as they are now, of files that were there before and whose ctime is another.
  private static func changes(_ before: [String: ChangeTime], _ after: [String: ChangeTime]) -> [String] {
    let old = Dictionary(before.values.map { ($0.inode, $0.time) }, uniquingKeysWith: { time, _ in time })
    return after.keys.sorted().filter { path in
      guard let new = after[path], let time = old[new.inode] else { return false }
      return new.time != time
    }
  }
}

/// Compares on a thread whose umask and filesystem user are its own, and shrinks what differs.
private func expectSameAsKernel(
  seeds: Int, length: Int, caller: Caller, umask: UInt16, sourceLocation: SourceLocation = #_sourceLocation
) {
  let alphabet = WorkloadAlphabet(
    files: WorkloadAlphabet.wide.files, directories: WorkloadAlphabet.wide.directories,
    offsets: [0, 1, 511, 4095, 4096, 6000], counts: [1, 512, 4096, 5000], sizes: [0, 1, 512, 3000, 9000])
  func difference(_ workload: [WorkloadOperation]) -> String? {
    KernelComparison(caller: caller, umask: umask).firstDifference(in: workload)
  }
  for number in 0..<seeds {
    let seed = Seed.fromEnvironment &+ UInt64(number)
    var generator = WorkloadGenerator(alphabet: alphabet, seed: seed)
    let workload = generator.workload(length: length, from: ReferenceFilesystem(clock: SimulatedClock()))
    guard difference(workload) != nil else { continue }
    let smallest = shrink(workload) { difference($0) != nil }
    Issue.record(
      "EBBFS_SEED=\(seed)\n\(swiftSource(of: smallest))\n\(difference(smallest) ?? "")", sourceLocation: sourceLocation)
    return
  }
}

@Suite struct KernelComparisonTests {
  @Test func rootOnExt4AgreesWithTheReference() {
    onThread(umask: 0) {
      expectSameAsKernel(seeds: 6, length: 120, caller: Caller(owner: 0, group: 0), umask: 0)
    }
  }

  @Test func umaskOnExt4AgreesWithTheReference() {
    onThread(umask: 0o027) {
      expectSameAsKernel(seeds: 3, length: 100, caller: Caller(owner: 0, group: 0), umask: 0o027)
    }
  }

  /// What random workloads meet seldom.
  @Test func rareOperationsOnExt4AgreeWithTheReference() {
    let workload: [WorkloadOperation] = [
      .makeDirectory("d", permissions: 0o755), .makeDirectory("e", permissions: 0o755), .create("a", permissions: 0o644),
      .create("d/b", permissions: 0o644), .exchange("a", with: "d/b"), .exchange("a", with: "e"), .exchange("e", with: "d/b"),
      .exchange("d", with: "d/b"), .exchange("d/b", with: "d"), .exchange("a", with: "x"), .exchange("a", with: "a"),
      .link("e", to: "d/e"), .exchange("e", with: "d/e"), .rename("e", to: "d/e"), .rename("d", to: "a"),
      .rename("a/b", to: "a"), .createTemporary(linkedAt: "a/t"), .createTemporary(linkedAt: "a/t"),
      .renameNoReplace("a/t", to: "e"), .renameNoReplace("a/t", to: "t"), .link("a", to: "d"),
      .setExtendedAttribute("t", name: "user.", [1], .set), .setExtendedAttribute("t", name: "nowhere.x", [1], .set),
      .setExtendedAttribute("t", name: "system.posix_acl_default", AccessControlList([]).encoded, .set),
      .setExtendedAttribute("t", name: "system.posix_acl_access", [2, 0, 0], .set),
      .setExtendedAttribute("t", name: "system.posix_acl_access", [1, 0, 0, 0], .set),
      .removeExtendedAttribute("t", name: "system.posix_acl_access"), .removeExtendedAttribute("t", name: "user.q"),
      .copyRange("t", offset: 0, to: "a", at: 0, count: 1), .write("t", offset: 10, count: 10, fill: 1),
      .copyRange("t", offset: 5, to: "t", at: 100, count: 50), .copyRange("t", offset: 0, to: "t", at: 5, count: 50),
      .removeDirectory("t"), .unlink("a"), .removeDirectory("a"), .symlink("t", target: ""), .symlink("s", target: ""),
      .symlink("s", target: String(repeating: "x", count: 4095)), .changePermissions("s", 0o600),
      .changeOwner("s", 1000, group: 1000), .setExtendedAttribute("s", name: "user.x", [1], .set),
      .create(BackingPath(String(repeating: "n", count: 256)), permissions: 0o600),
    ]
    onThread(umask: 0) {
      let difference = KernelComparison(caller: Caller(owner: 0, group: 0), umask: 0).firstDifference(in: workload)
      #expect(difference == nil)
    }
  }

  /// The planted mistake that the comparison must find: the reference is told another umask than the thread has.
  @Test func comparisonFindsAWrongUmask() {
    onThread(umask: 0o027) {
      let comparison = KernelComparison(caller: Caller(owner: 0, group: 0), umask: 0o077)
      let difference = comparison.firstDifference(in: [.create("a", permissions: 0o666)])
      #expect(difference?.contains("permissions -0640 +0600") == true)
    }
  }

  @Test func ordinaryUserOnExt4AgreesWithTheReference() {
    onThread(umask: 0o022) {
      let caller = Caller(owner: 1000, group: 1000, groups: supplementaryGroups())
      expectSameAsKernel(seeds: 4, length: 100, caller: caller, umask: 0o022)
    }
  }
}

@Suite struct KernelCapabilityTests {
  /// A write-back must set capabilities after the bytes and the owner, or it loses them: on ext4 and on the simulated storage.
  @Test func writingAndChangingTheOwnerRemoveCapabilities() throws {
    let value: [UInt8] = [0, 0, 0, 2] + [0, 4, 0, 0] + [UInt8](repeating: 0, count: 12)
    let operations: [WorkloadOperation] = [
      .write("a", offset: 0, count: 1, fill: 1), .truncate("a", size: 0), .changeOwner("a", 0, group: 0),
      .allocate("a", .punchHole, offset: 0, count: 1), .changePermissions("a", 0o600), .setTime("a", seconds: 5),
      .link("a", to: "b"), .rename("b", to: "c"),
    ]
    let tree = KernelTree()
    defer { tree.remove() }
    let storage = makeStorage()
    let capability = WorkloadOperation.setExtendedAttribute("a", name: "security.capability", value, .set)
    for operation in [.create("a", permissions: 0o600)] + operations {
      _ = try tree.run(operation)
      _ = try StorageWorkload.run(operation, on: storage).get()
      let left = try tree.snapshot()["a"]!.extendedAttributes.count
      #expect(left == storage.snapshot()["a"]!.extendedAttributes.count, "\(operation)")
      _ = try tree.run(capability)
      _ = try StorageWorkload.run(capability, on: storage).get()
    }
  }
}
