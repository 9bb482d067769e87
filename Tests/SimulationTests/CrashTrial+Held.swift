import FilesystemModel
import StorageInterface
import Support

/// A file that a program keeps open, on the mount and in the reference.
struct HeldFile {
  var mine: InodeNumber
  var theirs: InodeNumber
}

/// Files that are used while they are open, whatever becomes of their names.
extension CrashTrial {
  private static let caller = Caller(owner: 0, group: 0)

  mutating func carryOutHeld(_ event: WalkEvent) throws {
    if case .hold(let path) = event { return try hold(path) }
    if case .holdTemporary(let path) = event { return try holdTemporary(in: path) }
    guard let file = held.last else { return }
    switch event {
    case .writeHeld(let offset, let count, let fill):
      let bytes = [UInt8](repeating: fill, count: count)
      try performHeld(
        .write(file.mine, offset: offset, bytes: bytes), .write(file.theirs, offset: offset, bytes: bytes))
    case .truncateHeld(let size):
      let request = AttributeRequest(size: size)
      try performHeld(.setAttributes(file.mine, request), .setAttributes(file.theirs, request))
    case .readHeld:
      try performHeld(
        .read(file.mine, offset: 0, count: 300_000), .read(file.theirs, offset: 0, count: 300_000))
    case .linkHeld(let path): try link(file, at: path)
    default:
      held.removeLast()
      forget(file)
    }
  }

  private mutating func forget(_ file: HeldFile) {
    mount.forget(file.mine, count: 1)
    reference.forget(file.theirs, count: 1)
  }

  /// Carries out an operation on both sides. Answers the file that was entered by it.
  @discardableResult
  private mutating func performHeld(_ mine: Operation, _ theirs: Operation) throws -> HeldFile? {
    counts.operations += 1
    mount.clock.advance(milliseconds: 1)
    let answer = mount.perform(mine, from: Self.caller)
    let expected = reference.apply(theirs, from: Self.caller)
    try judge(answer, expected, theirs, "\(mine)")
    guard case .success(.entry(let one)) = answer, case .success(.entry(let other)) = expected else { return nil }
    return HeldFile(mine: one.inode, theirs: other.inode)
  }

  /// Looks a file up on both sides; only regular files are kept.
  private mutating func hold(_ path: BackingPath) throws {
    var passed: [HeldFile] = []
    let found = try walk(path.components, &passed)
    for file in passed where file.theirs != found?.theirs { forget(file) }
    guard let found, found.theirs != .root else { return }
    if reference.contents(of: found.theirs) != nil { held.append(found) } else { forget(found) }
  }

  private mutating func holdTemporary(in directory: BackingPath) throws {
    try with(directory.components) { trial, parent in
      let request = MakeRequest(kind: .regular, permissions: 0o640, umask: 0, target: [])
      let made = try trial.performHeld(
        .makeTemporary(parent: parent.mine, request), .makeTemporary(parent: parent.theirs, request))
      if let made { trial.held.append(made) }
    }
  }

  private mutating func link(_ file: HeldFile, at path: BackingPath) throws {
    guard let name = path.components.last else { return }
    try with(path.components.dropLast()) { trial, parent in
      let linked = try trial.performHeld(
        .link(file.mine, at: Location(parent.mine, name)), .link(file.theirs, at: Location(parent.theirs, name)))
      if let linked { trial.forget(linked) }
    }
  }

  /// Does something in a directory, if it is there.
  private mutating func with(
    _ path: some Sequence<EntryName>, _ body: (inout CrashTrial, HeldFile) throws -> Void
  ) throws {
    var passed: [HeldFile] = []
    let found = try walk(path, &passed)
    if let found, reference.contents(of: found.theirs) == nil { try body(&self, found) }
    for file in passed { forget(file) }
  }

  /// Follows a path on both sides. `nil` when it leads nowhere or the disks die.
  private mutating func walk(_ path: some Sequence<EntryName>, _ passed: inout [HeldFile]) throws -> HeldFile? {
    var file = HeldFile(mine: .root, theirs: .root)
    for name in path {
      let answer = mount.perform(.lookup(parent: file.mine, name: name), from: Self.caller)
      let expected = reference.apply(.lookup(parent: file.theirs, name: name), from: Self.caller)
      if mount.isDead { return nil }
      guard case .success(.entry(let other)) = expected else { return nil }
      guard case .success(.entry(let one)) = answer else { throw Violation(description: "lookup of \(name): \(answer)") }
      file = HeldFile(mine: one.inode, theirs: other.inode)
      passed.append(file)
    }
    return file
  }
}
