import FilesystemModel
import Support
import Testing

@testable import Engine

/// Values at the ends of their ranges, and more of everything than anybody needs: answered, never a trap.
@Suite struct HostileInputTests {
  @Test func aFileMayEndAtTheLargestOffset() throws {
    let mount = try EngineOnDisks()
    let file = try mount.create("large")
    _ = try mount.ask(.setAttributes(file, AttributeRequest(size: .max)))
    #expect(try mount.size(file) == .max)
    #expect(try mount.read(file, offset: .max - 4095).utf8.count == 4095)
    #expect(try mount.read(file, offset: .max - 10, count: .max).utf8.count == 10)
    #expect(try mount.ask(.seek(file, offset: .max - 1, .hole)) == .offset(.max - 1))
    try mount.write(file, "end", at: .max - 3)
    #expect(try mount.read(file, offset: .max - 4) == "\0end")
    _ = try mount.ask(.allocate(file, .punchHole, 1 ..< .max))
    _ = try mount.ask(.allocate(file, .zeroRange, .max - 5 ..< .max))
    _ = try mount.ask(.copyRange(from: file, sourceOffset: .max - 2, to: file, targetOffset: 0, count: .max))
    // What fits is written.
    #expect(try mount.ask(.write(file, offset: .max - 1, bytes: [1, 2])) == .count(1))
    #expect(try mount.ask(.copyRange(from: file, sourceOffset: 0, to: file, targetOffset: .max - 1, count: 10)) == .count(1))
    #expect(throws: Errno.fileTooLarge) { try mount.ask(.write(file, offset: .max, bytes: [1])) }
  }

  @Test func negativeOffsetsAreRefused() throws {
    let mount = try EngineOnDisks()
    let file = try mount.create("a")
    try mount.write(file, "text")
    #expect(throws: Errno.invalidArgument) { try mount.ask(.read(file, offset: -1, count: 1)) }
    #expect(throws: Errno.invalidArgument) { try mount.ask(.read(file, offset: 0, count: -1)) }
    #expect(throws: Errno.invalidArgument) { try mount.ask(.write(file, offset: -1, bytes: [1])) }
    #expect(throws: Errno.invalidArgument) { try mount.ask(.setAttributes(file, AttributeRequest(size: -1))) }
    #expect(throws: Errno.noDeviceOrAddress) { try mount.ask(.seek(file, offset: -1, .data)) }
    #expect(throws: Errno.invalidArgument) {
      try mount.ask(.copyRange(from: file, sourceOffset: -1, to: file, targetOffset: 0, count: 1))
    }
  }

  @Test func aListingFromTheLastCookieIsEmpty() throws {
    let mount = try EngineOnDisks()
    _ = try mount.create("a")
    for after in [UInt64.max, UInt64.max - 1, UInt64(Int64.max)] {
      let wanted = DirectoryRequest(after: after, bytesMax: 4096, bytesPerEntry: 24, withAttributes: true)
      #expect(try mount.ask(.readDirectory(.root, wanted)) == .listing([]))
    }
  }

  @Test func inodesThatNeverWereAreStale() throws {
    let mount = try EngineOnDisks()
    let nobody = InodeNumber(.max)
    mount.engine.forget(nobody, count: .max)
    mount.engine.forget(.root, count: .max)
    mount.engine.interrupt(.max)
    #expect(throws: Errno.stale) { try mount.ask(.getAttributes(nobody)) }
    #expect(throws: Errno.stale) { try mount.ask(.lookup(parent: nobody, name: "a")) }
    #expect(throws: Errno.stale) { try mount.ask(.rename(from: Location(nobody, "a"), to: Location(.root, "b"), .replace)) }
    #expect(throws: Errno.stale) { try mount.ask(.link(nobody, at: Location(.root, "b"))) }
    #expect(throws: Errno.stale) { try mount.ask(.write(nobody, offset: 0, bytes: [1])) }
  }

  @Test func directoriesMayBeNestedDeeperThanAStack() throws {
    let mount = try EngineOnDisks { $0.journalBytes = 64 << 20 }
    var directory = InodeNumber.root
    let depth = 4000
    for _ in 0..<depth { directory = try mount.create("d", in: directory, .directory) }
    mount.settle(milliseconds: 3000)
    #expect(mount.engine.status().pendingOperations == 0)
    // The checkpoint forgot where the directories are: they are bound again, one by one.
    _ = try mount.create("file", in: directory)
    mount.settle(milliseconds: 3000)
    #expect(mount.engine.status().pendingOperations == 0)
  }

  @Test func aNameThatIsReplacedThousandsOfTimesFitsInThePlan() throws {
    let mount = try EngineOnDisks {
      $0.segmentBytes = 4 << 20
      $0.journalBytes = 64 << 20
      $0.writebackDelayMilliseconds = 1_000_000
      $0.writebackDeadlineMilliseconds = 1_000_000
    }
    let file = try mount.create("0")
    for place in 0..<5000 {
      let (old, new) = (EntryName(unchecked: Array("\(place)".utf8)), EntryName(unchecked: Array("\(place + 1)".utf8)))
      _ = try mount.ask(.rename(from: Location(.root, old), to: Location(.root, new), .replace))
    }
    mount.engine.drain {}
    mount.settle(milliseconds: 2000)
    #expect(mount.engine.status().pendingOperations == 0)
    #expect(try mount.lookup("5000") == file)
    #expect(mount.backing.snapshot().differences(from: mount.backing.durableSnapshot()).isEmpty)
  }

  @Test func anOutcomeWithVeryManyNamesIsSeveralRecords() throws {
    let mount = try EngineOnDisks { $0.writebackDelayMilliseconds = 300 }
    let files = try (0..<8).map { try mount.create(EntryName(unchecked: Array("f\($0)".utf8))) }
    let tail = [UInt8](repeating: UInt8(ascii: "x"), count: 240)
    for file in files {
      for place in 0..<40 {
        _ = try mount.ask(.link(file, at: Location(.root, EntryName(unchecked: Array("\(file.rawValue)-\(place)".utf8) + tail))))
      }
    }
    mount.settle(milliseconds: 20_000)
    for file in files { _ = try mount.ask(.setAttributes(file, AttributeRequest(permissions: 0o600))) }
    for place in 0..<8 {
      _ = try mount.ask(
        .rename(
          from: Location(.root, EntryName(unchecked: Array("f\(place)".utf8))),
          to: Location(.root, EntryName(unchecked: Array("g\(place)".utf8))), .replace))
    }
    mount.settle(milliseconds: 20_000)
    #expect(mount.engine.status().pendingOperations == 0)
    try mount.restart()
    #expect(try (0..<8).map { try mount.lookup(EntryName(unchecked: Array("g\($0)".utf8))) }.count == 8)
  }
}
