import CLinux
import FilesystemModel
import StorageInterface
import Testing
import Threading

@testable import PosixStorage

@Suite struct JournalStorageTests {
  let directory = TestDirectory()
  var path: String { directory.path + "/state/of/journal" }

  private func open(_ path: String) throws -> PosixJournalStorage { try PosixJournalStorage(directory: path, create: false) }

  @Test func segmentsArePreparedRecycledAndRemoved() throws {
    let storage = try PosixJournalStorage(directory: path, create: true)
    #expect(try storage.segments() == [])
    for number: UInt64 in [16, 2, .max] { try storage.prepareSegment(number, bytes: (1 << 20) + 4096) }
    #expect(try storage.segments() == [2, 16, .max])
    let segment = try storage.openSegment(16)
    #expect(segment.bytes == (1 << 20) + 4096)
    #expect(try segment.read(at: 0, count: 1 << 21) == [UInt8](repeating: 0, count: segment.bytes))
    #expect(runs("test $(stat -c %b \(path)/segment-0000000000000010) -ge $((1052672 / 512))"), "written, not a hole")
    try segment.write([1, 2, 3], at: 100)
    try segment.synchronize()
    try storage.recycleSegment(16, as: 17)
    #expect(try storage.segments() == [2, 17, .max])
    #expect(try storage.openSegment(17).read(at: 99, count: 5) == [0, 1, 2, 3, 0])
    try storage.removeSegment(2)
    #expect(try storage.segments() == [17, .max])
    #expect(throws: Errno.noEntry) { try storage.openSegment(2) }
    try storage.removeSegment(2)
    #expect(try storage.bytesAvailable() > 1 << 20)
  }

  @Test func aSegmentIsNeverReplaced() throws {
    let storage = try PosixJournalStorage(directory: path, create: true)
    try storage.prepareSegment(1, bytes: 4096)
    try storage.prepareSegment(2, bytes: 4096)
    try storage.openSegment(1).write([9], at: 0)
    #expect(throws: Errno.exists) { try storage.prepareSegment(1, bytes: 4096) }
    #expect(throws: Errno.exists) { try storage.recycleSegment(2, as: 1) }
    #expect(try storage.openSegment(1).read(at: 0, count: 1) == [9])
    #expect(runs("test -z \"$(ls -A \(path) | grep preparing)\""))
  }

  @Test func whatAnInterruptedPreparationLeftIsRemovedAndStrangersAreLeftAlone() throws {
    do { try PosixJournalStorage(directory: path, create: true).prepareSegment(1, bytes: 4096) }
    run("cd \(path); touch .preparing-0000000000000005 segment-5 segment-000000000000000G segment-00000000000000AB other")
    let reader = try PosixJournalStorage(readingOnly: path)
    #expect(try reader.segments() == [1])
    #expect(runs("test -e \(path)/.preparing-0000000000000005"), "a reader changes nothing")
    #expect(try open(path).segments() == [1])
    #expect(runs("cd \(path); test ! -e .preparing-0000000000000005 -a -e segment-5 -a -e other"))
  }

  @Test func aPreparationWithoutSpaceLeavesNothing() throws {
    try withFilesystem("ext4", megabytes: 8) { path in
      let storage = try PosixJournalStorage(directory: path + "/state", create: true)
      #expect(try storage.bytesAvailable() < 8 << 20)
      #expect(throws: Errno.noSpace) { try storage.prepareSegment(1, bytes: 64 << 20) }
      #expect(try storage.segments() == [])
      // ext4 frees blocks with its own journal's next commit.
      #expect(runs("sync -f \(path)"))
      #expect(try storage.bytesAvailable() > 4 << 20)
      #expect(runs("test $(ls -A \(path)/state) = lock"))
    }
  }

  /// Else each sync would wait for ext4's own journal, too.
  @Test func zerosAreWrittenAheadOfSyncedRecordsWhereBlocksAreOnlyAllocated() throws {
    try withFilesystem("ext4", megabytes: 64) { path in
      let storage = try PosixJournalStorage(directory: path + "/state", create: true)
      try storage.prepareSegment(1, bytes: 4 << 20, isHurried: true)
      let segment = try storage.openSegment(1)
      func written() -> Int {
        let name = Array((path + "/state/segment-0000000000000001").utf8) + [0]
        guard let file = try? Descriptor(unsafe linux_open(name, linux_o_read_only)) else { return -1 }
        return Int(linux_seek_hole(file.number, 0))
      }
      #expect(written() == 0)
      let record = [UInt8](repeating: 7, count: 5000)
      for place in 0..<100 {
        try segment.append(record, at: place * record.count)
        try segment.synchronize()
        if place == 0 { #expect(written() == (1 << 20) + 4096) }
      }
      #expect(written() == (1 << 20) + 4096)
      #expect(try segment.read(at: 99 * 5000, count: 10_000) == record + [UInt8](repeating: 0, count: 5000))
      // Recovery writes records again that others follow; some filesystems make holes of blocks with zeros only.
      #expect(runs("fallocate -p -l 8192 \(path)/state/segment-0000000000000001") && written() == 0)
      try storage.openSegment(1).write([UInt8](repeating: 7, count: 8192), at: 0)
      #expect(try segment.read(at: 99 * 5000, count: record.count) == record)
      // A stream is not written twice.
      let stream = [UInt8](repeating: 8, count: 1 << 20)
      try segment.append(stream, at: 500_000)
      try segment.append(stream, at: 500_000 + stream.count)
      try segment.synchronize()
      let end = 500_000 + 2 * stream.count
      #expect((end..<end + 4096).contains(written()))
      // The end of the segment is the end.
      for offset in stride(from: end, to: (4 << 20) - record.count, by: record.count) {
        try segment.append(record, at: offset)
        try segment.synchronize()
      }
      #expect(written() == 4 << 20 && runs("test $(stat -c %s \(path)/state/segment-0000000000000001) = $((4 << 20))"))
    }
  }

  @Test func aSecondDaemonIsToldWhoHasTheLock() throws {
    let pid = Int(linux_process())
    let first = try PosixJournalStorage(directory: path, create: true)
    #expect(throws: StateDirectoryError.locked(directory: path, pid: pid)) { try open(path) }
    #expect(first.lastHolder == pid)
    let line = StateDirectoryError.locked(directory: "/s", pid: 7).description
    #expect(line == "state directory /s: in use by process 7")
  }

  @Test func theLockIsReleasedWithTheObjectAndCanBeWaitedFor() throws {
    let path = path
    let held = Lock<PosixJournalStorage?>(try PosixJournalStorage(directory: path, create: true))
    let began = linux_uptime_nanoseconds() / 1_000_000
    #expect(throws: StateDirectoryError.self) { try PosixJournalStorage(directory: path, create: false, waitForLock: 100) }
    #expect(linux_uptime_nanoseconds() / 1_000_000 - began >= 100)
    let thread = try Thread(name: "release") {
      linux_sleep(50)
      held.withLock { $0 = nil }
    }
    _ = try PosixJournalStorage(directory: path, create: false, waitForLock: 10_000)
    thread.join()
    _ = try open(path)
  }

  @Test func theLockExcludesOtherProcessesAndIsNotInherited() throws {
    var storage: PosixJournalStorage? = try PosixJournalStorage(directory: path, create: true)
    #expect(!runs("flock -n \(path)/lock true"))
    #expect(runs("(sleep 3 </dev/null >/dev/null 2>&1 & )"))  // a child that outlives the lock
    #expect(try storage?.segments() == [])
    storage = nil
    #expect(runs("flock -n \(path)/lock true"))
  }

  @Test func aReaderTakesNoLockAndWritesNothing() throws {
    let writer = try PosixJournalStorage(directory: path, create: true)
    try writer.prepareSegment(1, bytes: 4096)
    let reader = try PosixJournalStorage(readingOnly: path)
    #expect(try reader.segments() == [1])
    let segment = try reader.openSegment(1)
    #expect(try segment.read(at: 0, count: 9000).count == 4096)
    #expect(throws: Errno.readOnlyFilesystem) { try segment.write([1], at: 0) }
    #expect(throws: Errno.readOnlyFilesystem) { try segment.synchronize() }
    #expect(throws: Errno.readOnlyFilesystem) { try reader.prepareSegment(2, bytes: 1) }
    #expect(throws: Errno.readOnlyFilesystem) { try reader.recycleSegment(1, as: 2) }
    #expect(throws: Errno.readOnlyFilesystem) { try reader.removeSegment(1) }
  }

  @Test func aDirectoryThatOthersMayEnterOrOwnOrALinkIsRefused() throws {
    run("mkdir -m 700 \(directory.path)/good; ln -s good \(directory.path)/link; mkdir -m 750 \(directory.path)/open")
    run("mkdir -m 700 \(directory.path)/other; chown 1000 \(directory.path)/other")
    let expected = [
      "link": "not a directory, or a link", "link/": "not a directory, or a link",
      "open": "open to others (mode 750); use chmod 700", "other": "belongs to user 1000",
      "no": "No such file or directory",
    ]
    for (name, reason) in expected.sorted(by: { $0.key < $1.key }) {
      let path = "\(directory.path)/\(name)"
      do {
        _ = try open(path)
        Issue.record("\(name) was taken")
      } catch { #expect("\(error)" == "state directory \(path): \(reason)") }
    }
    _ = try open(directory.path + "/good/")
    #expect(runs("test -z \"$(ls -A \(directory.path)/open \(directory.path)/other | grep lock)\""))
  }

  @Test func anExistingDirectoryMayBeCreatedAgain() throws {
    _ = try PosixJournalStorage(directory: path, create: true)
    _ = try PosixJournalStorage(directory: path, create: true)
    #expect(runs("test $(stat -c %a \(path)) = 700"))
  }
}
