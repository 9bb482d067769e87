import FilesystemModel
import StorageInterface

/// The paths and numbers that workloads are made of.
package struct WorkloadAlphabet: Sendable {
  package var files: [BackingPath]
  package var directories: [BackingPath]
  package var offsets: [Int]
  package var counts: [Int]
  package var sizes: [Int]

  package init(
    files: [BackingPath], directories: [BackingPath], offsets: [Int] = [0, 300], counts: [Int] = [600],
    sizes: [Int] = [0, 200]
  ) {
    self.files = files
    self.directories = directories
    self.offsets = offsets
    self.counts = counts
    self.sizes = sizes
  }

  /// Two files, one inside a directory, and two directories, one of which the other can be moved into: for enumeration.
  package static let small = WorkloadAlphabet(files: ["a", "d/b"], directories: ["d", "e"])

  /// For random workloads: names collide often, also across directories.
  package static let wide = WorkloadAlphabet(
    files: ["a", "b", "d/a", "d/b", "d/e/a", "e/a", "e/d/b"], directories: ["d", "e", "d/e", "e/d", "d/e/f"],
    offsets: [0, 1, 511, 512, 1000, 4095, 4096, 100_000], counts: [1, 100, 512, 4096, 5000],
    sizes: [0, 1, 512, 3000, 5000, 200_000])

  private var all: [BackingPath] { files + directories }

  /// Every operation that enumeration tries at each step.
  package var operations: [WorkloadOperation] {
    var operations: [WorkloadOperation] = files.map { .create($0, permissions: 0o644) }
    operations += directories.map { .makeDirectory($0, permissions: 0o755) }
    for file in files {
      for (place, offset) in offsets.enumerated() {
        operations += counts.map { .write(file, offset: offset, count: $0, fill: UInt8(65 + place)) }
      }
      operations += sizes.map { .truncate(file, size: $0) }
      operations += [.unlink(file), .setExtendedAttribute(file, name: "user.x", [1], .set)]
      operations += files.filter { $0 != file }.map { .link(file, to: $0) }
    }
    operations += directories.map { .removeDirectory($0) }
    for (place, path) in all.enumerated() {
      operations += all.filter { $0 != path && !$0.isInside(path) }.map { .rename(path, to: $0) }
      operations += all.dropFirst(place + 1).filter { !$0.isInside(path) && !path.isInside($0) }
        .map { .exchange(path, with: $0) }
      operations += [.changePermissions(path, 0o700), .synchronize(path)]
    }
    return operations
  }
}

extension BackingPath {
  /// Whether this path leads through `ancestor`.
  package func isInside(_ ancestor: BackingPath) -> Bool {
    components.count > ancestor.components.count && components.starts(with: ancestor.components)
  }
}

/// Makes random workloads from a seed, and all workloads of a length.
package struct WorkloadGenerator: Sendable {
  package let alphabet: WorkloadAlphabet
  package var generator: SeededGenerator

  package init(alphabet: WorkloadAlphabet = .wide, seed: UInt64) {
    self.alphabet = alphabet
    generator = SeededGenerator(seed: seed)
  }

  package mutating func workload(length: Int) -> [WorkloadOperation] { (0..<length).map { _ in next() } }

  /// A random workload of which most operations succeed on this filesystem.
  ///
  /// - Parameter failingPercent: how many operations are taken as they come, which means that three of four of them fail.
  package mutating func workload(
    length: Int, from filesystem: ReferenceFilesystem, failingPercent: Int = 20
  ) -> [WorkloadOperation] {
    var filesystem = filesystem
    return (0..<length).map { _ in
      let takesAny = Int.random(in: 0..<100, using: &generator) < failingPercent
      for _ in 0..<30 {
        let candidate = next()
        var after = filesystem
        let outcome = candidate.run(on: &after)
        if !takesAny, case .failure = outcome.answer { continue }
        filesystem = after
        return candidate
      }
      return .status(.root)
    }
  }

  /// A random operation. About a quarter succeed once there are some files.
  package mutating func next() -> WorkloadOperation {
    switch Int.random(in: 0..<100, using: &generator) {
    case 0..<45: nextNaming()
    case 45..<75: nextContents()
    default: nextAttributes()
    }
  }

  private mutating func pick<Element>(_ elements: [Element]) -> Element { elements.randomElement(using: &generator)! }

  private mutating func path() -> BackingPath { pick(alphabet.files + alphabet.directories) }

  private mutating func nextNaming() -> WorkloadOperation {
    switch Int.random(in: 0..<20, using: &generator) {
    case 0..<4: return .create(pick(alphabet.files), permissions: pick([0o644, 0o600, 0o4755, 0o2770]))
    case 4..<7: return .makeDirectory(pick(alphabet.directories), permissions: pick([0o755, 0o1777, 0o700]))
    case 7: return pick([.makeFIFO(path()), .symlink(path(), target: "nowhere"), .createTemporary(linkedAt: path())])
    case 8..<10: return .unlink(path())
    case 10: return .removeDirectory(path())
    case 11..<15: return .rename(path(), to: path())
    case 15: return .renameNoReplace(path(), to: path())
    case 16: return .exchange(path(), with: path())
    default: return .link(path(), to: path())
    }
  }

  private mutating func nextContents() -> WorkloadOperation {
    let file = pick(alphabet.files)
    let offset = pick(alphabet.offsets)
    let count = pick(alphabet.counts)
    switch Int.random(in: 0..<12, using: &generator) {
    case 0..<5: return .write(file, offset: offset, count: count, fill: UInt8.random(in: 1...255, using: &generator))
    case 5..<7: return .truncate(file, size: pick(alphabet.sizes))
    case 7..<9:
      let modes: [AllocateMode] = [.extend, .keepSize, .punchHole, .zeroRange, .zeroRangeKeepSize]
      return .allocate(file, pick(modes), offset: offset, count: count)
    case 9: return .copyRange(file, offset: offset, to: pick(alphabet.files), at: pick(alphabet.offsets), count: count)
    case 10: return .read(file, offset: offset, count: count)
    default: return .seek(file, offset: offset, pick([.data, .hole]))
    }
  }

  private mutating func nextAttributes() -> WorkloadOperation {
    let path = path()
    switch Int.random(in: 0..<12, using: &generator) {
    case 0..<3: return .changePermissions(path, pick([0o755, 0o2775, 0o6711, 0o4600, 0o640, 0o1777]))
    case 3: return .changeOwner(path, pick([0, 1000]), group: pick([0, 100, 1000]))
    case 4: return .setTime(path, seconds: Int64.random(in: 1...1_000_000_000, using: &generator))
    case 5..<7:
      let value = [UInt8](repeating: 7, count: pick([0, 1, 100]))
      return .setExtendedAttribute(path, name: pick(["user.x", "user.y", "trusted.z"]), value, pick([.set, .create, .replace]))
    case 7..<9:
      let name = String(decoding: pick([AccessControlList.accessName, AccessControlList.defaultName]), as: UTF8.self)
      return .setExtendedAttribute(path, name: name, list().encoded, .set)
    case 9:
      let names = ["user.x", "trusted.z", "system.posix_acl_access", "system.posix_acl_default"]
      return .removeExtendedAttribute(path, name: pick(names))
    case 10: return .synchronize(path)
    default: return .status(path)
    }
  }

  private mutating func list() -> AccessControlList {
    typealias Entry = AccessControlList.Entry
    let permissions = (0..<5).map { _ in UInt16.random(in: 0...7, using: &generator) }
    let named = [Entry(.namedOwner, permissions[3], identifier: 1000), Entry(.group, permissions[1])]
    let isPlain = Int.random(in: 0..<3, using: &generator) == 0
    let middle = isPlain ? [Entry(.group, permissions[1])] : named + [Entry(.mask, permissions[4])]
    return AccessControlList([Entry(.owner, permissions[0])] + middle + [Entry(.others, permissions[2])])
  }

  /// Gives every workload of `length` operations of the alphabet to `body`, in a fixed order, until it returns `false`.
  ///
  /// - Parameter onlySuccessful: leaves out workloads with an operation that fails, which leave the tree as a shorter one does.
  package static func enumerate(
    _ alphabet: WorkloadAlphabet, length: Int, from filesystem: ReferenceFilesystem, onlySuccessful: Bool = true,
    _ body: ([WorkloadOperation]) -> Bool
  ) {
    let operations = alphabet.operations
    func extend(_ workload: [WorkloadOperation], _ filesystem: ReferenceFilesystem) -> Bool {
      if workload.count == length { return body(workload) }
      for operation in operations {
        var next = filesystem
        let outcome = operation.run(on: &next)
        if onlySuccessful, case .failure = outcome.answer { continue }
        guard extend(workload + [operation], next) else { return false }
      }
      return true
    }
    _ = extend([], filesystem)
  }
}
