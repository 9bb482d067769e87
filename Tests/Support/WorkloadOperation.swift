import FilesystemModel
import StorageInterface

/// One operation by paths, as a program would do it: the same workload runs on filesystems whose inode numbers differ.
package enum WorkloadOperation: Hashable, Sendable {
  case create(BackingPath, permissions: UInt16)
  case makeDirectory(BackingPath, permissions: UInt16)
  case makeFIFO(BackingPath)
  case symlink(BackingPath, target: String)
  /// O_TMPFILE, then linkat: a file that appears with its name.
  case createTemporary(linkedAt: BackingPath)
  case unlink(BackingPath)
  case removeDirectory(BackingPath)
  case rename(BackingPath, to: BackingPath)
  case renameNoReplace(BackingPath, to: BackingPath)
  case exchange(BackingPath, with: BackingPath)
  case link(BackingPath, to: BackingPath)
  /// `count` bytes that are all `fill`.
  case write(BackingPath, offset: Int, count: Int, fill: UInt8)
  case truncate(BackingPath, size: Int)
  case allocate(BackingPath, AllocateMode, offset: Int, count: Int)
  case copyRange(BackingPath, offset: Int, to: BackingPath, at: Int, count: Int)
  case changePermissions(BackingPath, UInt16)
  case changeOwner(BackingPath, UInt32, group: UInt32)
  /// Sets the time of last modification.
  case setTime(BackingPath, seconds: Int64)
  case setExtendedAttribute(BackingPath, name: String, [UInt8], ExtendedAttributeMode)
  case removeExtendedAttribute(BackingPath, name: String)
  case synchronize(BackingPath)
  case read(BackingPath, offset: Int, count: Int)
  case status(BackingPath)
  case seek(BackingPath, offset: Int, SeekTarget)
}

/// A filesystem that workloads run on.
package protocol WorkloadTarget {
  mutating func perform(_ operation: Operation, from caller: Caller) -> Result<Reply, Errno>
  mutating func forget(_ inode: InodeNumber, count: UInt64)
}

extension ReferenceFilesystem: WorkloadTarget {
  package mutating func perform(_ operation: Operation, from caller: Caller) -> Result<Reply, Errno> {
    apply(operation, from: caller)
  }
}

extension WorkloadOperation {
  /// The answer to a workload operation, with the operation by inode number that gave it; without one when a path
  /// led nowhere.
  package struct Outcome: Sendable {
    package var operation: Operation?
    package var answer: Result<Reply, Errno>
  }

  /// Looks up the paths, carries out the operation, and forgets what was looked up.
  ///
  /// - Parameter umask: of the calling program.
  @discardableResult
  package func run(
    on target: inout some WorkloadTarget, from caller: Caller = Caller(owner: 0, group: 0), umask: UInt16 = 0
  ) -> Outcome {
    var walk = WorkloadWalk(target: target, caller: caller)
    defer {
      walk.forgetAll()
      target = walk.target
    }
    do throws(Errno) {
      let operation = try resolve(&walk, umask: umask)
      return Outcome(operation: operation, answer: walk.perform(operation))
    } catch {
      return Outcome(operation: nil, answer: .failure(error))
    }
  }

  private func resolve(_ walk: inout WorkloadWalk<some WorkloadTarget>, umask: UInt16) throws(Errno) -> Operation {
    switch self {
    case .create, .makeDirectory, .makeFIFO, .symlink, .createTemporary, .unlink, .removeDirectory, .rename,
      .renameNoReplace, .exchange, .link:
      try resolveNames(&walk, umask: umask)
    default: try resolveContents(&walk)
    }
  }

  private func resolveNames(
    _ walk: inout WorkloadWalk<some WorkloadTarget>, umask: UInt16
  ) throws(Errno) -> Operation {
    func make(_ kind: FileKind, _ permissions: UInt16, _ target: String = "") -> MakeRequest {
      MakeRequest(kind: kind, permissions: permissions, umask: umask, target: Array(target.utf8))
    }
    switch self {
    case .create(let path, let permissions): return try walk.make(path, make(.regular, permissions))
    case .makeDirectory(let path, let permissions): return try walk.make(path, make(.directory, permissions))
    case .makeFIFO(let path): return try walk.make(path, make(.fifo, 0o644))
    case .symlink(let path, let target): return try walk.make(path, make(.symlink, 0o777, target))
    case .createTemporary(let path):
      let place = try walk.place(path)
      return .link(try walk.makeTemporary(in: place.parent, make(.regular, 0o644)), at: place)
    case .unlink(let path):
      let place = try walk.place(path)
      return .unlink(parent: place.parent, name: place.name)
    case .removeDirectory(let path):
      let place = try walk.place(path)
      return .removeDirectory(parent: place.parent, name: place.name)
    case .rename(let path, let other):
      return .rename(from: try walk.place(path), to: try walk.place(other), .replace)
    case .renameNoReplace(let path, let other):
      return .rename(from: try walk.place(path), to: try walk.place(other), .noReplace)
    case .exchange(let path, let other):
      return .rename(from: try walk.place(path), to: try walk.place(other), .exchange)
    case .link(let path, let other): return .link(try walk.inode(path), at: try walk.place(other))
    default: preconditionFailure("not an operation on names")
    }
  }

  private func resolveContents(_ walk: inout WorkloadWalk<some WorkloadTarget>) throws(Errno) -> Operation {
    switch self {
    case .write(let path, let offset, let count, let fill):
      return .write(try walk.inode(path), offset: offset, bytes: [UInt8](repeating: fill, count: count))
    case .truncate(let path, let size): return .setAttributes(try walk.inode(path), AttributeRequest(size: size))
    case .allocate(let path, let mode, let offset, let count):
      return .allocate(try walk.inode(path), mode, offset..<offset + count)
    case .copyRange(let path, let offset, let other, let otherOffset, let count):
      return .copyRange(
        from: try walk.inode(path), sourceOffset: offset, to: try walk.inode(other), targetOffset: otherOffset,
        count: count)
    case .changePermissions(let path, let permissions):
      return .setAttributes(try walk.inode(path), AttributeRequest(permissions: permissions))
    case .changeOwner(let path, let owner, let group):
      return .setAttributes(try walk.inode(path), AttributeRequest(owner: owner, group: group, clearsSetID: true))
    case .setTime(let path, let seconds):
      let request = AttributeRequest(modified: .at(Timestamp(seconds: seconds)))
      return .setAttributes(try walk.inode(path), request)
    case .setExtendedAttribute(let path, let name, let value, let mode):
      let attribute = ExtendedAttribute(name: Array(name.utf8), value: value)
      return .setExtendedAttribute(try walk.inode(path), attribute, mode)
    case .removeExtendedAttribute(let path, let name):
      return .removeExtendedAttribute(try walk.inode(path), name: Array(name.utf8))
    case .synchronize(let path): return .synchronize(try walk.inode(path), dataOnly: false)
    case .read(let path, let offset, let count): return .read(try walk.inode(path), offset: offset, count: count)
    case .status(let path): return .getAttributes(try walk.inode(path))
    case .seek(let path, let offset, let target): return .seek(try walk.inode(path), offset: offset, target)
    default: preconditionFailure("an operation on names")
    }
  }

  /// Whether the operation changes the tree when it succeeds.
  package var isMutation: Bool {
    switch self {
    case .synchronize, .read, .status, .seek: false
    default: true
    }
  }
}

/// Finds inodes by lookups and remembers what to forget.
private struct WorkloadWalk<Target: WorkloadTarget> {
  var target: Target
  let caller: Caller
  private var lookedUp: [InodeNumber] = []

  init(target: Target, caller: Caller) {
    self.target = target
    self.caller = caller
  }

  mutating func perform(_ operation: Operation) -> Result<Reply, Errno> {
    let answer = target.perform(operation, from: caller)
    if case .success(.entry(let entry)) = answer { lookedUp.append(entry.inode) }
    return answer
  }

  mutating func forgetAll() {
    for inode in lookedUp { target.forget(inode, count: 1) }
    lookedUp = []
  }

  mutating func inode(_ path: BackingPath) throws(Errno) -> InodeNumber {
    var current = InodeNumber.root
    for name in path.components { current = try found(.lookup(parent: current, name: name)).inode }
    return current
  }

  /// The place of a path whose last name need not exist; its directory must be one.
  mutating func place(_ path: BackingPath) throws(Errno) -> Location {
    guard let name = path.components.last else { throw .busy }
    var parent = InodeNumber.root
    for name in path.components.dropLast() {
      let entry = try found(.lookup(parent: parent, name: name))
      guard entry.attributes.kind == .directory else { throw .notDirectory }
      parent = entry.inode
    }
    return Location(parent, name)
  }

  mutating func make(_ path: BackingPath, _ request: MakeRequest) throws(Errno) -> Operation {
    let place = try place(path)
    return .make(parent: place.parent, name: place.name, request)
  }

  mutating func makeTemporary(in parent: InodeNumber, _ request: MakeRequest) throws(Errno) -> InodeNumber {
    try found(.makeTemporary(parent: parent, request)).inode
  }

  private mutating func found(_ operation: Operation) throws(Errno) -> Entry {
    guard case .entry(let entry) = try perform(operation).get() else { throw .inputOutput }
    return entry
  }
}
