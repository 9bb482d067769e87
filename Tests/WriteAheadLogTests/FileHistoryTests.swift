import FilesystemModel
import JournalFormat
import StorageInterface
import Support
import Testing
import WriteAheadLog

/// The contents that files had once come back from the records that are kept, and what does not is told.
@Suite struct FileHistoryTests {
  typealias Fixture = JournalFixture

  /// A journal that is written by hand, with what each file should hold.
  final class Script {
    let storage = SimulatedJournalStorage()
    let journal: Journal

    init(_ retention: Retention = .bytes(1 << 20)) throws {
      journal = try Fixture.start(storage, RetentionTests.configuration(retention))
    }

    @discardableResult
    func append(_ record: Record) -> LSN { journal.append(record).lsn }

    @discardableResult
    func create(_ number: UInt64, _ name: EntryName, in parent: UInt64 = 1, kind: FileKind = .regular) -> LSN {
      let now = Timestamp(seconds: 0)
      let attributes = Attributes(kind: kind, permissions: 0o644, owner: 0, group: 0, accessed: now, modified: now, changed: now)
      return change(
        .create(NewInode(number: InodeNumber(number), attributes: attributes), at: Location(InodeNumber(parent), name)))
    }

    @discardableResult
    func change(_ change: NamespaceChange) -> LSN { append(.namespace(change, time: Timestamp(seconds: 0), request: 0)) }

    static func content(_ number: UInt64, _ data: DataChange, size: Int, bytes: [UInt8] = []) -> Record {
      .content(
        ContentChange(inode: InodeNumber(number), data: data, sizeAfter: size), bytes: bytes, time: Timestamp(seconds: 0),
        request: 0)
    }

    @discardableResult
    func write(_ number: UInt64, _ bytes: [UInt8], at offset: Int, size: Int) -> LSN {
      append(Self.content(number, .write(offset: offset, count: bytes.count), size: size, bytes: bytes))
    }

    @discardableResult
    func bind(_ number: UInt64, _ name: EntryName) -> LSN {
      let identity = BackingIdentity(isOnRootDevice: true, inode: 40 + number, linkCount: 1)
      return append(
        .binding(
          Binding(
            inode: InodeNumber(number), kind: .regular, locations: [Location(.root, name)], identity: identity)))
    }

    func history(_ path: [EntryName], _ lsn: LSN) throws(FileHistoryError) -> FileHistory {
      journal.pump()
      return try FileHistory(of: path, after: lsn, in: storage)
    }

    /// The bytes with `base` for what comes from the backing directory; `nil` where nothing holds one.
    func contents(_ path: [EntryName], _ lsn: LSN, base: UInt8 = 0) throws -> [UInt8?] {
      let history = try history(path, lsn)
      let size = try #require(history.size)
      var contents: [UInt8?] = Array(repeating: 0xee, count: size)
      for piece in history.pieces {
        let part: [UInt8?]
        switch piece.source {
        case .zeros: part = Array(repeating: 0, count: piece.range.count)
        case .backing: part = Array(repeating: base, count: piece.range.count)
        case .nowhere: part = Array(repeating: nil, count: piece.range.count)
        case .journal(let position): part = try JournalStream.read(position, count: piece.range.count, in: storage)
        }
        contents.replaceSubrange(piece.range, with: part)
      }
      #expect(history.pieces.map(\.range.count).reduce(0, +) == size, "every byte has one source")
      return contents
    }
  }

  @Test func overwrittenAndRemovedContentsComeBack() throws {
    let script = try Script()
    script.create(2, "d", kind: .directory)
    script.create(3, "f", in: 2)
    let first = script.write(3, Array("hello world".utf8), at: 0, size: 11)
    let second = script.write(3, Array("J".utf8), at: 0, size: 11)
    let third = script.append(Script.content(3, .resize(5), size: 5))
    let fourth = script.append(Script.content(3, .resize(8), size: 8))
    script.change(.remove(InodeNumber(3), from: Location(InodeNumber(2), "f")))
    for number in 100..<120 { _ = script.journal.append(Fixture.record(number, bytes: 1000)) }
    try RetentionTests.work(script.journal, 200...210)
    #expect(try script.storage.segments()[0] > 3, "the records are in kept segments")
    #expect(try script.contents(["d", "f"], first) == Array("hello world".utf8))
    #expect(try script.contents(["d", "f"], second) == Array("Jello world".utf8))
    #expect(try script.contents(["d", "f"], third) == Array("Jello".utf8))
    #expect(try script.contents(["d", "f"], fourth) == Array("Jello\0\0\0".utf8))
    #expect(throws: FileHistoryError.unknownPath) { try script.history(["d", "f"], fourth.next) }
  }

  @Test func whatNoRecordHasComesFromTheBackingDirectoryUnlessLaterRecordsChangedIt() throws {
    let script = try Script()
    script.bind(7, "old")
    let first = script.write(7, [1, 2], at: 10, size: 100)
    let second = script.write(7, [3, 4, 5], at: 11, size: 100)
    script.write(7, [6], at: 50, size: 100)
    script.append(Script.content(7, .resize(90), size: 90))
    let contents = try script.contents(["old"], first, base: 0xbb)
    var expected: [UInt8?] = Array(repeating: 0xbb, count: 100)
    expected.replaceSubrange(10..<12, with: [1, 2] as [UInt8?])
    expected.replaceSubrange(12..<14, with: [nil, nil])
    expected[50] = nil
    for index in 90..<100 { expected[index] = nil }
    #expect(contents == expected)
    #expect(try script.contents(["old"], second, base: 0xbb)[10..<14] == [1, 3, 4, 5])
    let history = try script.history(["old"], first.previous)
    #expect(history.size == 100, "the first write ended inside of the file")
    #expect(history.backingPath == ["old"] && history.backing?.identity?.inode == 47)
  }

  @Test func aSizeThatALaterRecordMayHaveChangedIsNotGuessed() throws {
    let script = try Script()
    let bound = script.bind(7, "old")
    script.write(7, [1, 2], at: 10, size: 12)
    let history = try script.history(["old"], bound)
    #expect(history.size == nil && history.isSizeLost)
    let other = script.bind(8, "other")
    #expect(try script.history(["other"], other).size == nil)
    #expect(try !script.history(["other"], other).isSizeLost)
  }

  @Test func wrongQuestionsAreRefused() throws {
    let script = try Script(.none)
    let made = script.create(2, "d", kind: .directory)
    #expect(throws: FileHistoryError.notRegular(.directory)) { try script.history(["d"], made) }
    #expect(throws: FileHistoryError.unknownPath) { try script.history(["e"], made) }
    #expect(throws: FileHistoryError.notYet(last: made)) { try script.history(["d"], made.next) }
    try RetentionTests.work(script.journal, 1...30)
    guard case .journal(.retired(made, _)) = failure({ () throws(FileHistoryError) in _ = try script.history(["d"], made) })
    else { throw Unexpected() }
  }

  private struct Unexpected: Error {}

  private func failure(_ body: () throws(FileHistoryError) -> Void) -> FileHistoryError? {
    do throws(FileHistoryError) {
      try body()
      return nil
    } catch { return error }
  }

  @Test func damageThatMayConcernTheFileIsTold() throws {
    let script = try Script()
    script.create(3, "f")
    let written = script.write(3, [1, 2, 3], at: 0, size: 3)
    script.write(3, [4], at: 0, size: 3)
    try script.journal.commit()
    let last = script.write(3, [5], at: 1, size: 3)
    script.journal.pump()
    let map = try RecordMap(script.storage)
    script.storage.flip(1, in: 1, at: map.entries[2].range.lowerBound + 45)
    #expect(try script.history(["f"], written).gaps.map(\.first) == [written.next])
    #expect(try script.history(["f"], last).gaps.count == 1)
  }

  /// Of a record that is not kept any more a copy tells, and a copy of one that is kept tells nothing new.
  @Test func copiesStandForRecordsThatAreGone() throws {
    let script = try Script(.none)
    script.create(3, "f")
    let original = script.write(3, Array("abcdef".utf8), at: 0, size: 6)
    try script.journal.commit()
    // As copying forward does: what is still needed, and then everything before is retired.
    let low = script.append(.copy(of: LSN(1), script.creation(3, "f")))
    script.append(
      .copy(of: original, Script.content(3, .write(offset: 2, count: 4), size: 6, bytes: Array("cdef".utf8))))
    let written = script.write(3, Array("XY".utf8), at: 0, size: 6)
    script.append(.copy(of: written, Script.content(3, .write(offset: 0, count: 2), size: 6, bytes: Array("??".utf8))))
    for number in 101...120 { _ = script.journal.append(Fixture.record(number, bytes: 1000)) }
    _ = script.journal.appendCheckpoint(lowWater: low, nextInode: InodeNumber(9), table: [])
    try script.journal.commit()
    try script.journal.retireSegments(below: low)
    let found = try script.contents(["f"], script.journal.lastLSN)
    #expect(found == Array("XYcdef".utf8))
  }

  /// Random changes of a few files: whatever the moment, the bytes are those of then.
  @Test(arguments: 0..<40) func everyMomentOfARandomHistoryComesBack(_ number: UInt64) throws {
    let seed = Seed.fromEnvironment &+ number
    var generator = SeededGenerator(seed: seed)
    let script = try Script()
    var files: [UInt64: [UInt8]] = [:]
    var names: [EntryName: UInt64] = [:]
    var moments: [(lsn: LSN, name: EntryName, contents: [UInt8])] = []
    let all: [EntryName] = ["a", "b", "c"]
    for step in 0..<60 {
      let name = all.randomElement(using: &generator)!
      guard let inode = names[name] else {
        names[name] = UInt64(10 + step)
        files[UInt64(10 + step)] = []
        moments.append((script.create(UInt64(10 + step), name), name, []))
        continue
      }
      var contents = files[inode]!
      let lsn: LSN
      switch Int.random(in: 0..<10, using: &generator) {
      case 0:
        script.change(.remove(InodeNumber(inode), from: Location(.root, name)))
        names[name] = nil
        continue
      case 1:
        let target = all.randomElement(using: &generator)!
        if target == name { continue }
        lsn = script.change(
          .rename(
            InodeNumber(inode), from: Location(.root, name), to: Location(.root, target),
            replacing: names[target].map { InodeNumber($0) }))
        names[name] = nil
        names[target] = inode
        moments.append((lsn, target, contents))
        continue
      case 2:
        let size = Int.random(in: 0...400, using: &generator)
        contents = Array(contents.prefix(size)) + [UInt8](repeating: 0, count: max(0, size - contents.count))
        lsn = script.append(Script.content(inode, .resize(size), size: size))
      case 3 where !contents.isEmpty:
        let start = Int.random(in: 0..<contents.count, using: &generator)
        let end = Int.random(in: start...contents.count, using: &generator)
        contents.replaceSubrange(start..<end, with: [UInt8](repeating: 0, count: end - start))
        lsn = script.append(Script.content(inode, .zero(start..<end), size: contents.count))
      default:
        let offset = Int.random(in: 0...300, using: &generator)
        let bytes = (0..<Int.random(in: 1...300, using: &generator)).map { _ in UInt8.random(in: 1...255, using: &generator) }
        if contents.count < offset + bytes.count {
          contents += [UInt8](repeating: 0, count: offset + bytes.count - contents.count)
        }
        contents.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        lsn = script.write(inode, bytes, at: offset, size: contents.count)
      }
      files[inode] = contents
      moments.append((lsn, name, contents))
      if step % 20 == 19 { try RetentionTests.work(script.journal, 100_000...100_000) }
    }
    for moment in moments {
      #expect(
        try script.contents([moment.name], moment.lsn) == moment.contents, "EBBFS_SEED=\(seed), LSN \(moment.lsn.rawValue)")
    }
  }
}

extension FileHistoryTests.Script {
  /// A creation without appending it.
  func creation(_ number: UInt64, _ name: EntryName) -> Record {
    let now = Timestamp(seconds: 0)
    let attributes = Attributes(
      kind: .regular, permissions: 0o644, owner: 0, group: 0, accessed: now, modified: now, changed: now)
    return .namespace(
      .create(NewInode(number: InodeNumber(number), attributes: attributes), at: Location(.root, name)), time: now, request: 0)
  }
}
