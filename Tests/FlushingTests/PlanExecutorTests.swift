import FilesystemModel
import StorageInterface
import Support
import Testing

@testable import Flushing

/// A storage with `a` = "old a", `b` = "old b", `d/x` and the actions that the tests carry out on it.
struct ExecutorScene {
  let storage: SimulatedBackingStorage
  let executor: PlanExecutor
  private let actions: [PhysicalAction]

  init(_ action: ExecutableAction = newFile, count: Int = 1, hasFilesystemSync: Bool = false) throws {
    storage = SimulatedBackingStorage(
      clock: SimulatedClock(), options: .init(abilities: BackingAbilities(hasFilesystemSync: hasFilesystemSync)))
    let bystander = storage.bystander
    try bystander.make("d", kind: .directory, device: 0, target: [])
    for (path, text) in [("a", "old a"), ("b", "old b"), ("d/x", "old x")] as [(BackingPath, String)] {
      let file = try bystander.createFile(path)
      try file.write(Array(text.utf8), at: 0)
      try file.synchronize()
    }
    for directory: BackingPath in ["d", .root] { try bystander.synchronize(directory) }
    actions = Array(repeating: action.action, count: count)
    executor = PlanExecutor(storage: storage, actions: actions, chunkBytes: 4)
  }

  func text(_ path: String) -> String? {
    storage.snapshot()[path].map { String(decoding: $0.contents.read(at: 0, count: 100), as: UTF8.self) }
  }

  static func action(
    _ kind: PhysicalAction.Kind, _ source: BackingPath? = nil, to target: BackingPath? = nil, over: Bool = false,
    fileKind: FileKind = .regular, inode: NewInode? = nil, contents: ContentsImage? = nil, bytes: String = ""
  ) -> ExecutableAction {
    let data = Array(bytes.utf8)
    return ExecutableAction(
      action: PhysicalAction(kind: kind, inode: InodeNumber(9), fileKind: fileKind, replaced: over ? InodeNumber(8) : nil),
      source: source, target: target, newInode: inode, contents: contents,
      read: { range throws(Errno) in
        guard range.upperBound <= data.count else { throw .inputOutput }
        return Array(data[range])
      })
  }

  static func newInode(_ kind: FileKind, permissions: UInt16 = 0o640, target: String = "") -> NewInode {
    let time = Timestamp(seconds: 77)
    return NewInode(
      number: InodeNumber(9),
      attributes: Attributes(
        kind: kind, permissions: permissions, owner: 5, group: 6, accessed: time, modified: time, changed: time),
      target: Array(target.utf8),
      extendedAttributes: kind == .regular ? [ExtendedAttribute(name: Array("user.n".utf8), value: [1])] : [])
  }

  static let newFile = action(
    .create, to: "n", inode: newInode(.regular),
    contents: ContentsImage(
      sizeAfter: 12, extents: [0..<10],
      attributes: AttributeChange(permissions: 0o444, modified: Timestamp(seconds: 99))),
    bytes: "0123456789")

  static let newContents = action(
    .writeContents, "a",
    contents: ContentsImage(
      smallestSize: 1, sizeAfter: 8, zeroed: [0..<1], extents: [4..<6],
      attributes: AttributeChange(modified: Timestamp(seconds: 99)),
      extendedAttributes: [ExtendedAttributeChange(name: Array("user.n".utf8), value: [2])]),
    bytes: "....45")

  /// One of each kind, all of which succeed on a new scene.
  static let all = [
    newFile, newContents, action(.create, to: "n", fileKind: .directory, inode: newInode(.directory)),
    action(.create, to: "n", fileKind: .symlink, inode: newInode(.symlink, target: "a")),
    action(.create, to: "n", fileKind: .fifo, inode: newInode(.fifo)), action(.link, "a", to: "n"), action(.removeFile, "a"),
    action(.rename, "a", to: "d/n"), action(.rename, "a", to: "b", over: true),
    action(.rename, "d", to: "n", fileKind: .directory),
    action(
      .writeContents, "d", fileKind: .directory,
      contents: ContentsImage(attributes: AttributeChange(permissions: 0o711, modified: Timestamp(seconds: 5)))),
    action(
      .writeContents, "a",
      contents: ContentsImage(attributes: AttributeChange(owner: 3, accessed: Timestamp(seconds: 5)))),
  ]

  /// Applies and synchronizes until it is done; at most so many attempts, each with an executor of its own.
  func carryOut(_ action: ExecutableAction, isRedo: Bool = false, attempts: Int = 2) -> ActionOutcome {
    var outcome = ActionOutcome.done
    for attempt in 0..<attempts {
      let executor = PlanExecutor(storage: storage, actions: actions, chunkBytes: 4)
      outcome = executor.apply(action, isRedo: isRedo || attempt > 0)
      if outcome == .done { outcome = executor.synchronize([action])[0] }
      guard case .retry = outcome else { break }
    }
    return outcome
  }
}

@Suite struct PlanExecutorTests {
  // MARK: Effects

  @Test func newFileHasItsDataSizeAttributesAndNames() throws {
    let scene = try ExecutorScene()
    #expect(scene.carryOut(ExecutorScene.newFile) == .done)
    let entry = try #require(scene.storage.durableSnapshot()["n"])
    #expect(scene.text("n") == "0123456789\0\0")
    #expect(entry.permissions == 0o444 && entry.owner == 5 && entry.group == 6 && entry.modified == Timestamp(seconds: 99))
    #expect(entry.extendedAttributes.map(\.value) == [[1]])
  }

  @Test func contentsAreCutZeroedWrittenAndResizedInThisOrder() throws {
    let scene = try ExecutorScene()
    scene.storage.keepLog()
    #expect(scene.carryOut(ExecutorScene.newContents) == .done)
    #expect(scene.text("a") == "\0\0\0\0" + "45" + "\0\0")
    #expect(
      scene.storage.log.map(\.name) == [
        .open, .resize, .zero, .write, .resize, .setFileExtendedAttribute, .setFileAttributes, .synchronizeFile, .fileStatus,
      ])
    #expect(scene.storage.durableSnapshot()["a"]?.modified == Timestamp(seconds: 99))
  }

  /// On a remote filesystem each call that sets a size or attributes is a round trip or two.
  @Test(arguments: [0o644, 0o600, 0o640, 0o444] as [UInt16]) func aNewFileTakesFewCalls(permissions: UInt16) throws {
    let scene = try ExecutorScene()
    scene.storage.keepLog()
    let time = Timestamp(seconds: 5)
    let attributes = Attributes(
      kind: .regular, permissions: permissions, owner: 0, group: 0, accessed: time, modified: time, changed: time)
    let action = ExecutorScene.action(
      .create, to: "n", inode: NewInode(number: InodeNumber(9), attributes: attributes),
      contents: ContentsImage(sizeAfter: 4, extents: [0..<4]), bytes: "text")
    #expect(scene.carryOut(action) == .done)
    #expect(
      scene.storage.log.map(\.name) == [
        .createFile, .fileStatus, .write, .setFileAttributes, .synchronizeFile, .fileStatus, .synchronizeDirectory,
      ])
    #expect(scene.storage.snapshot()["n"]?.permissions == permissions && scene.text("n") == "text")
  }

  /// What a redo sees may be what the kernel remembers of a server that has lost it.
  @Test(arguments: [false, true]) func aSizeThatTheFileHasIsSetByARedoOnly(isRedo: Bool) throws {
    let scene = try ExecutorScene()
    var action = ExecutorScene.action(.writeContents, "a", contents: ContentsImage(sizeAfter: 5, extents: [0..<3]), bytes: "new")
    action.expectedSource = try scene.storage.status("a").known
    scene.storage.keepLog()
    #expect(scene.carryOut(action, isRedo: isRedo) == .done && scene.text("a") == "new a")
    #expect(scene.storage.callCount(.resize) == (isRedo ? 1 : 0))
  }

  @Test func bytesAreReadAndWrittenInChunks() throws {
    let scene = try ExecutorScene()
    scene.storage.keepLog()
    _ = scene.carryOut(ExecutorScene.newFile)
    #expect(scene.storage.callCount(.write) == 3)
  }

  @Test func unprivilegedDaemonKeepsItsOwnerOnNewFiles() throws {
    let storage = SimulatedBackingStorage(
      clock: SimulatedClock(), options: .init(abilities: BackingAbilities(isPrivileged: false)))
    let executor = PlanExecutor(storage: storage, actions: [ExecutorScene.newFile.action])
    #expect(executor.apply(ExecutorScene.newFile, isRedo: false) == .done)
    #expect(storage.snapshot()["n"]?.owner == 1000)
  }

  // MARK: Strict answers

  @Test(arguments: [
    (ExecutorScene.action(.create, to: "a", inode: ExecutorScene.newInode(.regular)), AbortReason.targetExists),
    (ExecutorScene.action(.create, to: "a", inode: ExecutorScene.newInode(.directory)), .targetExists),
    (ExecutorScene.action(.create, to: "e/n", inode: ExecutorScene.newInode(.regular)), .targetParentMissing),
    (ExecutorScene.action(.link, "a", to: "b"), .targetExists), (ExecutorScene.action(.link, "e", to: "n"), .sourceMissing),
    (ExecutorScene.action(.removeFile, "e"), .sourceMissing), (ExecutorScene.action(.removeFile, "d"), .kindDiffers),
    (ExecutorScene.action(.removeDirectory, "e"), .sourceMissing),
    (ExecutorScene.action(.removeDirectory, "d"), .directoryNotEmpty),
    (ExecutorScene.action(.removeDirectory, "a"), .kindDiffers),
    (ExecutorScene.action(.rename, "a", to: "b"), .targetExists), (ExecutorScene.action(.rename, "e", to: "n"), .sourceMissing),
    (ExecutorScene.action(.rename, "e", to: "b", over: true), .sourceMissing),
    (ExecutorScene.action(.rename, "a", to: "d", over: true), .kindDiffers),
    (ExecutorScene.action(.rename, "d", to: "d/n", fileKind: .directory), .wouldContainItself),
    (ExecutorScene.action(.writeContents, "e", contents: ContentsImage(sizeAfter: 1)), .sourceMissing),
    (
      ExecutorScene.action(.writeContents, "e", contents: ContentsImage(attributes: AttributeChange(permissions: 0))),
      .sourceMissing
    ),
    (ExecutorScene.action(.writeContents, "d", contents: ContentsImage(sizeAfter: 1)), .kindDiffers),
  ])
  func unexpectedAnswerAbortsWithoutEffect(_ action: ExecutableAction, _ reason: AbortReason) throws {
    let scene = try ExecutorScene()
    let before = scene.storage.snapshot()
    guard case .aborted(_, reason) = scene.executor.apply(action, isRedo: false) else {
      Issue.record("\(scene.executor.apply(action, isRedo: false)) is not \(reason)")
      return
    }
    #expect(scene.storage.snapshot() == before)
  }

  /// Except of contents, which may always be given back.
  @Test(arguments: ExecutorScene.all)
  func refusalOfTheFirstCallAbortsInTheFirstAttemptOnly(_ action: ExecutableAction) throws {
    let scene = try ExecutorScene()
    for isRedo in [false, true] {
      let before = scene.storage.snapshot()
      scene.storage.order(
        BackingFault(.accessDenied, times: 1) { ![.status, .details, .fileStatus].contains($0.name) })
      let outcome = scene.executor.apply(action, isRedo: isRedo)
      let isInDoubt = isRedo && action.action.kind != .writeContents
      #expect(outcome == (isInDoubt ? .retry(.accessDenied) : .aborted(.accessDenied, .refused)))
      #expect(scene.storage.snapshot() == before)
    }
  }

  @Test func nothingIsRemovedReplacedOrWrittenThatIsNotTheExpectedFile() throws {
    let scene = try ExecutorScene()
    let before = scene.storage.snapshot()
    let other = try scene.storage.status("d/x").identity
    var removal = ExecutorScene.action(.removeFile, "a")
    removal.expectedSource = other
    var rename = ExecutorScene.action(.rename, "a", to: "b", over: true)
    rename.expectedTarget = other
    var contents = ExecutorScene.newContents
    contents.expectedSource = other
    for action in [removal, rename, contents] {
      #expect(scene.executor.apply(action, isRedo: false) == .aborted(.exists, .identityDiffers))
    }
    #expect(scene.storage.snapshot() == before)
    removal.expectedSource = try scene.storage.status("a").identity
    #expect(scene.executor.apply(removal, isRedo: false) == .done)
  }

  /// C17, R14.
  @Test func aLinkThatWasMadeIsDoneThoughItCouldNotBeMadeNow() throws {
    let scene = try ExecutorScene()
    try scene.storage.bystander.link("a", to: "n")
    scene.storage.order(BackingFault(.accessDenied) { $0.name == .link })
    #expect(scene.executor.apply(ExecutorScene.action(.link, "a", to: "n"), isRedo: true) == .done)
  }

  @Test(arguments: [false, true])
  func renameOverAnotherNameOfTheSameFileRemovesTheSource(_ isRedo: Bool) throws {
    let scene = try ExecutorScene()
    try scene.storage.bystander.link("a", to: "n")
    #expect(scene.carryOut(ExecutorScene.action(.rename, "a", to: "n", over: true), isRedo: isRedo) == .done)
    #expect(scene.storage.durableSnapshot().paths == [".", "b", "d", "d/x", "n"])
  }

  // MARK: Redo

  @Test(arguments: ExecutorScene.all)
  func redoOfWhatIsDoneChangesNothing(_ action: ExecutableAction) throws {
    let scene = try ExecutorScene()
    #expect(scene.carryOut(action) == .done)
    let done = scene.storage.snapshot()
    #expect(scene.carryOut(action, isRedo: true) == .done)
    #expect(scene.storage.snapshot().differences(from: done) == [])
  }

  @Test func redoOfACreationStartsFromAnEmptyFile() throws {
    let scene = try ExecutorScene()
    try scene.storage.bystander.createFile("n").write(Array("left over from the first attempt".utf8), at: 0)
    #expect(scene.carryOut(ExecutorScene.newFile, isRedo: true) == .done)
    #expect(scene.text("n") == "0123456789\0\0")
  }

  @Test func redoDoesNotTakeWhatTheFirstAttemptCannotHaveMade() throws {
    let scene = try ExecutorScene()
    let storage = scene.storage.bystander
    try storage.make("n", kind: .symlink, device: 0, target: Array("elsewhere".utf8))
    let link = ExecutorScene.action(.create, to: "n", inode: ExecutorScene.newInode(.symlink, target: "a"))
    #expect(scene.executor.apply(link, isRedo: true) == .aborted(.exists, .targetExists))
    #expect(scene.executor.apply(ExecutorScene.newFile, isRedo: true) == .aborted(.exists, .kindDiffers))
    let rename = ExecutorScene.action(.rename, "a", to: "b")
    #expect(scene.executor.apply(rename, isRedo: true) == .aborted(.exists, .targetExists))
    let name = ExecutorScene.action(.link, "a", to: "b")
    #expect(scene.executor.apply(name, isRedo: true) == .aborted(.exists, .targetExists))
    let neither = ExecutorScene.action(.rename, "p", to: "q")
    #expect(scene.executor.apply(neither, isRedo: true) == .aborted(.noEntry, .neitherSourceNorTarget))
    #expect(scene.text("b") == "old b")
  }

  /// Attributes of symbolic links and fifos are durable only with a syncfs.
  private func aspects(_ action: ExecutableAction, _ hasFilesystemSync: Bool) -> TreeSnapshot.Aspects {
    let isSpecial = ![.regular, .directory].contains(action.action.fileKind)
    return isSpecial && !hasFilesystemSync ? [.times, .owners, .permissions] : [.directoryTimes]
  }

  /// Call after call fails, without effect, with effect, or dropping what was written: a redo mends it, and it is durable.
  @Test(arguments: ExecutorScene.all, [BackingFault.Effect.none, .happens, .dropsDirtyBytes])
  func failureOfAnyCallIsMendedByARedo(_ action: ExecutableAction, _ effect: BackingFault.Effect) throws {
    for (hasFilesystemSync, count) in [(false, 1), (true, 1), (true, 9)] {
      let reference = try ExecutorScene(action, count: count, hasFilesystemSync: hasFilesystemSync)
      #expect(reference.carryOut(action) == .done)
      for call in 0..<reference.storage.nextCallIndex {
        let scene = try ExecutorScene(action, count: count, hasFilesystemSync: hasFilesystemSync)
        scene.storage.failCall(call, with: .inputOutput, effect: effect)
        #expect(scene.carryOut(action) == .done, "call \(call)")
        let differences = scene.storage.durableSnapshot().differences(
          from: reference.storage.snapshot(), ignoring: aspects(action, hasFilesystemSync))
        #expect(differences == [], "call \(call)")
      }
    }
  }

  /// The power goes at any call, with any prefix of what was not synchronized kept: a redo mends it.
  @Test(arguments: ExecutorScene.all, [false, true])
  func powerCutAtAnyCallIsMendedByARedo(_ action: ExecutableAction, _ hasFilesystemSync: Bool) throws {
    let reference = try ExecutorScene(action, hasFilesystemSync: hasFilesystemSync)
    #expect(reference.carryOut(action) == .done)
    for call in 0...reference.storage.nextCallIndex {
      var kept = 0
      var isComplete = false
      while !isComplete {
        let scene = try ExecutorScene(action, hasFilesystemSync: hasFilesystemSync)
        scene.storage.die(atCall: call)
        _ = scene.carryOut(action, attempts: 1)
        isComplete = kept >= scene.storage.pendingEffectCount
        scene.storage.crash(.powerCut(keep: .prefix(kept)))
        scene.storage.revive()
        #expect(scene.carryOut(action, isRedo: true) == .done, "call \(call), kept \(kept)")
        let differences = scene.storage.durableSnapshot().differences(
          from: reference.storage.snapshot(), ignoring: aspects(action, hasFilesystemSync))
        #expect(differences == [], "call \(call), kept \(kept)")
        kept += 1
      }
    }
  }

  // MARK: Synchronization

  @Test func eachDirectoryIsSynchronizedOnceForAPlan() throws {
    let scene = try ExecutorScene(count: 3)
    let actions: [ExecutableAction] = (0..<3).map { index in
      ExecutorScene.action(.create, to: BackingPath("d/n\(index)"), inode: ExecutorScene.newInode(.regular))
    }
    for action in actions { #expect(scene.executor.apply(action, isRedo: false) == .done) }
    #expect(scene.storage.durableSnapshot().paths == [".", "a", "b", "d", "d/x"])
    #expect(scene.executor.synchronize(actions) == [.done, .done, .done])
    #expect(scene.storage.callCount(.synchronizeDirectory) == 1 && scene.storage.callCount(.synchronizeFile) == 3)
    #expect(scene.storage.durableSnapshot().paths.count == 8)
  }

  @Test func manyActionsAreSynchronizedAtOnceWhereTheFilesystemCan() throws {
    let scene = try ExecutorScene(count: 5, hasFilesystemSync: true)
    #expect(scene.carryOut(ExecutorScene.newFile) == .done)
    #expect(scene.storage.callCount(.synchronizeFilesystem) == 1)
    #expect(scene.storage.callCount(.synchronizeFile, .synchronizeDirectory, .synchronize) == 0)
    #expect(scene.storage.durableSnapshot()["n"] != nil)
  }

  @Test func aPlanHearsOfALossThatAnotherPlanWasToldOf() throws {
    let scene = try ExecutorScene(count: 5, hasFilesystemSync: true)
    let other = PlanExecutor(storage: scene.storage, actions: Array(repeating: ExecutorScene.newFile.action, count: 5))
    #expect(scene.executor.apply(ExecutorScene.newFile, isRedo: false) == .done)
    scene.storage.failNextSynchronization()
    #expect(other.synchronize([ExecutorScene.newFile]) == [.retry(.inputOutput)])
    #expect(scene.executor.synchronize([ExecutorScene.newFile]) == [.retry(.inputOutput)])
  }

  @Test func failedDirectorySynchronizationThrowsBackTheActionsThereOnly() throws {
    let scene = try ExecutorScene(count: 2)
    let actions = [
      ExecutorScene.action(.removeFile, "d/x"), ExecutorScene.newFile,
    ]
    for action in actions { #expect(scene.executor.apply(action, isRedo: false) == .done) }
    scene.storage.failNextSynchronization(of: "d")
    #expect(scene.executor.synchronize(actions) == [.retry(.inputOutput), .done])
  }
}
