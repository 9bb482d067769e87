import FilesystemModel
import StorageInterface
import Support

/// A workload on a mount beside the reference, every answer compared.
struct PlainTrial {
  let mount: SimulatedMount
  var reference: ReferenceFilesystem
  private var comparison = ReplyComparison()

  init(_ tree: InitialTree, _ options: MountOptions, seed: UInt64) throws {
    let clock = SimulatedClock()
    let backing = try tree.backing(clock)
    clock.advance(milliseconds: 1000)
    mount = try SimulatedMount(backing, clock: clock, options: options, seed: seed)
    reference = ReferenceFilesystem(backing)
  }

  /// Says what is wrong; `nil` when nothing is.
  mutating func run(_ workload: [WorkloadOperation], stepsMax: Int) -> String? {
    for (place, operation) in workload.enumerated() {
      if let wrong = run(operation) { return "operation \(place), \(operation): \(wrong)" }
      for _ in 0..<Int.random(in: 0...stepsMax, using: &mount.generator) { mount.step() }
      mount.pass(milliseconds: Int.random(in: 1...60, using: &mount.generator))
    }
    return finish()
  }

  private mutating func run(_ operation: WorkloadOperation) -> String? {
    var target = mount
    let mine = operation.run(on: &target)
    let theirs = operation.run(on: &reference)
    if let stuck = mount.stuck { return stuck }
    guard let asked = theirs.operation else {
      guard case .failure(let errno) = theirs.answer, case .failure(let found) = mine.answer, errno == found else {
        return "\(mine.answer) instead of \(theirs.answer)"
      }
      return nil
    }
    return comparison.difference(mine.answer, theirs.answer, to: asked, in: reference)
  }

  /// Looks at the mount, writes everything back, and looks at both.
  private func finish() -> String? {
    let expected = reference.snapshot()
    do {
      if let wrong = Self.difference(try mount.snapshot(), expected) { return "the mount: " + wrong }
      try mount.drain()
      if let wrong = Self.difference(mount.backing.snapshot(), expected) { return "the backing directory: " + wrong }
      if let wrong = Self.difference(try mount.snapshot(), expected) { return "the mount after draining: " + wrong }
    } catch {
      return "\(error)"
    }
    return nil
  }

  static func difference(_ found: TreeSnapshot, _ expected: TreeSnapshot) -> String? {
    let lines = found.differences(from: expected)
    return lines.isEmpty ? nil : "\n" + lines.joined(separator: "\n")
  }
}
