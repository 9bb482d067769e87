import CLinux
import FilesystemModel
import StorageInterface
import Testing

@testable import PosixStorage

@Suite struct AbilitiesTests {
  @Test(arguments: [("ext4", 16), ("xfs", 300), ("btrfs", 128)])
  func eachFilesystemTellsWhatItCanDo(_ type: String, _ megabytes: Int) throws {
    try withFilesystem(type, megabytes: megabytes, options: type == "ext4" ? "-b 4096" : "") { path in
      let storage = try PosixBackingStorage(rootPath: path + "/.")
      let found = storage.abilities
      #expect(found.nameBytesMax == 255)
      #expect(found.fileBytesMax == (type == "ext4" ? (16 << 40) - 4096 : Int.max))
      #expect(found.supportsSymlinks && found.supportsHardLinks && found.supportsExtendedAttributes)
      #expect(found.isPrivileged && found.hasStableInodes && found.hasFilesystemSync)
      // Of btrfs only udev tells.
      #expect(found.description.hasPrefix("\(type) UUID=") || type == "btrfs", "\(found.description)")
      #expect(found.description.hasSuffix(" \(path)"))
      #expect(try storage.list(.root).map(\.name).filter { $0 != "lost+found" } == [], "the probe is gone")
      try useFilesystem(storage)
    }
  }

  /// A daemon reads its journal meanwhile.
  @Test func whatItCanDoIsTriedWhileSomethingElseIsDone() throws {
    try withFilesystem("ext4", megabytes: 16, options: "-b 4096") { path in
      let storage = try PosixBackingStorage(probing: path)
      #expect(storage.place == storage.abilities.description)
      #expect(try storage.list(.root).map(\.name).filter { $0 != "lost+found" } == [], "the probe is gone once that is told")
      #expect(storage.abilities == (try PosixBackingStorage(rootPath: path)).abilities)
    }
  }

  /// What the probe says is what the filesystem does.
  @Test(arguments: [("ext4", 16), ("xfs", 300), ("btrfs", 128)])
  func theLimitsOfExtendedAttributesAreFound(_ type: String, _ megabytes: Int) throws {
    try withFilesystem(type, megabytes: megabytes) { path in
      let storage = try PosixBackingStorage(rootPath: path)
      let abilities = storage.abilities
      let file = try storage.createFile(at("f"))
      func set(_ name: String, _ count: Int?) throws(Errno) {
        let value = count.map { [UInt8](repeating: 1, count: $0) }
        try file.setExtendedAttribute(ExtendedAttributeChange(name: Array("user.\(name)".utf8), value: value))
      }
      try set("ebbfs.probe", abilities.extendedAttributeBytesMax)
      // btrfs takes more for a new attribute than in the place of another one.
      if type != "btrfs" {
        #expect(throws: Errno.self) { try set("ebbfs.probe", abilities.extendedAttributeBytesMax + 1) }
      }
      #expect((abilities.allExtendedAttributesBytesMax != nil) == (type == "ext4"))
      guard let all = abilities.allExtendedAttributesBytesMax else { return }
      try set("ebbfs.probe", nil)
      var left = all
      for number in 0..<1000 {
        let name = "n\(number)"
        left -= ExtendedAttribute.bytesTaken(name: Array("user.\(name)".utf8), value: [UInt8](repeating: 1, count: 61))
        guard left >= 0 else { break }
        try set(name, 61)
      }
      #expect(left < 0)
    }
  }

  @Test func aDiskIsTheSameUnderAnotherDeviceName() throws {
    try withFilesystem("ext4", megabytes: 16) { path in
      let before = try PosixBackingStorage(rootPath: path).abilities.description
      let image = path + ".img"
      let other = path + ".other"
      defer { run("losetup -j \(other) | cut -d: -f1 | xargs -r losetup -d; rm -f \(other)") }
      // Another image takes the device's name.
      #expect(runs("umount \(path) && truncate -s 1M \(other) && losetup -f \(other) && mount -o loop \(image) \(path)"))
      #expect(try PosixBackingStorage(rootPath: path).abilities.description == before)
    }
  }

  @Test func whatAKilledProbeLeftIsRemovedByTheNext() throws {
    try withFilesystem("ext4", megabytes: 16) { path in
      let storage = try PosixBackingStorage(rootPath: path)
      let left = EntryName(unchecked: Array(".ebbfs-probe-2147483646-abc".utf8))
      let other = EntryName(unchecked: Array(".ebbfs-probe-1-abc".utf8))
      for name in [left, other] {
        try storage.make(BackingPath([name]), kind: .directory, device: 0, target: [])
        _ = try storage.createFile(BackingPath([name, "f"]))
      }
      let names = try PosixBackingStorage(rootPath: path).list(.root).map(\.name)
      #expect(!names.contains(left))
      #expect(names.contains(other), "its process lives")
    }
  }

  /// Holes, attributes, times and syncing, as every filesystem has them.
  private func useFilesystem(_ storage: PosixBackingStorage) throws {
    let file = try storage.createFile(at("f"))
    try file.write([1], at: 1 << 20)
    try file.resize(3 << 20)
    #expect(try file.seek(from: 0, .data) == 1 << 20)
    try file.zero(0..<(2 << 20))
    #expect(try file.seek(from: 0, .data) == nil)
    try storage.setExtendedAttribute(at("f"), ExtendedAttributeChange(name: Array("user.a".utf8), value: [1]))
    #expect(try storage.details(at("f")).extendedAttributes == [ExtendedAttribute(name: Array("user.a".utf8), value: [1])])
    #expect(try storage.status(at("f")).attributes.born != nil)
    try storage.synchronizeFilesystem()
    #expect(try storage.list(.root).contains(BackingEntry(name: "f", kind: .regular)))
    let statistics = try storage.statistics()
    #expect(statistics.blocks > statistics.blocksFree && [1024, 4096].contains(statistics.fragmentBytes))
  }

  @Test func aListingWithoutTypesIsCompleted() throws {
    // Without the feature `filetype` ext4 does not keep types in directories.
    try withFilesystem("ext4", megabytes: 8, options: "-O ^filetype,^has_journal") { path in
      let storage = try PosixBackingStorage(rootPath: path)
      try storage.makeDirectory(at("d"))
      try storage.make(at("s"), kind: .symlink, device: 0, target: [97])
      try storage.put("x", at: at("f"))
      let kinds = try storage.list(.root).filter { $0.name != "lost+found" }.sorted { $0.name < $1.name }.map(\.kind)
      #expect(kinds == [.directory, .regular, .symlink])
    }
  }

  @Test func theGreatestFileIsFoundByTrying() throws {
    // With blocks of 1 KiB ext4's limit is 4 TiB, not the usual 16.
    try withFilesystem("ext4", megabytes: 8, options: "-b 1024") { path in
      let storage = try PosixBackingStorage(rootPath: path)
      let most = storage.abilities.fileBytesMax
      #expect(most == (4 << 40) - 1024)
      let file = try storage.createFile(at("f"))
      try file.resize(most)
      #expect(throws: Errno.fileTooLarge) { try file.resize(most + 1) }
    }
  }

  @Test func aFullFilesystemIsNotTakenForOneThatCannot() throws {
    try withFilesystem("ext4", megabytes: 8) { path in
      run("cat /dev/zero > \(path)/full")
      let found = try PosixBackingStorage(rootPath: path).abilities
      #expect(found.supportsSymlinks && found.supportsHardLinks && found.supportsExtendedAttributes)
    }
  }

  @Test func aDirectoryThatCannotBeWrittenIsTakenAsAble() throws {
    try withFilesystem("ext4", megabytes: 8) { path in
      #expect(runs("mount -o remount,ro \(path)"))
      let storage = try PosixBackingStorage(rootPath: path)
      #expect(storage.abilities.supportsSymlinks && storage.abilities.fileBytesMax == (16 << 40) - 4096)
      #expect(throws: Errno.readOnlyFilesystem) { try storage.createFile(at("f")) }
    }
  }

  @Test func aRootThatIsNoDirectoryIsRefusedWithOneLine() {
    for (path, line) in [
      ("/etc/passwd", "backing directory /etc/passwd: Not a directory"),
      ("/no/such", "backing directory /no/such: No such file or directory"),
    ] {
      do {
        _ = try PosixBackingStorage(rootPath: path)
        Issue.record("\(path) was taken as a root")
      } catch { #expect(error.description == line) }
    }
  }

  @Test func mountsAreFoundByTheirNumber() {
    let lines = """
      22 28 0:21 / /sys rw,nosuid shared:7 - sysfs sysfs rw
      38 28 0:44 / /mnt/a\\040b rw master:1 propagate_from:2 - fuse.sshfs user@host:/home/x\\040y rw,user_id=0
      """
    #expect(MountDescription.parse(lines, mount: 22) == MountDescription(type: "sysfs", source: "sysfs"))
    let sshfs = MountDescription.parse(lines, mount: 38)
    #expect(sshfs == MountDescription(type: "fuse.sshfs", source: "user@host:/home/x\\040y"))
    #expect(sshfs?.hasStableInodes == false && sshfs?.hasFilesystemSync == false)
    #expect(MountDescription.parse(lines, mount: 2) == nil)
  }
}

@Suite struct CheckRootTests {
  let directory = TestDirectory()

  @Test func aRootInItsPlaceIsWell() throws {
    run("mkdir \(directory.path)/r; ln -s r \(directory.path)/link")
    let storage = try PosixBackingStorage(rootPath: directory.path + "/link")
    try storage.checkRoot()
    run("rm \(directory.path)/link")
    try storage.checkRoot()
  }

  @Test func aRootThatWasMovedOrRemovedOrReplacedIsSick() throws {
    run("mkdir \(directory.path)/r")
    let storage = try PosixBackingStorage(rootPath: directory.path + "/r")
    run("mv \(directory.path)/r \(directory.path)/moved")
    #expect(throws: Errno.noEntry) { try storage.checkRoot() }
    run("mkdir \(directory.path)/r")
    #expect(throws: Errno.stale) { try storage.checkRoot() }
    run("rmdir \(directory.path)/r; mv \(directory.path)/moved \(directory.path)/r")
    try storage.checkRoot()
  }

  /// A disk that is pulled and plugged in again, simulated by a copy of it: the same UUID on another device.
  @Test func theSameFilesystemMountedAgainIsTakenUp() throws {
    let base = directory.path
    run("mkdir \(base)/m; truncate -s 4M \(base)/disk \(base)/other; mkfs.ext4 -F -q \(base)/disk; mkfs.ext4 -F -q \(base)/other")
    defer { run("umount -l \(base)/m; umount -l \(base)/m; losetup -j \(base)/disk | cut -d: -f1 | xargs -r losetup -d") }
    #expect(runs("mount -o loop \(base)/disk \(base)/m && echo old > \(base)/m/f && sync && cp \(base)/disk \(base)/copy"))
    let storage = try PosixBackingStorage(rootPath: base + "/m")
    try storage.checkRoot()
    #expect(runs("umount -l \(base)/m && mount -o loop \(base)/other \(base)/m"))
    #expect(throws: Errno.stale, "another disk at the same place") { try storage.checkRoot() }
    #expect(runs("umount \(base)/m && mount -o loop \(base)/copy \(base)/m && echo new > \(base)/m/f"))
    try storage.checkRoot()
    #expect(try storage.text(at("f")) == "new\n")
    try storage.checkRoot()
    #expect(runs("umount -l \(base)/m"))
    #expect(throws: Errno.stale) { try storage.checkRoot() }
  }

  @Test func theBareDirectoryUnderALostMountIsNotTheRoot() throws {
    run("mkdir \(directory.path)/m; mount -t tmpfs none \(directory.path)/m")
    let storage = try PosixBackingStorage(rootPath: directory.path + "/m")
    try storage.put("x", at: at("f"))
    try storage.checkRoot()
    #expect(runs("umount -l \(directory.path)/m"))
    #expect(throws: Errno.stale) { try storage.checkRoot() }
    #expect(try storage.text(at("f")) == "x", "the held descriptor still leads to the lost filesystem, not to the bare directory")
  }
}
