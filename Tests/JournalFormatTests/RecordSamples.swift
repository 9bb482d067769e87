import FilesystemModel
import JournalFormat

/// One record of every kind, with every optional field present somewhere and absent somewhere. The golden file holds them:
/// never change one, only add.
enum RecordSamples {
  static let time = Timestamp(seconds: 1_700_000_000, nanoseconds: 123_456_789)
  static let early = Timestamp(seconds: -1, nanoseconds: 999_999_999)
  static let root = InodeNumber.root
  static let file = InodeNumber(0x0102_0304_0506_0708)

  static let attributes = Attributes(
    kind: .regular, permissions: 0o4755, owner: 1000, group: 100, size: 0x1_0000_0001, linkCount: 2, device: 0, blocks512: 8,
    accessed: time, modified: early, changed: time, born: early)

  static let namespace: [NamespaceChange] = [
    .create(NewInode(number: file, attributes: attributes), at: Location(root, "a")),
    .create(
      NewInode(
        number: InodeNumber(3),
        attributes: Attributes(
          kind: .symlink, permissions: 0o777, owner: 0, group: 0, accessed: time, modified: time, changed: time),
        target: Array("../elsewhere".utf8),
        extendedAttributes: [
          ExtendedAttribute(name: Array("system.posix_acl_access".utf8), value: [2, 0, 0, 0]),
          ExtendedAttribute(name: Array("user.empty".utf8), value: []),
        ]), at: nil),
    .link(file, at: Location(InodeNumber(7), EntryName(unchecked: [0xff, 0x0a, 0x20]))),
    .remove(file, from: Location(root, EntryName(unchecked: [UInt8](repeating: 0x78, count: 255)))),
    .rename(file, from: Location(root, "old"), to: Location(InodeNumber(9), "new"), replacing: InodeNumber(5)),
    .rename(file, from: Location(root, "old"), to: Location(InodeNumber(9), "new"), replacing: nil),
    .exchange(file, at: Location(root, "left"), with: InodeNumber(6), otherAt: Location(InodeNumber(9), "right")),
  ]

  static let content: [(ContentChange, [UInt8])] = [
    (ContentChange(inode: file, data: .write(offset: 4096, count: 5), sizeAfter: 4101), Array("hello".utf8)),
    (ContentChange(inode: file, data: .write(offset: 0, count: 0), sizeAfter: 0), []),
    (ContentChange(inode: file, data: .resize(Int.max), sizeAfter: Int.max), []),
    (
      ContentChange(
        inode: file, data: .zero(512..<1024), sizeAfter: 2048,
        attributes: AttributeChange(
          permissions: 0o600, owner: 1, group: 2, accessed: time, modified: early, changed: time),
        extendedAttributes: [
          ExtendedAttributeChange(name: Array("user.x".utf8), value: [1, 2, 3]),
          ExtendedAttributeChange(name: Array("user.y".utf8), value: nil),
        ]), []
    ),
    (ContentChange(inode: file, attributes: AttributeChange(modified: time)), []),
  ]

  static let bindings = [
    Binding(
      inode: file, kind: .regular, locations: [Location(root, "a"), Location(InodeNumber(7), "b")],
      identity: BackingIdentity(isOnRootDevice: true, inode: 12_345, linkCount: 2)),
    Binding(inode: InodeNumber(8), kind: .directory, locations: []),
  ]

  static let actions = [
    PhysicalAction(
      kind: .create, inode: file, fileKind: .regular, target: Location(root, "a"),
      completes: [Stage(LSN(10)), Stage(LSN(11), stage: 2)],
      contentsThrough: LSN(12)),
    PhysicalAction(
      kind: .rename, inode: file, fileKind: .directory, source: Location(root, "s"), target: Location(root, "t"),
      replaced: InodeNumber(4), completes: [Stage(LSN(13))]),
    PhysicalAction(kind: .writeContents, inode: file, fileKind: .fifo, contentsThrough: LSN(14)),
  ]

  static let outcome = PlanOutcome(
    plan: LSN(15), completedActions: [0, 2], abortedActions: [1], completes: [Stage(LSN(10)), Stage(LSN(11), stage: 1)],
    contents: [ContentsCompletion(inode: file, through: LSN(12))], bindings: bindings)

  static let all: [Record] =
    namespace.map { .namespace($0, time: time, request: 77) }
    + content.map { .content($0, bytes: $1, time: early, request: 78) }
    + [
      .binding(bindings[0]), .binding(bindings[1]), .intent(actions), .intent([]), .outcome(outcome),
      .outcome(PlanOutcome(plan: .zero)), .checkpointBegin(lowWater: LSN(9), nextInode: InodeNumber(99)),
      .checkpointTable(bindings), .checkpointTable([]), .checkpointEnd(begin: LSN(16)),
      .copy(of: LSN(3), .content(content[0].0, bytes: content[0].1, time: early, request: 78)),
      .copy(of: LSN(4), .namespace(namespace[2], time: time, request: 77)), .copy(of: LSN(5), .intent(actions)),
      .deadLetter(DeadLetter(action: actions[1], errno: .notPermitted, attempts: 1, first: early, last: time)),
      .deadLetter(DeadLetter(action: actions[2], errno: .quotaExceeded, attempts: 0x0102_0304, first: early, last: early)),
      .deadLetterRetry(.names(Stage(LSN(11), stage: 2))), .deadLetterRetry(.contents(file)), .discard(discard),
      .discard(Discard()),
    ]

  static let discard = Discard(
    completes: [Stage(LSN(13)), Stage(LSN(11), stage: 1)], contents: [ContentsCompletion(inode: file, through: LSN(14))],
    names: [.init(Location(root, "t"), nil), .init(Location(InodeNumber(7), "s"), file)])

  static let tag: UInt32 = 0xa1b2_c3d4

  static func placement(_ index: Int) -> RecordPlacement {
    RecordPlacement(lsn: LSN(UInt64(1000 + index)), epoch: 5, durable: LSN(UInt64(990 + index)), tag: tag)
  }

  /// All samples one after another, sealed.
  static func encoded() -> [UInt8] {
    var bytes: [UInt8] = []
    for (index, record) in all.enumerated() { _ = record.encode(into: &bytes, placement: placement(index)) }
    var start = 0
    while start < bytes.count { start = Record.seal(in: &bytes, at: start) }
    return bytes
  }

  static func encoded(_ record: Record) -> [UInt8] {
    var bytes: [UInt8] = []
    _ = record.encode(into: &bytes, placement: placement(0))
    _ = Record.seal(in: &bytes, at: 0)
    return bytes
  }

  static let header = SegmentHeader(
    journalUUID: Array(0..<16), epoch: 5, number: 42, firstLSN: LSN(1000), durable: LSN(990), isRecycled: true,
    backingDescription: "fuse.sshfs me@host:/srv /mnt/srv")
}
